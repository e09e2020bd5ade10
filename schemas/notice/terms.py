"""How long ahead a change is announced and when answers are due, in working days.

The regulation (Art. 15) says "in advance" and gives no number; these are the gateway's own, for the bureau to fix.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from gateway.settings import CHINA
from gateway.sla.calendar import Calendar
from schemas.diff.model import Change, Effect

Class = Literal["major", "normal", "compatible", "emergency"]

CHINESE = {"major": "重大", "normal": "一般", "compatible": "兼容", "emergency": "紧急"}
LEAD = {"major": 15, "normal": 10, "compatible": 3, "emergency": 0}
ANSWER = {"major": 10, "normal": 7, "compatible": 0, "emergency": 1}  # 0: reading is enough
TRANSITION = 20  # working days for which the old shape stays readable
OBSERVED = 10  # working days without a use that prove that nobody reads an old-shape view
EXTENSION = 5  # working days for which a view stays that is used, or of which nothing is known
_CLOSES = 17  # what is sent after five o'clock counts from the next working day
_SOON = 2  # working days before an answer is due when it is asked for once more


@dataclass(frozen=True, slots=True)
class Dates:
    """What follows from the moment a notice is sent: day zero, the earliest day of effect, the day answers are due."""

    sent_on: date
    earliest: date
    answers_due: date | None
    basis: str


def class_of(changes: Iterable[Change]) -> Class:
    """Return the class of a set of changes: major when a reader breaks, normal when only writers do."""
    found = tuple(changes)
    if any(c.effect_reader == Effect.breaking for c in found):
        return "major"
    if any(c.effect_writer == Effect.breaking or c.rule.endswith(".undecided") for c in found):
        return "normal"
    return "compatible"


def dates(moment: datetime, kind: Class, calendar: Calendar) -> Dates:
    """Return the dates of a notice of a class sent at a moment."""
    zero = day_zero(moment, calendar)
    earliest, basis = (
        calendar.add_workdays_at_worst(zero, LEAD[kind]) if LEAD[kind] else (zero, calendar.at(zero).basis)
    )
    due = calendar.add_workdays_at_worst(zero, ANSWER[kind])[0] if ANSWER[kind] else None
    return Dates(zero, earliest, due, basis)


def day_zero(moment: datetime, calendar: Calendar) -> date:
    """Return the working day on which something sent at a moment counts as sent."""
    local = moment.astimezone(CHINA)
    day = local.date() + timedelta(days=local.hour >= _CLOSES)
    while not calendar.is_work(day):
        day += timedelta(days=1)
    return day


def stage(today: date, sent_on: date, due: date, calendar: Calendar) -> str | None:
    """Return what an answer that has not come calls for on a day.

    `half` from half of the time on, `soon` from two working days before it is due, `overdue` after it, `escalated` one
    working day later; None before any of them.
    """
    if today > calendar.add_workdays(due, 1):
        return "escalated"
    if today > due:
        return "overdue"
    if calendar.workdays_between(today, due) <= _SOON:
        return "soon"
    if calendar.workdays_between(sent_on, today) * 2 >= calendar.workdays_between(sent_on, due):
        return "half"
    return None
