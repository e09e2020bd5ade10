"""When runs of a platform may start: its window, in China time, by the working-day calendar where that counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from gateway.model import Hours
from gateway.settings import CHINA

IsWork = Callable[[date], bool]


def opening(hours: Hours, at: datetime, is_work: IsWork) -> datetime | None:
    """Return the next moment at which the window opens, or None when it is open; it is closed in the minute it ends.

    After midnight it is still the window of the day on which it began. Raises CalendarMissing when the calendar ends
    before it opens.
    """
    here = at.astimezone(CHINA)
    day = here.date() - timedelta(days=1)
    while True:
        midnight = datetime.combine(day, time(), CHINA)
        begins, ends = (midnight + timedelta(minutes=minutes) for minutes in (hours.begins, hours.ends))
        if here < ends and _counts(hours, day, is_work):
            return None if begins <= here else begins
        day += timedelta(days=1)


def _counts(hours: Hours, day: date, is_work: IsWork) -> bool:
    return hours.days == "all" or is_work(day) == (hours.days == "workdays")
