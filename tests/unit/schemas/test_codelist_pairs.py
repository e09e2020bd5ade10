"""Editions of a code list made up by chance: no code on any day contradicts what was called compatible."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.diff.compare import compare
from schemas.diff.model import Policy
from schemas.snapshot import codelist

CODES, DAYS = "ABCD", ("2016-06-01", "2017-06-01", "2018-06-01", "2019-06-01")
EDGES = st.sampled_from([None, "2017-01-01", "2018-01-01", "2019-01-01"])
ONE = st.fixed_dictionaries({
    "name": st.sampled_from(["市辖区", "平泉县", "平泉市", "高新区"]), "valid_from": EDGES, "valid_to": EDGES,
    "replaced_by": st.sampled_from([None, None, None, *CODES, "Z"]),
})  # fmt: skip
EDITION = st.dictionaries(st.sampled_from(CODES), ONE, min_size=1, max_size=4)


def edition(codes: dict[str, Any]) -> Any:
    """Return the snapshot of an edition."""
    return codelist.snapshot(({"code": code, **facts} for code, facts in codes.items()), source="", edition="")


def holds(codes: dict[str, Any], code: str, day: str) -> bool:
    """Tell whether a list knows a code on a day."""
    facts = codes.get(code)
    return facts is not None and (facts["valid_from"] or "") <= day <= (facts["valid_to"] or "9")


def replaced(codes: dict[str, Any], code: str) -> bool:
    """Tell whether a list says which of its codes stands for one that it does not know any more."""
    for _ in CODES:
        heir = codes[code]["replaced_by"] if code in codes else None
        if heir is None:
            return False
        code = heir
        if code in codes and codes[code]["replaced_by"] is None:
            return True
    return False


@settings(max_examples=300, deadline=None)
@given(EDITION, EDITION)
def test_no_code_ever_contradicts_compatible(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Who keeps to a closed list, and who writes, is never told that all is well while a code fails."""
    closed = Policy(enum="closed")
    reader, writer = (compare("codelist", edition(old), edition(new), role, closed) for role in ("reader", "writer"))
    for code in CODES:
        for day in DAYS:
            was, now = holds(old, code, day), holds(new, code, day)
            assert was or not now or not reader.compatible, (code, day)
            assert now or not was or replaced(new, code) or not writer.compatible, (code, day)


@settings(max_examples=100, deadline=None)
@given(EDITION)
def test_an_edition_is_compatible_with_itself(codes: dict[str, Any]) -> None:
    """The same codes in another order are no change."""
    other = dict(reversed(codes.items()))
    assert compare("codelist", edition(codes), edition(other), "both", Policy()).changes == ()


def test_a_name_that_left_one_code_for_another_is_another_meaning() -> None:
    """Two codes that exchange their names say nothing of it; districts that are all called the same are no sign."""
    old = edition({"A": {"name": "平泉县"}, "B": {"name": "高新区"}, "C": {"name": "市辖区"}})
    swapped = edition({"A": {"name": "高新区"}, "B": {"name": "平泉县"}, "C": {"name": "市辖区"}})
    alike = edition({"A": {"name": "市辖区"}, "B": {"name": "高新区"}, "C": {"name": "市辖区"}})
    assert not compare("codelist", old, swapped, "reader", Policy()).compatible
    assert compare("codelist", old, alike, "reader", Policy()).compatible


def test_codes_that_replace_each_other_in_a_ring_are_replaced_by_none() -> None:
    """The list holds each of them, and none tells what holds now."""
    old = edition({"A": {}, "B": {}})
    ring = edition({"A": {"replaced_by": "B"}, "B": {"replaced_by": "A"}})
    assert not compare("codelist", old, ring, "writer", Policy()).compatible
