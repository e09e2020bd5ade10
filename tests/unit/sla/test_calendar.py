"""Working days: official ones, a city's overrides, and years that are not published yet."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CalendarMissing, CatalogInvalid
from gateway.sla.calendar import Calendar

KNOWN = Calendar()
DAYS = st.dates(date(2018, 1, 1), date(2027, 6, 1))


@pytest.mark.parametrize(
    ("day", "count", "due"),
    [
        (date(2026, 9, 29), 5, date(2026, 10, 12)),  # over the National Day holiday and a working Saturday
        (date(2026, 11, 20), 1, date(2026, 11, 23)),  # over a weekend
        (date(2026, 11, 23), 5, date(2026, 11, 30)),  # a plain week
    ],
)
def test_a_due_day_counts_official_working_days(day: date, count: int, due: date) -> None:
    """The n-th working day after a day."""
    assert due == KNOWN.add_workdays(day, count)


@given(DAYS, st.integers(1, 40))
def test_adding_and_counting_agree(day: date, count: int) -> None:
    """Counting the working days up to a due day gives back the number, and the due day is worked."""
    due = KNOWN.add_workdays(day, count)
    assert KNOWN.is_work(due)
    assert count == KNOWN.workdays_between(day, due)


@given(DAYS)
def test_due_days_never_go_backwards(day: date) -> None:
    """A later start never gives an earlier due day."""
    assert KNOWN.add_workdays(day, 5) <= KNOWN.add_workdays(day + timedelta(days=1), 5)


def test_an_unpublished_year_is_provisional() -> None:
    """A year without an arrangement is answered, and says so."""
    assert KNOWN.at(date(2027, 3, 1)).basis == "provisional"
    assert not KNOWN.is_work(date(2027, 10, 1))


def test_an_override_wins(tmp_path: Path) -> None:
    """The city's own file decides over the official data."""
    path = tmp_path / "overrides.yaml"
    path.write_text("- {day: 2026-11-24, is_work: false, note: 停电}", encoding="utf-8")
    found = Calendar.from_files([path]).at(date(2026, 11, 24))
    assert (found.is_work, found.basis, found.note) == (False, "override", "停电")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {day: 2026-11-24}", "entry 1"),  # not said whether it is worked
        ("- {day: 2026-11-24, is_work: 'no'}", "entry 1"),  # the text "no" would be true
        ("- {day: 2026-11-24, is_work: 1}", "entry 1"),
        ("- {day: 2026-11-24, is_work: true}\n- {day: 2026-11-31, is_work: true}", "2: 2026-11-31 is no day"),
        ("- {day: tomorrow, is_work: true}", "entry 1"),
        ("- 2026-11-24", "entry 1"),
        ("day: 2026-11-24", "a list of days"),
        ("- {day: [", "did not find"),
    ],
)
def test_a_wrong_override_names_its_entry(tmp_path: Path, text: str, words: str) -> None:
    """What is no day with a yes or no is refused, with file and entry."""
    path = tmp_path / "overrides.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogInvalid, match=f"overrides.yaml.*{words}"):
        Calendar.from_files([path])


def test_a_later_file_has_the_last_word(tmp_path: Path) -> None:
    """Overrides are read in order; a working Saturday counts towards a due day, a day off does not."""
    for name, flag in (("a.yaml", "false"), ("b.yaml", "true")):
        (tmp_path / name).write_text(f"- {{day: 2026-11-28, is_work: {flag}}}", encoding="utf-8")
    city = Calendar.from_files([tmp_path / "a.yaml", tmp_path / "b.yaml"])
    assert city.add_workdays(date(2026, 11, 23), 5) == date(2026, 11, 28)
    assert KNOWN.add_workdays(date(2026, 11, 23), 5) == date(2026, 11, 30)


def test_a_day_outside_the_calendar_is_refused() -> None:
    """An answer is never guessed."""
    with pytest.raises(CalendarMissing, match="outside the working-day calendar"):
        KNOWN.at(date(2015, 1, 1))


@pytest.mark.parametrize(
    ("day", "count", "expected", "basis"),
    [
        (date(2026, 11, 24), 15, date(2026, 12, 15), "official"),  # a published year has one answer
        (date(2026, 9, 29), 5, date(2026, 10, 12), "official"),  # the Saturday 10-10 is worked
        (
            date(2027, 1, 25),
            15,
            date(2027, 2, 23),
            "provisional",
        ),  # Spring Festival at its longest: nine days from its eve
        (date(2026, 12, 28), 5, date(2027, 1, 5), "provisional"),  # from a published year into one that is not
    ],
)
def test_working_days_of_a_year_that_is_not_published_are_counted_at_worst(
    day: date, count: int, expected: date, basis: str
) -> None:
    """A date that was promised may move later when the year is published, never earlier."""
    assert KNOWN.add_workdays_at_worst(day, count) == (expected, basis)
    assert KNOWN.add_workdays(day, count) <= expected


@given(st.dates(date(2027, 1, 1), date(2027, 10, 30)), st.integers(1, 20))
def test_the_worst_case_is_never_before_the_festivals_alone(day: date, count: int) -> None:
    """Whatever day and count."""
    assert KNOWN.add_workdays_at_worst(day, count)[0] >= KNOWN.add_workdays(day, count)


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2027, 2, 4), True),  # the day before Spring Festival's eve
        (date(2027, 2, 5), False),  # the eve
        (date(2027, 2, 9), False),  # made up for the festival's Sunday
        (date(2027, 2, 11), True),  # free only if the arrangement says so
        (date(2027, 6, 9), False),  # Dragon Boat Festival, by the moon
    ],
)
def test_festivals_are_free_before_a_year_is_published(day: date, worked: bool) -> None:
    """By the law alone."""
    assert (KNOWN.is_work(day), KNOWN.at(day).basis) == (worked, "provisional")
