"""What routes promise, as versions in the ledger: made from the catalog, never edited.

A term says how old the hub's copy may be. For a route with a cron line that is the time between two slots and what is left
for carrying; a route that runs more often than each quarter of an hour, or after another, is judged in windows instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from croniter import croniter
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.ledger import ledger
from gateway.model import Catalog, Route
from gateway.settings import CHINA
from gateway.sql import queries

_SQL = queries(__file__)
WINDOW = timedelta(minutes=15)
_SAMPLE = datetime(2026, 1, 1, tzinfo=CHINA)  # months of 31 days first: the longest gap of a cron line shows early
_SLOTS = 40
_SHORTEST = 60  # seconds: nothing is promised faster than a run can start


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of what a route promises; seconds for source, hub and target add up to what is allowed."""

    route: str
    dataset: str
    unit: str
    outbound: bool
    kind: str
    schedule: str
    days: str
    source_s: int
    hub_s: int
    target_s: int
    target_bp: int


def of(route: Route) -> Agreement | None:
    """Return what a route promises; None when it only runs by hand."""
    if route.schedule == "manual":
        return None
    gap = None if route.after else longest_gap(route.schedule)
    limit = route.sla.freshness_minutes * 60
    kind = "real_time" if gap is None or gap < WINDOW else "scheduled"
    if kind == "scheduled" and gap is not None:
        limit = max(limit - round(gap.total_seconds()), _SHORTEST)
    source = min(route.sla.source_minutes * 60, limit) if kind == "scheduled" else 0
    target = (limit - source) // 2 if route.outbound else 0  # inbound the hub itself is the target
    return Agreement(
        route=route.route, dataset=route.dataset.name, unit=route.peer.unit, outbound=route.outbound, kind=kind,
        schedule=route.schedule, days=route.sla.days, source_s=source, hub_s=limit - source - target, target_s=target,
        target_bp=route.sla.on_time_bp,
    )  # fmt: skip


def longest_gap(cron: str) -> timedelta:
    """Return the longest time between two slots of a cron line, of the next forty."""
    line, last, longest = croniter(cron, _SAMPLE), None, timedelta(0)
    for _ in range(_SLOTS):
        slot = line.get_next(datetime)
        if last is not None:
            longest = max(longest, slot - last)
        last = slot
    return longest


def sync(connection: Connection, catalog: Catalog, now: datetime) -> int:
    """Bring the versions in force to the catalog inside the caller's transaction; return how many began or ended."""
    pg.one(connection, _SQL["alone"])
    retired = ledger.retired(connection)
    wanted = {found.route: found for found in map(of, catalog.routes.values()) if found and found.route not in retired}
    known = {row.pop("route"): row for row in in_force(connection)}
    moved = 0
    for route in sorted(wanted.keys() | known.keys()):
        fresh = asdict(wanted[route]) if route in wanted else None
        if _same(fresh, known.get(route)):
            continue
        moved += 1
        if route in known:
            pg.run(connection, _SQL["end"], {"route": route, "now": now})
        if fresh is not None:
            pg.run(connection, _SQL["begin"], {**fresh, "now": now})
    return moved


def in_force(connection: Connection) -> list[dict[str, Any]]:
    """Return the versions that are in force."""
    return pg.dicts(connection, _SQL["in_force"])


def between(connection: Connection, begins: datetime, ends: datetime) -> list[dict[str, Any]]:
    """Return the versions that were in force at some time from `begins` to `ends`."""
    return pg.dicts(connection, _SQL["between"], {"begins": begins, "ends": ends})


def _same(fresh: Mapping[str, Any] | None, known: Mapping[str, Any] | None) -> bool:
    return fresh is not None and known is not None and all(fresh[name] == known[name] for name in known)
