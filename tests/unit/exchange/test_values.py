"""JSON values as the hub would store them; the integration tests compare the same function with PostgreSQL itself."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.exchange.values import stored
from gateway.model import Field

DAY, MONEY, WHOLE, FLAG, TEXT = (
    Field("f", "date"),
    Field("f", "numeric(6,2)"),
    Field("f", "smallint"),
    Field("f", "boolean"),
    Field("f", "varchar(9)"),
)
NAIVE, EXACT = Field("f", "timestamp(0)", zone="Asia/Shanghai"), Field("f", "timestamptz")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (DAY, "2026-02-28", date(2026, 2, 28)),
        (DAY, "20260228", date(2026, 2, 28)),
        (DAY, "2026-2-8", date(2026, 2, 8)),
        (MONEY, 1, Decimal("1.00")),
        (MONEY, Decimal("1.005"), Decimal("1.01")),  # halves away from zero
        (MONEY, Decimal("-1.005"), Decimal("-1.01")),
        (MONEY, "1e3", Decimal("1000.00")),
        (WHOLE, -32768, -32768),
        (FLAG, False, False),
        (TEXT, "𠂇\n", "𠂇\n"),
        (NAIVE, "2026-11-25 08:00:00", datetime(2026, 11, 25, 0, 0, tzinfo=UTC)),
        (NAIVE, "2026-11-25T08:00:00.5Z", datetime(2026, 11, 25, 8, 0, 1, tzinfo=UTC)),  # rounded to the second
        (NAIVE, "1990-09-16 01:30:00", datetime(1990, 9, 15, 17, 30, tzinfo=UTC)),  # twice that night: standard time
        (EXACT, "2026-11-25T08:00:00.123456+08:00", datetime(2026, 11, 25, 0, 0, 0, 123456, tzinfo=UTC)),
        (Field("f", "text", repairs=("trim", "upper", "nullify")), "ab \u3000", "AB"),
        (Field("f", "text", repairs=("trim", "nullify")), " ", None),
        (Field("f", "text", repairs=("upper",)), "straße\uff41", "STRAßE\uff41"),  # ASCII letters only
        (Field("f", "date", repairs=("open_end",)), "9999-12-31", None),
        (TEXT, None, None),
    ],
)  # fmt: skip
def test_a_value_is_stored(field: Field, value: Any, expected: Any) -> None:
    """Accepted spellings give the native value."""
    assert expected == stored(field, value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(DAY, v) for v in ("2026-02-29", "today", "infinity", "2026-W01-1", "10000-01-01", "", 20260101, "２０２６-01-01", "2026-01-01\n")],
        *[(MONEY, v) for v in ("NaN", "Infinity", Decimal("NaN"), "1_000", " 1", "0x1F", "１", "", 1.5, True, 10_000, "1e9999", 10**30)],
        *[(WHOLE, v) for v in (32768, -32769, "1", 1.0, True, Decimal(1))],
        *[(FLAG, v) for v in (0, "true")],
        *[(TEXT, v) for v in ("\0", "\ud800", 7, True, ["a"])],
        *[(NAIVE, v) for v in ("now", "2026-11-25T10", "2026-11-25 24:00:00", "2026-11-25T10:00:00+16:00", "9999-12-31T23:59:59.9", 1764000000, "20261125T100000")],
    ],
)  # fmt: skip
def test_a_value_that_the_type_cannot_hold_is_refused(field: Field, value: Any) -> None:
    """Nothing is guessed, cut or rounded in silence."""
    with pytest.raises(ValueError, match="f"):
        stored(field, value)
