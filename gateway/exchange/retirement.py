"""The end of a route: it runs no more, and nothing of it is left waiting for a person.

What it brought stays in the hub, and what it did stays in the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import NotFound, RouteBusy
from gateway.ledger import incidents, ledger
from gateway.ledger.acts import acting
from gateway.sql import queries

_SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Retired:
    """What ended with a route: its open holds, and its rows in quarantine."""

    holds: int
    discarded: int


def retire(deployment: Deployment, route: str, *, who: str, why: str) -> Retired:
    """End a route, also one whose file the catalog has no more; the decision is chained.

    Raises RouteBusy while it runs, NotFound when the hub does not know it or it was retired before.
    """
    with acting(deployment, f"retire route {route}") as act:
        if not pg.one(act.hub, _SQL["alone"], {"route": route})[0]:
            raise RouteBusy(f"route {route} is running", "Wait for it to end; its batch is in `gateway route show`.")
        values = {"route": route, "who": who, "why": why}
        if pg.run(act.hub, _SQL["retire"], values) != 1:
            raise NotFound(f"there is no route {route} to retire", "`gateway route list` shows those that run.")
        holds = pg.dicts(act.hub, _SQL["holds"], {"route": route})
        for hold in (found["id"] for found in holds):
            ledger.decide_hold(act.hub, hold, "released", who=who, why=why)
            incidents.resumed(act.hub, hold, "released", None)
        ended = Retired(len(holds), int(pg.one(act.hub, _SQL["give_up"], values)[0]))
        facts = {"what": "retire", "who": who, "why": why, "holds": ended.holds, "discarded": ended.discarded}
        act.chained("decision", facts, route)
    return ended
