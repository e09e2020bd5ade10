"""Values that stand for personal ones: of the same form, within the rules, and nobody's."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange import identity
from gateway.model import Dataset, Field, Rule
from schemas.rehearsal.masks import Masks

TODAY = date(2026, 11, 26)
BORN = date(1980, 1, 1)
PERSON = Dataset(
    "test.person", "人员", "1.0.0", "person",
    (
        Field("id", "varchar(18)", required=True, classification="L4", limits={"maxLength": 18}),
        Field("name", "varchar(20)", classification="L3", limits={"maxLength": 20}),
        Field("sex", "smallint", classification="L3"),
        Field("born", "date", classification="L3"),
        Field("region", "varchar(6)", classification="L2"),
    ),
    ("id",),
    (
        Rule("P-01", "id18", {"field": "id"}, fields=("id",)),
        Rule("P-02", "birth_matches", {"id": "id", "date": "born"}, fields=("id", "born")),
        Rule("P-03", "sex_matches", {"id": "id", "sex": "sex"}, fields=("id", "sex")),
    ),
    "gaj",
)  # fmt: skip


def citizen(number: int) -> str:
    """Return a citizen number that is well formed."""
    body = f"130802{BORN:%Y%m%d}{number:03}"
    return (
        body
        + identity.CITIZEN_DIGITS[sum(int(c) * w for c, w in zip(body, identity.CITIZEN_WEIGHTS, strict=True)) % 11]
    )


def uscc(number: int) -> str:
    """Return a credit code that is well formed, its organisation code too."""
    body = f"{number:08}"
    found = 11 - sum(int(c) * w for c, w in zip(body, identity.ORG_WEIGHTS, strict=True)) % 11
    whole = f"91130802{body}" + {10: "X", 11: "0"}.get(found, str(found))
    alphabet = identity.USCC_ALPHABET
    return whole + alphabet[-sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(whole)) % 31]


@given(st.integers(0, 999))
def test_a_citizen_number_becomes_another_of_the_same_place_and_sex(number: int) -> None:
    """With its check digit, and a birth date that moved as all days do."""
    masks, real = Masks(TODAY), citizen(number)
    masked = masks.value(real)
    assert identity.id18(masked, TODAY)
    assert (masked[:6], int(masked[16]) % 2) == (real[:6], int(real[16]) % 2)
    assert masks.value(BORN.isoformat()) == f"{masked[6:10]}-{masked[10:12]}-{masked[12:14]}"
    assert masked != real


@given(st.integers(0, 99_999_999))
def test_a_credit_code_keeps_both_check_characters(number: int) -> None:
    """And its kind and place."""
    masked = Masks(TODAY).value(uscc(number))
    assert identity.uscc(masked, TODAY)
    assert identity.org9(masked[8:17], TODAY)
    assert masked[:8] == "91130802"


@pytest.mark.parametrize(
    ("real", "kept"),
    [
        ("13903140001", "13"),  # a mobile number is one still
        ("zhang.san@example.gov.cn", ""),  # letters become letters, signs stay
        ("承德市双桥区某街12号", ""),
        ("AB-1234", ""),
    ],
)
def test_a_text_keeps_its_form(real: str, kept: str) -> None:
    """Length, kinds of characters and signs between them."""
    masked = Masks(TODAY).value(real)

    def form(text: str) -> list[str]:
        return [
            "9" if c in "0123456789" else "a" if c.isascii() and c.isalpha() else "汉" if c.isalpha() else c
            for c in text
        ]

    assert form(masked) == form(real)
    assert masked.startswith(kept)
    assert masked != real


@given(st.lists(st.text(min_size=3, max_size=8), unique=True, max_size=30))
def test_equal_values_stay_equal_and_others_stay_others(values: list[str]) -> None:
    """So that keys are unique and joins find what they found; no value is its own mask."""
    masks = Masks(TODAY)
    once, twice = ([masks.value(v) for v in values] for _ in range(2))
    assert once == twice
    telling = [m for m, v in zip(once, values, strict=True) if any(c.isalnum() for c in v) and set(m) != {"*"}]
    assert len(set(telling)) == len(telling)
    assert not [m for m, v in zip(once, values, strict=True) if m == v and set(v) != {"*"}]  # asterisks name nobody


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), (True, True), (7, 7), ("1", "1"), ("男", None), ({"a": ["1"]}, {"a": ["1"]})],
)
def test_codes_and_what_is_no_text_keep_their_type(value: Any, expected: Any) -> None:
    """A single Chinese character may be a surname, and is masked."""
    masked = Masks(TODAY).value(value)
    assert type(masked) is type(value)
    assert masked == expected if expected is not None or value is None else masked != value


def test_a_row_that_keeps_the_rules_keeps_them_masked() -> None:
    """The birth date follows the number; a row that breaks a rule is what it is; open fields are as they were."""
    masks = Masks(TODAY)
    for number in range(100):
        row = {
            "id": citizen(number),
            "name": "王小明",
            "sex": 1 if number // 1 % 10 % 2 else 2,
            "born": "1980-01-01",
            "region": "130802",
        }
        row["sex"] = 1 if int(row["id"][16]) % 2 else 2
        masked = masks.row(PERSON, row)
        assert masked is not None
        assert masked["region"] == "130802"
        assert masked["id"] != row["id"]
        assert masked["born"] == f"{masked['id'][6:10]}-{masked['id'][10:12]}-{masked['id'][12:14]}"
    assert masks.row(PERSON, {"id": "no number", "name": "王小明", "sex": 1, "born": None, "region": None}) is not None


def test_a_column_that_no_contract_knows_is_masked() -> None:
    """It may be anybody's."""
    assert Masks(TODAY).row(PERSON, {"id": citizen(7), "note": "王小明的电话"})["note"] != "王小明的电话"  # type: ignore[index]  # it keeps its rules
    assert Masks(TODAY).row(None, {"note": "王小明的电话"}) != {"note": "王小明的电话"}
