"""The periods that figures are made for: half months (2026-11A, 2026-11B) and months (2026-11), by days in China."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from gateway.errors import PeriodInvalid
from gateway.settings import CHINA
from gateway.sla.calendar import Calendar

_NAME = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])([AB]?)")
_MIDDLE = 15


@dataclass(frozen=True, slots=True)
class Period:
    """From its first to its last day, both included."""

    name: str
    first: date
    last: date

    @classmethod
    def of(cls, name: str) -> Period:
        """Read a period's name; PeriodInvalid when it is none."""
        found = _NAME.fullmatch(name)
        if found is None:
            raise PeriodInvalid(
                f"{name!r} is no period",
                "Write 2026-11A (1st to 15th), 2026-11B (16th to the end) or 2026-11 (the month).",
            )
        year, month, half = int(found[1]), int(found[2]), found[3]
        begins = date(year, month, 1)
        ends = (begins + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        if half == "A":
            return cls(name, begins, begins.replace(day=_MIDDLE))
        return cls(name, begins.replace(day=_MIDDLE + 1) if half else begins, ends)

    @classmethod
    def around(cls, day: date) -> Period:
        """Return the half month in which a day lies."""
        return cls.of(f"{day:%Y-%m}{'A' if day.day <= _MIDDLE else 'B'}")

    @property
    def begins(self) -> datetime:
        """Return the first moment."""
        return datetime.combine(self.first, time(), CHINA)

    @property
    def ends(self) -> datetime:
        """Return the first moment after it."""
        return datetime.combine(self.last + timedelta(days=1), time(), CHINA)

    @property
    def before(self) -> Period:
        """Return the period of the same kind before it."""
        day = self.first - timedelta(days=1)
        return Period.around(day) if self.half else Period.of(f"{day:%Y-%m}")

    @property
    def half(self) -> bool:
        """Tell whether it is a half month: only those have a circular."""
        return self.name[-1] in "AB"

    @property
    def chinese(self) -> str:
        """Return the period as offices write it."""
        part = {"A": "上半月", "B": "下半月"}.get(self.name[-1], "")
        return f"{self.first.year}年{self.first.month}月{part}（{self.first.day}日—{self.last.day}日）"

    def publishing(self, calendar: Calendar) -> tuple[date, date]:
        """Return the days of draft and freeze: the first and second working day after the period."""
        return calendar.add_workdays(self.last, 1), calendar.add_workdays(self.last, 2)
