"""Incidents: a structure that is not what was announced, from its discovery to the report on it.

One is opened in the transaction that holds its route, and resumed in the one that ends the hold. Closing it takes a
person and the report's words; each step is an entry of the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import IncidentStands, NotFound
from gateway.ledger.acts import acting
from gateway.sql import queries

_SQL = queries(__file__)
STATES = ("open", "resumed", "closed")
Diff = Sequence[Mapping[str, Any]]


def opened(
    hub: Connection, platform: str, kind: str, diff: Diff, *, route: str | None = None, hold: int | None = None,
    notice: int | None = None,
) -> int | None:  # fmt: skip
    """Open an incident inside the caller's transaction and return its number; None when it is open already."""
    values = {
        "platform": platform, "route": route, "kind": kind, "hold": hold, "notice": notice, "diff": Json(list(diff)),
        "now": settings.now(),
    }  # fmt: skip
    found = pg.one(hub, _SQL["open"], values)
    return int(found[0]) if found else None


def resumed(hub: Connection, hold: int, how: str, batch: int | None) -> int | None:
    """Note that the route of a hold goes on, and how that came; return the incident's number, None when it has none."""
    found = pg.one(hub, _SQL["resume"], {"hold": hold, "how": how, "batch": batch, "now": settings.now()})
    return int(found[0]) if found else None


def listing(hub: Connection, state: str | None = None) -> list[dict[str, Any]]:
    """Return incidents, newest first."""
    return _rows(hub, {"state": state, "incident": None})


def show(hub: Connection, incident: int) -> dict[str, Any]:
    """Return one incident with its hold and what the run that went on carried; NotFound when there is none."""
    found = _rows(hub, {"state": None, "incident": incident})
    if not found:
        raise NotFound(f"there is no incident {incident}", "Run `gateway incident list`.")
    return found[0]


def close(deployment: Deployment, incident: int, *, who: str, why: str) -> None:
    """Close an incident with the report on it; IncidentStands while its route is held, or when it is closed already."""
    with acting(deployment, "close an incident") as act:
        found = show(act.hub, incident)
        if found["state"] == "closed":
            raise IncidentStands(f"incident {incident} is closed already", "Its report is in `gateway incident show`.")
        if found["hold_state"] in {"open", "approved"}:
            raise IncidentStands(
                f"incident {incident} is not over: route {found['route']} is on hold {found['hold']}",
                "Have the change taken back, announce it, or map it; the route then goes on by itself.",
            )
        pg.run(act.hub, _SQL["close"], {"incident": incident, "who": who, "why": why, "now": settings.now()})
        body = {
            "what": "incident closed",
            "incident": incident,
            "how": found["how"] or "decided",
            "who": who,
            "why": why,
        }
        act.chained("decision", body, found["route"])


def _rows(hub: Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return pg.dicts(hub, _SQL["incidents"], values)
