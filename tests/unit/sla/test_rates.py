"""The arithmetic of figures, and the periods they are made for."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PeriodInvalid
from gateway.sla import agreements, occurrences, rates, verify_evidence
from gateway.sla.calendar import Calendar
from gateway.sla.periods import Period

ALLOWED = [
    # occurrences, target, how many may be late
    (5, 9000, 0),
    (10, 9000, 1),  # in floating point this is 0
    (10, 9500, 0),
    (12, 9500, 0),
    (20, 9500, 1),
    (96, 9900, 0),
    (1440, 9900, 14),
    (1440, 9500, 72),
]


@pytest.mark.parametrize(("count", "target", "may"), ALLOWED)
def test_allowed_misses_are_whole_occurrences(count: int, target: int, may: int) -> None:
    """The floor is taken of integers."""
    assert rates.allowed(count, target) == may


@given(st.integers(0, 10**7), st.integers(1, 10**7))
def test_a_rate_is_rounded_as_decimals_are(part: int, whole: int) -> None:
    """Basis points equal the decimal quotient, halves up; the verifier finds the same."""
    exact = (Decimal(part) * 10000 / Decimal(whole)).quantize(Decimal(1), ROUND_HALF_UP)
    assert rates.rate(part, whole) == int(exact) == verify_evidence.rate(part, whole)


def test_nothing_of_nothing_has_no_rate() -> None:
    """A unit without occurrences is not at 0 % and not at 100 %."""
    assert rates.rate(0, 0) is None


@given(st.lists(st.integers(0, 200), min_size=16, max_size=16))
def test_percentiles_of_a_histogram_are_bounds_of_buckets(counts: list[int]) -> None:
    """At least that share lies at or below the bound, and less below the one before."""
    for percent, bound in zip((50, 95, 99), rates.percentiles(counts, occurrences.BUCKETS), strict=True):
        if bound is None:
            continue
        place = occurrences.BUCKETS.index(bound)
        assert 100 * sum(counts[: place + 1]) >= percent * sum(counts) > 100 * sum(counts[:place])
    assert verify_evidence.BOUNDS == occurrences.BUCKETS


def _unit(unit: str, on_time: int, late: int, coverage: int = 10000) -> dict[str, object]:
    return {
        "unit": unit,
        "on_time": on_time,
        "late_own": late,
        "coverage_bp": coverage,
        "rate_bp": rates.rate(on_time, on_time + late),
    }


def test_equal_units_share_a_place_and_small_samples_have_none() -> None:
    """1, 1, 3; four occurrences, or a coverage of 94.99 %, say too little."""
    rows = [_unit("a", 9, 1), _unit("b", 10, 0), _unit("c", 20, 0), _unit("d", 4, 0), _unit("e", 30, 0, 9499)]
    placed = [(row["unit"], row["place"], row["why"]) for row in rates.ranked(rows)]
    assert placed == [
        ("b", 1, ""),
        ("c", 1, ""),
        ("a", 3, ""),
        ("d", None, "too_few"),
        ("e", None, "too_little_measured"),
    ]


PERIODS = [
    # name, first, last, the one before
    ("2026-11A", date(2026, 11, 1), date(2026, 11, 15), "2026-10B"),
    ("2026-11B", date(2026, 11, 16), date(2026, 11, 30), "2026-11A"),
    ("2028-02B", date(2028, 2, 16), date(2028, 2, 29), "2028-02A"),
    ("2026-01A", date(2026, 1, 1), date(2026, 1, 15), "2025-12B"),
    ("2026-01", date(2026, 1, 1), date(2026, 1, 31), "2025-12"),
]


@pytest.mark.parametrize(("name", "first", "last", "before"), PERIODS)
def test_a_period_is_a_half_month_or_a_month(name: str, first: date, last: date, before: str) -> None:
    """Both halves and the whole know their days and what went before."""
    found = Period.of(name)
    assert (found.first, found.last, found.before.name) == (first, last, before)
    assert found.ends - found.begins == timedelta(days=(last - first).days + 1)
    if found.half:
        assert Period.around(last) == found


@pytest.mark.parametrize("name", ["2026-13A", "2026-11C", "2026-1A", "202611A", "", "2026-11A\n", "1999-01"])
def test_what_is_no_period_is_refused(name: str) -> None:
    """The error shows how one is written."""
    with pytest.raises(PeriodInvalid, match="no period") as refused:
        Period.of(name)
    assert "2026-11A" in refused.value.hint


def test_an_issue_is_drafted_and_frozen_on_the_working_days_after_its_period() -> None:
    """The first half of October 2026 ends within working days, its second on a Saturday."""
    calendar = Calendar()
    assert Period.of("2026-11A").publishing(calendar) == (date(2026, 11, 16), date(2026, 11, 17))
    assert Period.of("2026-10B").publishing(calendar) == (date(2026, 11, 2), date(2026, 11, 3))


GAPS = [
    # cron line, the longest time between two slots
    ("0 2 * * *", timedelta(days=1)),
    ("0 * * * *", timedelta(hours=1)),
    ("*/5 * * * *", timedelta(minutes=5)),
    ("0 3 * * 6", timedelta(days=7)),
    ("0 4 1 * *", timedelta(days=31)),
]


@pytest.mark.parametrize(("cron", "gap"), GAPS)
def test_what_a_term_leaves_for_carrying_is_counted_from_the_longest_gap(cron: str, gap: timedelta) -> None:
    """A month of 31 days is the longest, whatever month it is now."""
    assert agreements.longest_gap(cron) == gap


def test_a_cron_line_strikes_by_clocks_in_china_up_to_the_end() -> None:
    """Every slot comes with the one after it; the first may be the very moment, the end is none."""
    period = Period.of("2026-11A")
    daily = list(occurrences.slots("0 0 * * *", period.begins, period.ends))
    assert len(daily) == 15
    assert daily[0][0] == period.begins
    assert daily[-1][1] == period.ends
    assert all(following - slot == timedelta(days=1) for slot, following in daily)
