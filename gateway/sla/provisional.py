"""Years whose arrangement of holidays the State Council has not published yet: the law's holidays, and the worst case.

The law fixes which festivals are free; the yearly arrangement, published about November, joins them with weekends and
works other weekend days in exchange. Until then a day is judged twice: by the festivals alone, and as if each break
were as long as the longest of 2023 to 2026 and nothing were worked in exchange.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

_SATURDAY = 5
# Longest breaks of the arrangements of 2023-2026, in days, from the festival's first free day.
_LONGEST = {"new_year": 3, "spring": 9, "qingming": 3, "labour": 5, "dragon_boat": 3, "mid_autumn": 3, "national": 8}
_FIRST_DAYS = {
    "New Year's Day": "new_year",
    "Chinese New Year's Eve": "spring",
    "Tomb-Sweeping Day": "qingming",
    "Labor Day": "labour",
    "Dragon Boat Festival": "dragon_boat",
    "Mid-Autumn Festival": "mid_autumn",
    "National Day": "national",
}


def is_work(day: date) -> bool:
    """Tell whether a day is worked by the festivals of the law alone, those on weekends made up for."""
    return day.weekday() < _SATURDAY and day not in _festivals(day.year)


def is_work_at_worst(day: date) -> bool:
    """Tell whether a day is worked even if every break becomes as long as it ever was."""
    return is_work(day) and day not in _breaks(day.year)


@cache
def _festivals(year: int) -> dict[date, str]:
    import holidays  # noqa: PLC0415 - takes longer than the rest of a command, and published years do not need it

    found = holidays.country_holidays("CN", years=year, language="en_US")
    return {day: name for day, name in found.items() if day.year == year}  # it lists days of neighbouring years too


@cache
def _breaks(year: int) -> frozenset[date]:
    begun: dict[str, date] = {}
    for day, name in sorted(_festivals(year).items()):
        for festival in name.split("; "):
            if kind := _FIRST_DAYS.get(festival):
                begun.setdefault(kind, day)
    return frozenset(day + timedelta(days=n) for kind, day in begun.items() for n in range(_LONGEST[kind]))
