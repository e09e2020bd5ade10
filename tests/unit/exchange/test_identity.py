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


@given(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=18, max_size=18))
def test_credit_code_agrees_with_an_independent_library(text: str) -> None:
    """What the library accepts we accept; we also allow letters in the first two places."""
    if oracle.is_valid(text):
        assert identity.uscc(text, TODAY)
    elif text[:2].isdigit():
        assert not identity.uscc(text, TODAY)
