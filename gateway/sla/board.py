"""What a page of time limits shows beside the figures: a route's days, its occurrences one by one, and dockets.

Where a login is given, the statements themselves leave out whatever its unit does not answer for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.sla import rates
from gateway.sql import queries

_SQL = queries(__file__)
PAGE = 50  # occurrences


@dataclass(frozen=True, slots=True)
class View:
    """From when to when, as known at what moment, and by whose login; None sees everything."""

    begins: datetime
    ends: datetime
    as_of: datetime
    login: str | None = None


def unit(hub: Connection, login: str) -> str | None:
    """Return the unit that a login belongs to."""
    found = pg.one(hub, _SQL["unit"], {"login": login})
    return str(found[0]) if found else None


def answers_for(hub: Connection, login: str, route: str) -> bool:
    """Tell whether the unit of a login answers or answered for a route."""
    return bool(pg.one(hub, _SQL["answers_for"], {"login": login, "route": route})[0])


def routes(hub: Connection, view: View) -> list[str]:
    """Return the routes that promise something in a view."""
    return [row["route"] for row in pg.dicts(hub, _SQL["routes"], asdict(view))]


def result(row: Mapping[str, Any]) -> str:
    """Judge a line of the figures: `met`, `missed`, `unmeasured` when too little was looked at, `open` when nothing is due."""
    if row["expected"] == row["open"]:
        return "open"
    if row["left"] < 0:
        return "missed"
    return "unmeasured" if (row["coverage_bp"] or 0) < rates.COVERED else "met"


def clocks(hub: Connection, route: str) -> list[dict[str, Any]]:
    """Return how long the newest thousand runs of a route took by each clock and in all: n, longest and percentiles in ms."""
    found = pg.dicts(hub, _SQL["clocks"], {"route": route})
    return [
        {"clock": row["clock"], **rates.latency(row["n"], row["longest_ms"], row["exact_ms"] or (None, None, None))}
        for row in found
    ]


def latencies(hub: Connection, route: str, since: datetime) -> list[dict[str, Any]]:
    """Return by day in China how long a route's runs took from available to confirmed: n, longest and percentiles in ms."""
    found = pg.dicts(hub, _SQL["latencies"], {"route": route, "since": since})
    return [{"day": row["day"], **rates.latency(row["n"], row["longest_ms"], row["exact_ms"])} for row in found]


def days(hub: Connection, view: View, route: str) -> list[dict[str, Any]]:
    """Return the days of a route with occurrences by verdict."""
    return pg.dicts(hub, _SQL["days"], {**asdict(view), "route": route})


def occurrences(
    hub: Connection, view: View, route: str, verdict: str | None = None, before: datetime | None = None
) -> list[dict[str, Any]]:
    """Return at most fifty occurrences of a route, newest first, older than `before`; one more tells of a next page."""
    values = {
        **asdict(view),
        "route": route,
        "verdict": verdict,
        "before": before or view.ends,
        "limit": PAGE + 1,
    }
    return pg.dicts(hub, _SQL["occurrences"], values)


def dockets(hub: Connection, view: View, route: str | None = None) -> list[dict[str, Any]]:
    """Return the dockets about occurrences of a view, newest first."""
    return pg.dicts(hub, _SQL["dockets"], {**asdict(view), "route": route})
