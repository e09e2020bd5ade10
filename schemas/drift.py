"""What is different of the relation that a route reads or writes, from what it last ran with; asked before each run.

What is no PostgreSQL relation is looked at in `schemas.told`, by the same rule.

A fingerprint answers most of the time. When it is another one, the relation is compared whole and judged for this route
alone: by the columns that its contract names, as reader where rows come in, as writer where they go out. What a contract
check sees as well is left to that check once the contract was given a new version; what no contract shows (names that
were swapped, a column or table made anew, row security, lost grants, another default of the cursor) is harmful.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import GatewayError
from gateway.exchange.shape import declared
from gateway.model import Route
from gateway.ports import Catalogued, Drift, Marking
from gateway.sql import queries
from schemas import harm, told, watch
from schemas.diff.compare import compare
from schemas.diff.model import Policy
from schemas.notice import announced
from schemas.snapshot import pg as snapshot

_SQL = queries(__file__)


def look(
    deployment: Deployment, hub: Connection, route: Route, place: Catalogued | Marking, *, ran: bool = True
) -> Drift | None:
    """Return what is different, a `first` drift when there is nothing to compare with, or None when all is as it was.

    A route that never `ran`, or leads to another platform now, has nothing to compare with.
    """
    known = _known(hub, route) if ran else None
    if isinstance(place, Catalogued):
        return _of_relation(hub, route, place, known)
    return told.look(deployment, hub, route, place, known)


def _of_relation(hub: Connection, route: Route, place: Catalogued, known: Mapping[str, Any] | None) -> Drift | None:
    contract = declared(route.dataset)
    same_contract = known is not None and known["contract"] == contract
    with place.catalogue(route.dataset) as (connection, name):
        there = snapshot.present(connection, name)
        if (
            known
            and same_contract
            and there
            and (there[0], there[1]["identity"]) == (known["relation"], known["identity"])
        ):
            return None
        document = snapshot.of_relation(connection, name, _number(known))
    _, mark = there or ("", {"identity": "", "shape": ""})
    if known is None:
        return Drift("", mark["identity"], mark["shape"], (), (), None, document, contract)
    changes = compare("pg", known["document"], document, "both", Policy()).changes
    now = document["relations"][0] if there and document["relations"] else None
    notice = announced.by_notice(hub, route, now) if changes and now is not None else None
    role = next((str(access["role"]) for access in document["access"]), "")
    harmful = harm.of(route, changes, role, fresh=notice is not None or not same_contract)
    said = [[c.as_dict() for c in found] for found in (changes, harmful)]
    return Drift(known["relation"], mark["identity"], mark["shape"], said[0], said[1], notice, document, contract)


def accept(hub: Connection, route: Route, drift: Drift) -> None:
    """Note the structure that a route goes on with."""
    if not drift.identity:  # it is gone
        return
    document = drift.document if drift.told else _alone(drift.document)
    relation = drift.told or "{schema}.{name}".format(**document["relations"][0])
    values = {
        "route": route.route, "platform": route.peer.platform, "relation": relation, "identity": drift.identity,
        "shape": drift.shape, "contract": drift.mapped, "document": Json(document), "now": settings.now(),
    }  # fmt: skip
    pg.run(hub, _SQL["accept"], values)


def keep(deployment: Deployment, route: Route, drift: Drift, *, holds: bool) -> None:
    """Keep the platform's new version, and have whoever it concerns told of it once; what `holds` a route is told by its hold."""
    try:
        watch.keep(deployment, route.peer, besides=drift.relation if holds else None, first=drift.first)
    except GatewayError as error:  # the hourly look keeps and tells it then
        watch.log.warning("%s: %s", route.peer.platform, error)


def _alone(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with what answers to the name alone."""
    return {**document, "relations": list(document["relations"][:1])}


def _number(known: Mapping[str, Any] | None) -> int | None:
    return None if known is None else int(known["document"]["relations"][0]["oid"])


def _known(hub: Connection, route: Route) -> dict[str, Any] | None:
    found = pg.dicts(hub, _SQL["known"], {"route": route.route, "platform": route.peer.platform})
    return found[0] if found else None
