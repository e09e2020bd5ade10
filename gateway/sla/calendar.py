"""The working-day calendar: official data, overrides of the city, and provisional years.

Official days come from the published arrangements (package chinesecalendar); an override file wins; a year that is not
published yet is provisional: Monday to Friday less the festivals of the law, without make-up days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import chinese_calendar
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from gateway import pg, settings
from gateway.errors import CalendarMissing, CatalogInvalid
from gateway.sla import provisional
from gateway.sql import queries
from gateway.yamlfile import parse

_SQL = queries(__file__)
_FIRST = date(2016, 1, 1)
_AHEAD = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Day:
    """One day: whether it is worked, and on what basis that is known."""

    day: date
    is_work: bool
    basis: str
    note: str = ""


class Calendar:
    """Answers for every day from 2016 to 400 days ahead."""

    def __init__(self, overrides: Iterable[Day] = ()) -> None:
        """Take the city's overrides; the rest is computed."""
        self._overrides = {d.day: d for d in overrides}
        self.first, self.last = _FIRST, settings.now().astimezone(settings.CHINA).date() + _AHEAD

    @classmethod
    def from_files(cls, paths: Sequence[Path]) -> Calendar:
        """Read override files: lists of {day, is_work, note}; CatalogInvalid names file and entry."""
        return cls(day for path in paths for day in _read(path))

    def at(self, day: date) -> Day:
        """Return a day; CalendarMissing outside the calendar."""
        if not self.first <= day <= self.last:
            raise CalendarMissing(
                f"{day} lies outside the working-day calendar ({self.first} to {self.last})",
                "Run `gateway calendar load`.",
            )
        return self._overrides.get(day) or _computed(day)

    def days(self, first: date, last: date) -> Iterator[Day]:
        """Yield the days from `first` to `last`, both included."""
        for offset in range((last - first).days + 1):
            yield self.at(first + timedelta(days=offset))

    def is_work(self, day: date) -> bool:
        """Tell whether a day is worked."""
        return self.at(day).is_work

    def add_workdays(self, day: date, count: int) -> date:
        """Return the `count`-th working day after `day` (count >= 1): 2026-09-29 + 5 = 2026-10-12."""
        return _nth_after(day, count, self.is_work)

    def add_workdays_at_worst(self, day: date, count: int) -> tuple[date, str]:
        """Return the `count`-th working day after `day` whatever a year's arrangement will say, and the basis of it.

        2027-01-25 + 15 is 2027-02-19 by the festivals, 2027-02-23 if Spring Festival is as long as it ever was: the later.
        """
        found = _nth_after(day, count, lambda d: self.is_work(d) and not self._may_be_free(d))
        bases = {self.at(d).basis for d in (found, day)}
        return found, "provisional" if "provisional" in bases else "override" if "override" in bases else "official"

    def _may_be_free(self, day: date) -> bool:
        return self.at(day).basis == "provisional" and not provisional.is_work_at_worst(day)

    def workdays_between(self, after: date, upto: date) -> int:
        """Count the working days in (after, upto]."""
        return sum(d.is_work for d in self.days(after + timedelta(days=1), upto))


def load(connection: Connection, calendar: Calendar) -> int:
    """Bring table gateway.workday to the calendar inside the caller's transaction; return the days that changed."""
    rows = [(d.day, d.is_work, d.basis, d.note) for d in calendar.days(calendar.first, calendar.last)]
    with connection.cursor() as cursor:
        cursor.execute(_SQL["stage"])
        execute_values(cursor, "insert into staged_workday values %s", rows, page_size=1000)
    changed = pg.run(connection, _SQL["take"])
    pg.run(connection, _SQL["drop_stage"])
    return changed


def _nth_after(day: date, count: int, is_work: Callable[[date], bool]) -> date:
    while count > 0:
        day += timedelta(days=1)
        count -= is_work(day)
    return day


def _computed(day: date) -> Day:
    try:
        is_work = bool(chinese_calendar.is_workday(day))
    except NotImplementedError:  # what the library says of a year that was not published when it was made
        return Day(day, provisional.is_work(day), "provisional")
    return Day(day, is_work, "official")


def _read(path: Path) -> Iterator[Day]:
    entries = parse(path) or []
    if not isinstance(entries, list):
        raise CatalogInvalid(f"{path.name}: the file must hold a list of days", "Write lines such as `- {day: …}`.")
    for number, entry in enumerate(entries, 1):
        try:
            yield Day(_date(entry["day"]), _flag(entry["is_work"]), "override", str(entry.get("note", "")))
        except (KeyError, TypeError, ValueError) as error:
            raise CatalogInvalid(
                f"{path.name}: entry {number}: a day needs `day` (YYYY-MM-DD) and `is_work` (true or false)",
                "Write for example `- {day: 2026-10-10, is_work: true, note: 调休上班}`.",
            ) from error


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)  # the text "no" would be true
    return value


def _date(value: object) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))
