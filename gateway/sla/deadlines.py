"""Deadlines (办结时限) as the hub's rows tell them: what was due in a period, what was answered in time, and what waits too long.

These are facts of the units' own work and not of the exchange: they stand beside the figures and are in no rate of a route.
Numbers of messages and cases are named, never what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from gateway import pg
from gateway.deployment import Deployment
from gateway.model import Deadline, Moments
from gateway.settings import CHINA
from gateway.sla import rates
from gateway.sla.periods import Period
from gateway.sql import queries

_SQL = queries(__file__)
_NAMED = 200  # overdue ones in the figures; the counts have them all


def refresh(deployment: Deployment, period: Period, as_of: datetime) -> None:
    """Look at every deadline whose data sets are in the hub, and keep what was found for who may not read their rows."""
    last = min(period.last, as_of.astimezone(CHINA).date())
    values = {"period": period.name, "first": period.first, "last": last, "as_of": as_of, "named": _NAMED}
    with closing(deployment.hub(name="gateway deadlines")) as hub, pg.hub_errors("look at deadlines"), hub:
        for name, one in sorted(deployment.catalog.deadlines.items()):
            if _there(hub, one):
                pg.run(hub, _SQL["keep"], {**values, "deadline": name, "found": Json(_line(hub, one, values))})


def read(hub: Connection, period: Period) -> list[dict[str, Any]]:
    """Return what was found of the deadlines of a period when they were last looked at."""
    return [row["found"] for row in pg.dicts(hub, _SQL["kept"], {"period": period.name})]


def _line(hub: Connection, one: Deadline, values: Mapping[str, Any]) -> dict[str, Any]:
    given = {**values, "workdays": one.workdays}
    pg.run(hub, _composed("stage", one), given)
    counted = pg.dicts(hub, _SQL["counted"], given)[0]
    overdue = pg.dicts(hub, _SQL["overdue"], given)
    pg.run(hub, _SQL["unstage"])
    closed = counted["kept"] + counted["late"]
    return {
        "deadline": one.deadline, "name": one.name, "basis": one.basis, **counted, "kept_bp": rates.rate(counted["kept"], closed),
        "overdue": [{**row, "due": row["due"].isoformat()} for row in overdue],
    }  # fmt: skip


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
