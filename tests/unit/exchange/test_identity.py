"""Check digits: the examples, what must be refused, and agreement with an independent library."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc as oracle

from gateway.exchange import identity

TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("11010519491231002X", True),  # the standard's own example
        ("110105194912310021", False),  # another check digit
        ("11010519491331002X", False),  # month 13
        ("11010519490231002X", False),  # 31 February
        ("11010520491231002X", False),  # born in the future
        ("01010519491231002X", False),  # begins with 0
        ("１1010519491231002X", False),
        ("110105491231002", False),  # fifteen digits are never converted
        ("11010519491231002X\n", False),  # a newline at the end
    ],
)
def test_citizen_number(text: str, good: bool) -> None:
    """A citizen number is well formed or it is not."""
    assert good == identity.id18(text, TODAY)


def test_numbers_of_former_and_special_regions_pass() -> None:
    """平泉县's old code, residence permits and permanent residents carry numbers like everybody."""
    for region in ("130823", "130881", "810000", "900000", "133100"):
        body = f"{region}19900101123"
        total = sum(int(c) * w for c, w in zip(body, identity.CITIZEN_WEIGHTS, strict=True))
        assert identity.id18(body + identity.CITIZEN_DIGITS[total % 11], TODAY)


@pytest.mark.parametrize(
    ("check", "text", "good"),
    [
        ("id18", "110105194912310000", False),  # a digit in the place of X
        ("id18", "11010519491231002x", False),  # small x
        ("id18", "13080219000229001X", False),  # 1900 was no leap year
        ("id18", "13080218591231001X", False),  # before the first year
        ("uscc", "91350100M000100Y43", True),  # the standard's own example
        ("uscc", "91350100M000100Y44", False),  # another check character
        ("uscc", "91350100m000100y43", False),  # small letters are repaired before, not here
        ("uscc", "91350100M000100I43", False),  # I is not in the alphabet
        ("uscc", "91350100M000100Y4", False),
        ("uscc", "９1350100M000100Y43", False),
        ("org9", "D2143569X", True),  # the standard's own example
        ("org9", "D21435690", False),
        ("org9", "D2143569X\n", False),
        ("date8", "20000229", True),  # a leap century
        ("date8", "19000229", False),
        ("date8", "00000101", False),  # there is no year 0
        ("date8", "2024022９", False),
        ("division6", "130802", True),
        ("division6", "１30802", False),
        ("division12", "130802001000", True),
        ("division12", "13080200100", False),
        ("division12", "130802001000\n", False),
    ],
)
def test_published_examples_and_their_neighbours(check: str, text: str, good: bool) -> None:
    """Numbers from the standards' texts, and what is just beside them."""
    assert good == identity.KINDS[check](text, TODAY)


@given(
    st.dates(date(1900, 1, 1), TODAY), st.integers(1, 999), st.sampled_from(["130802", "130823", "830000", "910000"])
)
def test_one_last_digit_makes_a_citizen_number(born: date, sequence: int, region: str) -> None:
    """Of the eleven possible last characters exactly one is right, and it is the one ISO 7064 MOD 11-2 gives."""
    body = f"{region}{born:%Y%m%d}{sequence:03d}"
    right = [last for last in "0123456789X" if identity.id18(body + last, TODAY)]
    assert right == [str(c) if (c := (1 - 2 * _mod(body)) % 11) < 10 else "X"]


def _mod(body: str) -> int:
    """Return the recursive form of MOD 11-2, written independently of the weights."""
    total = 0
    for digit in body:
        total = (total + int(digit)) * 2 % 11
    return total * 6 % 11  # undo the last doubling: 6 is the inverse of 2


@given(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=18, max_size=18))
def test_credit_code_agrees_with_an_independent_library(text: str) -> None:
    """What the library accepts we accept; we also allow letters in the first two places."""
    if oracle.is_valid(text):
        assert identity.uscc(text, TODAY)
    elif text[:2].isdigit():
        assert not identity.uscc(text, TODAY)
