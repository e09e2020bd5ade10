"""What the comparison of snapshots does with documents that are none, with policies, and with guesses."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.diff.batch import answers
from schemas.diff.compare import compare
from schemas.diff.model import Answer, BadDocument, Policy


def column(number: int, name: str, kind: str = "integer", **more: Any) -> dict[str, Any]:
    """Return a column of a snapshot."""
    return {"attnum": number, "name": name, "type": kind, **more}


def snapshot(*columns: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a snapshot of one table."""
    table = {"oid": 7, "schema": "ex", "name": "rk", "kind": "r", "columns": list(columns), **more}
    server = {"system_identifier": "1", "database_oid": 5, "version_num": 180004}
    return {
        "format": "gateway.snapshot/1",
        "kind": "pg",
        "server": server,
        "schemas": [],
        "relations": [table],
        "access": [],
    }


def judged(old: Any, new: Any, **policy: Any) -> Answer:
    """Compare for both roles."""
    return compare("pg", old, new, "both", Policy.of(policy))


GOOD = snapshot(column(1, "id", notnull=True), column(2, "state", "ex.state", enum=["a", "b"], enum_ids=[1, 2]))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ((), [], "old: not a snapshot"),
        (("format",), "gateway.snapshot/9", "old: not a snapshot"),
        (("kind",), "mysql", "of kind 'mysql', not pg"),
        (("server",), None, "server is not an object"),
        (("server", "version_num"), "18", "number of its version"),
        (("relations",), {}, "relations is not a list of objects"),
        (("relations",), [1], "relations is not a list of objects"),
        (("relations", 0, "name"), 5, r"relations\[0\]: name is not str"),
        (("relations", 0, "oid"), "7", r"relations\[0\]: oid"),
        (("relations", 0, "columns"), None, "old: ex.rk: columns is not list"),
        (("relations", 0, "columns", 0), "id", "old: ex.rk, columns: str where an object"),
        (("relations", 0, "columns", 0, "type"), None, "old: ex.rk, columns: type is not str"),
        (("relations", 0, "columns", 1, "enum"), [1], "a list of names holds something else"),
        (("relations", 0, "constraints"), [{"type": "p"}], "constraints: def is not str"),
        (("relations", 0, "acl"), ["unit"], ""),  # not who:what, and yet nothing ends
        (("relations", 0, "indexes"), [[]], "indexes: list where an object"),
        (("access",), [{"role": "unit"}], "access: rights is not dict"),
    ],
)
def test_a_document_that_is_no_snapshot_is_named_with_its_place(path: tuple[Any, ...], value: Any, words: str) -> None:
    """Never another error, whatever stands there."""
    bad: Any = {"whole": deepcopy(GOOD)}
    place, last = bad, "whole"
    for step in path:
        place, last = place[last], step
    place[last] = value
    if words:
        with pytest.raises(BadDocument, match=words):
            judged(bad["whole"], GOOD)
    else:
        judged(bad["whole"], GOOD)


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "r", "v", "x:SELECT", "a.b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "def", "type", "rights", "role", "schemas", "attnum", "domain", "checks"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["columns", "constraints", "triggers", "policies", "indexes", "acl", "options", "view", "kind", "oid"]),
        _JUNK, max_size=3,
    ),
    st.dictionaries(st.sampled_from(["access", "schemas", "server", "relations"]), _JUNK, max_size=2),
)  # fmt: skip
def test_junk_in_a_snapshot_is_a_bad_document_or_judged(relation: dict[str, Any], whole: dict[str, Any]) -> None:
    """A snapshot may have been written by anybody."""
    junk = deepcopy(GOOD)
    junk["relations"][0].update(relation)
    junk.update(whole)
    for pair in ((junk, GOOD), (GOOD, junk)):
        with suppress(BadDocument):
            judged(*pair)


def test_the_policy_of_closed_lists_makes_a_new_label_break_its_readers() -> None:
    """By default lists are open."""
    more = deepcopy(GOOD)
    more["relations"][0]["columns"][1] |= {"enum": ["a", "b", "c"], "enum_ids": [1, 2, 3]}
    assert judged(GOOD, more).compatible
    assert not judged(GOOD, more, enum="closed").compatible


def test_labels_that_swapped_their_names_are_told() -> None:
    """The list has the same names, and each now means the other."""
    swapped = deepcopy(GOOD)
    swapped["relations"][0]["columns"][1] |= {"enum": ["b", "a"]}
    assert [c.rule for c in judged(GOOD, swapped).changes].count("pg.enum.rename") == 2


def test_a_rename_carries_its_rules_along() -> None:
    """Keys and checks that only got the new name are no changes."""
    rules = [
        {"type": "p", "name": "k", "columns": ["id"], "def": "PRIMARY KEY (id)"},
        {"type": "c", "name": "c", "columns": ["id"], "def": "CHECK ((id > 0))"},
    ]
    old = snapshot(column(1, "id"), constraints=rules)
    text = (
        json.dumps(old).replace('"id"', '"num"').replace("(id", "(num").replace('num", "name": "k', 'id", "name": "k')
    )
    (found,) = judged(old, json.loads(text)).changes
    assert found.rule == "pg.column.rename"


def test_two_candidates_make_no_suspect() -> None:
    """A guess that could as well be another is none."""
    old = snapshot(column(1, "addr", "text", comment="住址"))
    new = snapshot(column(1, "addr1", "text", comment="住址"), column(2, "addr2", "text", comment="住址"))
    new["server"]["database_oid"] = 6
    assert not [c for c in judged(old, new).changes if "suspected" in c.rule]
    del new["relations"][0]["columns"][1]
    assert [c.rule for c in judged(old, new).changes if "suspected" in c.rule] == ["pg.column.rename.suspected"]


def test_numbers_count_only_within_one_database_and_one_major_version() -> None:
    """After an upgrade or a restore, a number may be another column's."""
    old, new = snapshot(column(1, "a"), column(2, "b")), snapshot(column(1, "b"), column(2, "a"))
    assert [c.rule for c in judged(old, new).changes] == ["pg.column.swap", "pg.column.swap"]
    for key, value in (("version_num", 190000), ("system_identifier", "2"), ("database_oid", None)):
        other = deepcopy(new)
        other["server"][key] = value
        assert [c.rule for c in judged(old, other).changes] == ["pg.column.swap.undecided"]
    widened = snapshot(column(1, "b", "text"), column(2, "a"))
    widened["server"]["version_num"] = 190000
    old["relations"][0]["columns"][1]["type"] = "text"
    assert [c.rule for c in judged(old, widened).changes] == ["pg.column.move"]  # each went with its type


def test_snapshots_are_judged_a_line_at_a_time() -> None:
    """As every other kind, in one process for all."""
    case = {
        "id": 1,
        "kind": "pg",
        "role": "writer",
        "old": GOOD,
        "new": snapshot(column(1, "id", "smallint", notnull=True)),
    }
    (line,) = answers([json.dumps(case).encode()], seconds=5)
    assert json.loads(line)["compatible"] is False
    assert {c["rule"] for c in json.loads(line)["changes"]} == {"pg.type.narrow", "pg.column.drop"}
