"""What people see of a personal value never gives it away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Dataset, Field
from gateway.security.masking import mask, mask_row

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("王小明", "王**"),
        ("欧阳小明", "欧***"),
        ("13080219800101123X", "130*************3X"),
        ("1990-01-01", "1990-**-**"),
        ("1990-01-01T08:00:00+08:00", "1990-**-**"),
        ("河北省承德市双桥区武烈路1号", "河***"),
        ("1号楼2单元301室王小明", "1***"),  # an address, though it begins like a number
        ("Dr王小明先生", "D***"),
        ("", ""),
        (7, "7"),  # one sign of a code list
        (None, None),
    ],
)
def test_examples(value: object, shown: object) -> None:
    """Names, numbers, days and addresses."""
    assert shown == mask(value, "L3") == mask(value, "L4")


@given(TEXTS, st.sampled_from(["L3", "L4", "", "L9"]))
def test_no_mask_shows_more_than_five_characters(text: str, classification: str) -> None:
    """Of a short text one character is left, of a long one at most five, and the rest is stars."""
    shown = mask(text, classification)
    left = [c for c in shown.replace("*", "") if c != "-"] if "-**-**" in shown else list(shown.replace("*", ""))
    original = text.replace("*", "")
    assert len(left) <= (1 if len(text) <= 5 else 5)
    assert len(text) <= 1 or "*" in shown
    assert all(c in original for c in left)


@given(TEXTS, TEXTS)
def test_texts_that_differ_in_the_middle_look_alike(first: str, last: str) -> None:
    """Only the ends of a number are seen: two with the same ends cannot be told apart."""
    assert mask("130" + "0" * 13 + "3X", "L4") == mask("130" + "9" * 13 + "3X", "L4")
    assert mask("王" + first[:3], "L3")[:1] == mask("王" + last[:3], "L3")[:1]


@given(TEXTS)
def test_public_values_are_shown(text: str) -> None:
    """L1 and L2 are no personal data."""
    assert mask(text, "L1") == mask(text, "L2") == text


def test_an_unknown_field_is_masked() -> None:
    """A column that the contract does not know is treated as personal."""
    dataset = Dataset("t.t", "", "1", "t", (Field("open", "text", classification="L1"),), ("open",), (), "")
    assert mask_row(dataset, {"open": "公开内容", "more": "王小明"}) == {"open": "公开内容", "more": "王**"}
