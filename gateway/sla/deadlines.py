"""Deadlines (办结时限) as the hub's rows tell them: what was due in a period, what was answered in time, and what waits too long.

These are facts of the units' own work and not of the exchange: they stand beside the figures and are in no rate of a route.
Numbers of messages and cases are named, never what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from gateway import pg
from gateway.deployment import Deployment
from gateway.model import Catalog, Deadline, Moments
from gateway.settings import CHINA
from gateway.sla import rates
from gateway.sla.periods import Period
from gateway.sql import queries

_SQL = queries(__file__)
_NAMED = 200  # overdue ones in the figures; the counts have them all


@dataclass(frozen=True, slots=True)
class Taken:
    """What was found of a deadline: its line in the figures, and the matters that the line counts."""

    line: dict[str, Any]
    matters: list[dict[str, Any]]


def refresh(deployment: Deployment, period: Period, as_of: datetime) -> None:
    """Look at every deadline whose data sets are in the hub, and keep what was found for who may not read their rows."""
    with closing(deployment.hub(name="gateway deadlines")) as hub, pg.hub_errors("look at deadlines"), hub:
        for found in take(hub, deployment.catalog, period, as_of):
            kept = {
                "period": period.name,
                "as_of": as_of,
                "deadline": found.line["deadline"],
                "found": Json(found.line),
            }
            pg.run(hub, _SQL["keep"], kept)


def take(hub: Connection, catalog: Catalog, period: Period, as_of: datetime) -> Iterator[Taken]:
    """Yield what the hub's rows say now of each deadline whose data sets are there, by name."""
    last = min(period.last, as_of.astimezone(CHINA).date())
    values = {"first": period.first, "last": last, "as_of": as_of, "named": _NAMED}
    for _, one in sorted(catalog.deadlines.items()):
        if _there(hub, one):
            yield _taken(hub, one, {**values, "workdays": one.workdays})


def workdays(hub: Connection, matters: Sequence[Mapping[str, Any]], as_of: datetime) -> list[str]:
    """Return the working days from the first that a matter's due day was counted from until now, or until the last due day."""
    if not matters:
        return []
    latest = max(as_of.astimezone(CHINA).date().isoformat(), *(one["due"] for one in matters))
    span = {"earliest": min(one["day"] for one in matters), "latest": latest}
    return [row["day"].isoformat() for row in pg.dicts(hub, _SQL["workdays"], span)]


def read(hub: Connection, period: Period) -> list[dict[str, Any]]:
    """Return what was found of the deadlines of a period when they were last looked at."""
    return [row["found"] for row in pg.dicts(hub, _SQL["kept"], {"period": period.name})]


def _taken(hub: Connection, one: Deadline, values: Mapping[str, Any]) -> Taken:
    pg.run(hub, _composed("stage", one), values)
    counted = pg.dicts(hub, _SQL["counted"], values)[0]
    overdue, matters = (pg.dicts(hub, _SQL[name], values) for name in ("overdue", "matters"))
    pg.run(hub, _SQL["unstage"])
    closed = counted["kept"] + counted["late"]
    line = {
        "deadline": one.deadline, "name": one.name, "basis": one.basis, **counted, "kept_bp": rates.rate(counted["kept"], closed),
        "overdue": [_plain(row) for row in overdue],
    }  # fmt: skip
    return Taken(line, [{"deadline": one.deadline, "workdays": one.workdays, **_plain(row)} for row in matters])


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}


def _there(hub: Connection, one: Deadline) -> bool:
    parts = [one.begins, one.ends, *([one.pauses] if one.pauses else [])]
    return all(pg.one(hub, _SQL["there"], {"name": f'hub."{_hub_name(part)}"'})[0] for part in parts)


def _composed(name: str, one: Deadline) -> sql.Composed:
    pauses = sql.SQL(_SQL["no_pauses"]) if one.pauses is None else _part("pauses", one.pauses)
    return sql.SQL(_SQL[name]).format(begun=_part("begun", one.begins), ended=_part("ended", one.ends), paused=pauses)


def _part(name: str, part: Moments) -> sql.Composed:
    fields = {field: sql.Identifier(getattr(part, field) or part.at) for field in ("key", "at", "unit", "due", "until")}
    return sql.SQL(_SQL[name]).format(table=sql.Identifier("hub", _hub_name(part)), **fields)


def _hub_name(part: Moments) -> str:
    return part.dataset.replace(".", "_")
