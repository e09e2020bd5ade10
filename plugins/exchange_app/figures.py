"""The figures of periods as pages show them: those of a frozen issue as it was printed, others as they stand, kept a minute."""

from __future__ import annotations

from datetime import date
from typing import Any

from exchange_app import frame
from exchange_app.kept import Kept
from gateway import settings
from gateway.sla import figures, issues
from gateway.sla.periods import Period

_KEPT = Kept(60)
FROZEN = ("frozen", "published")


def of(period: Period) -> dict[str, Any]:
    """Return the figures of a half month, with its issue (None when there is none, or it is not frozen)."""
    return dict(_KEPT.get((settings.hub_dsn(), period.name), lambda: _read(period)))


def of_day(day: date) -> dict[str, Any]:
    """Return the figures of one day."""
    return of(Period(day.isoformat(), day, day))


def line(period: Period, route: str) -> dict[str, Any] | None:
    """Return the line of a route in the figures of a period."""
    return next((row for row in of(period)["routes"] if row["route"] == route), None)


def _read(period: Period) -> dict[str, Any]:
    with frame.hub() as hub:
        found = next(
            (i for i in issues.listing(hub, 1000) if i["period"] == period.name and i["state"] in FROZEN), None
        )
        if found is None:
            now = settings.now().replace(microsecond=0)
            return {**figures.read(hub, frame.city(), period, now), "issue": None}
    return {**issues.get(frame.deployment(), period)["figures"], "issue": found}
