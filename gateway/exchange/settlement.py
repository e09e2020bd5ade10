"""Presuming that a target accepted what it did not refuse in time: there is no positive receipt at a front end.

Only a batch that was read back counts, and the time is counted from when it was confirmed. What is presumed is a record of the
chain; a refusal that comes later reopens the batch, on the receipt of the run that heard it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import cache

from gateway import settings
from gateway.exchange.attempt import Attempt
from gateway.exchange.outcome import utc
from gateway.ledger import settlements
from gateway.ledger.acts import acting
from gateway.model import Settle
from gateway.sla.calendar import Calendar

AddWorkdays = Callable[[date, int], date]


def due(settle: Settle, confirmed: datetime, add_workdays: AddWorkdays) -> datetime:
    """Return from when on a batch may be presumed accepted: after the last working day that was left to refuse it.

    Days are China's, and the day of the confirmation does not count. Raises CalendarMissing.
    """
    if settle.workdays is None:
        return confirmed + timedelta(seconds=settle.seconds or 0)
    last = add_workdays(confirmed.astimezone(settings.CHINA).date(), settle.workdays)
    return datetime.combine(last + timedelta(days=1), time(), settings.CHINA)


def presume(attempt: Attempt) -> int:
    """Record what may be presumed accepted by now; return how many batches that are. Touches no row of the data."""
    route, now = attempt.route, settings.now()
    if route.settle is None:
        return 0
    found = settlements.waiting(attempt.notes, route.route)
    calendar = (
        Calendar.from_files(attempt.deployment.catalog.calendar_files) if found and route.settle.workdays else None
    )
    add = cache(calendar.add_workdays) if calendar else _no_days
    moments = {batch.number: due(route.settle, batch.confirmed, add) for batch in found}
    settled = [batch for batch in found if moments[batch.number] <= now]
    if not settled:
        return 0
    body = {
        "route": route.route, "dataset": route.dataset.name, "to": route.target, "settle": str(route.settle), "at": utc(now),
        "presumed": [
            {"number": b.number, "rows": b.counted, "confirmed": utc(b.confirmed), "due": utc(moments[b.number])}
            for b in settled
        ],
    }  # fmt: skip
    with acting(attempt.deployment, "record what is presumed accepted") as act:
        settlements.presume(act.hub, list(moments.keys() & {batch.number for batch in settled}))
        act.chained("settlement", body, route.route)
    return len(settled)


def _no_days(day: date, _: int) -> date:
    return day
