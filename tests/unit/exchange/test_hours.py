"""When a window opens: in China time, over midnight, by the working-day calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.hours import opening
from gateway.model import DAY, Hours
from gateway.settings import CHINA
from gateway.sla.calendar import Calendar

NIGHT = (22 * 60, 6 * 60 + DAY)
OFFICE = (9 * 60, 17 * 60)
IS_WORK = Calendar().is_work


def china(text: str) -> datetime:
    """Return a moment that is written as a clock in China shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


@pytest.mark.parametrize(
    ("hours", "at", "opens"),
    [
        (Hours(*NIGHT), "2026-11-26 21:59:59", "2026-11-26 22:00"),  # about to open
        (Hours(*NIGHT), "2026-11-26 22:00:00", None),  # the minute it opens
        (Hours(*NIGHT), "2026-11-27 00:00:00", None),  # past midnight it is the same night
        (Hours(*NIGHT), "2026-11-27 05:59:59", None),  # its last second
        (Hours(*NIGHT), "2026-11-27 06:00:00", "2026-11-27 22:00"),  # the minute it ends is out
        (Hours(*OFFICE), "2026-11-26 17:00:00", "2026-11-27 09:00"),  # within one day
        (Hours(0, DAY), "2026-11-26 23:59:59", None),  # all day
        (Hours(*NIGHT, "workdays"), "2026-11-28 05:00:00", None),  # Saturday morning is still Friday's night
        (Hours(*NIGHT, "workdays"), "2026-11-28 06:00:00", "2026-11-30 22:00"),  # the weekend
        (Hours(*NIGHT, "workdays"), "2026-11-30 05:00:00", "2026-11-30 22:00"),  # Sunday's night would be no working day's
        (Hours(*OFFICE, "workdays"), "2026-09-30 17:00:00", "2026-10-08 09:00"),  # the National Day holidays
        (Hours(*OFFICE, "workdays"), "2026-10-10 10:00:00", None),  # a Saturday that is worked
        (Hours(0, DAY, "restdays"), "2026-11-26 12:00:00", "2026-11-28 00:00"),  # Saturday
        (Hours(0, DAY, "restdays"), "2026-10-10 12:00:00", "2026-10-11 00:00"),  # not the worked Saturday
        (Hours(*NIGHT, "restdays"), "2026-11-30 03:00:00", None),  # Sunday's night
    ],
)  # fmt: skip
def test_a_window_opens(hours: Hours, at: str, opens: str | None) -> None:
    """The day on which a window begins decides whether it counts."""
    assert opening(hours, china(at), IS_WORK) == (china(opens) if opens else None)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (Hours(*NIGHT), "22:00-06:00"),  # past midnight
        (Hours(*OFFICE, "workdays"), "09:00-17:00 workdays"),
        (Hours(0, DAY, "restdays"), "00:00-24:00 restdays"),  # a whole day
    ],
)
def test_hours_read_as_they_were_written(hours: Hours, words: str) -> None:
    """Whoever looks at a route sees what stands in the catalog."""
    assert str(hours) == words


minutes = st.integers(0, DAY - 1)
moments = st.datetimes(datetime(2025, 1, 2), datetime(2027, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given a zone


@given(begins=minutes, length=st.integers(1, DAY), days=st.sampled_from(["all", "workdays", "restdays"]), at=moments)
def test_every_minute_agrees_with_a_plain_look_at_the_clock(begins: int, length: int, days: str, at: datetime) -> None:
    """Open exactly while some counting day's window lasts; it is open when it opens, and shut a moment before."""
    hours = Hours(begins, begins + length, days)  # type: ignore[arg-type]
    found = opening(hours, at, IS_WORK)
    assert (found is None) == is_open(hours, at)
    if found is not None:
        assert at < found
        assert is_open(hours, found)
        assert not is_open(hours, found - timedelta(microseconds=1))
        assert opening(hours, found, IS_WORK) is None


def is_open(hours: Hours, at: datetime) -> bool:
    """Tell by counting the minutes since the midnights of this day and the one before."""
    here = at.astimezone(CHINA)
    for back in (0, 1):
        day = here.date() - timedelta(days=back)
        since = (here - datetime.combine(day, time(), CHINA)).total_seconds() / 60
        counts = hours.days == "all" or IS_WORK(day) == (hours.days == "workdays")
        if counts and hours.begins <= since < hours.ends:
            return True
    return False


def test_a_window_for_days_of_another_kind_is_looked_for_as_far_as_the_calendar_goes() -> None:
    """Over any holiday the next working day is found."""
    opens = opening(Hours(*OFFICE, "workdays"), china("2026-02-14 18:00"), IS_WORK)
    assert opens is not None
    assert opens.date() > date(2026, 2, 20)
