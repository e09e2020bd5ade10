"""From when on a batch that nobody refused may be presumed accepted."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from gateway import settings
from gateway.exchange import settlement
from gateway.model import Settle
from gateway.sla.calendar import Calendar


def china(text: str) -> datetime:
    """Return a moment in China."""
    return datetime.fromisoformat(text).replace(tzinfo=settings.CHINA)


DUE = [
    ("2026-11-23T10:00", 1, "2026-11-25T00:00"),  # a Monday: all of Tuesday is left
    ("2026-11-23T10:00", 5, "2026-12-01T00:00"),  # the weekend does not count, and the fifth day is over first
    ("2026-11-23T00:00", 1, "2026-11-25T00:00"),  # the day of the confirmation does not count, whatever its hour
    ("2026-11-27T23:59", 1, "2026-12-01T00:00"),  # a Friday night
    ("2026-11-28T12:00", 1, "2026-12-01T00:00"),  # on a Saturday
    ("2026-09-29T10:00", 5, "2026-10-13T00:00"),  # over the National Day holidays and their make-up days
]


@pytest.mark.parametrize(("confirmed", "workdays", "due"), DUE)
def test_the_last_working_day_must_be_over(confirmed: str, workdays: int, due: str) -> None:
    """Working days are counted from the day after, by the calendar."""
    found = settlement.due(Settle(workdays=workdays), china(confirmed), Calendar().add_workdays)
    assert found == china(due)


def test_seconds_are_counted_from_the_confirmation() -> None:
    """The same setting in a shorter unit, for a stand-in province that judges at once."""
    at = china("2026-11-28T12:00")
    assert settlement.due(Settle(seconds=30), at, Calendar().add_workdays) == at + timedelta(seconds=30)


def test_the_time_is_told_in_words() -> None:
    """As people write it."""
    assert [str(s) for s in (Settle(workdays=5), Settle(seconds=9))] == ["5 working days", "9 seconds"]
