"""What a person decides: approving or releasing a hold, pausing, resuming and sending a route back.

Each decision is an entry of the chain, in the same transaction as its effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import NotFound, PermanentError
from gateway.ledger import incidents, ledger
from gateway.ledger.acts import acting
from gateway.security.crypto import NewKey
from gateway.sql import queries

_SQL = queries(ledger.__file__)


def list_holds(connection: Connection, state: str | None = None) -> list[dict[str, Any]]:
    """Return holds, newest first."""
    return ledger.rows(connection, "holds", {"state": state, "id": None})


def show_hold(connection: Connection, hold_id: int) -> dict[str, Any]:
    """Return one hold; NotFound when there is none."""
    found = ledger.rows(connection, "holds", {"state": None, "id": hold_id})
    if not found:
        raise NotFound(f"there is no hold {hold_id}", "Run `gateway hold list`.")
    return found[0]


def approve(deployment: Deployment, hold_id: int, *, who: str, why: str) -> str:
    """Let what a hold stopped pass once; return the route. PermanentError when no approval can help."""
    with closing(deployment.hub(name="gateway decision")) as hub, pg.hub_errors("read a hold"), hub:
        found = show_hold(hub, hold_id)
        if found["kind"] == ledger.STRUCTURE and "identity" not in found["facts"]:
            raise PermanentError(
                f"hold {hold_id} waits for a structure that its contract describes; approval does not change that",
                "Have the change taken back, or give the contract a new version: the route then goes on by itself.",
            )
    return _decide_hold(deployment, hold_id, "approved", who=who, why=why)


def release(deployment: Deployment, hold_id: int, *, who: str, why: str) -> str:
    """End a hold without approving: the next run judges afresh; return the route."""
    return _decide_hold(deployment, hold_id, "released", who=who, why=why)


def pause(deployment: Deployment, route: str, *, who: str, why: str) -> None:
    """Stop a route until it is resumed."""
    deployment.route(route)
    _act(deployment, "pause", {"route": route, "who": who, "why": why})


def resume(deployment: Deployment, route: str, *, who: str, why: str) -> None:
    """Let a route run again that was paused, or retired."""
    deployment.route(route)
    _act(deployment, "resume", {"route": route, "who": who, "why": why})


def backfill(deployment: Deployment, route: str, *, since: datetime | None, who: str, why: str) -> None:
    """Send a route's watermark back to `since`, or have the next run carry everything again when that is None.

    PermanentError for an outbound route and a moment: deliveries go by batches.
    """
    if deployment.route(route).outbound and since is not None:
        raise PermanentError(
            f"route {route} delivers what batches of the hub changed; it has no moment to go back to",
            "Leave `--since` away: the next run delivers everything again.",
        )
    since_text = None if since is None else since.isoformat()
    values = {"route": route, "since": since, "why": f"backfill asked for by {who}: {why}"}
    _act(deployment, "backfill", values, {"what": "backfill", "since": since_text, "who": who, "why": why})


def rotate_key(deployment: Deployment, kind: str, *, who: str, why: str) -> str:
    """Begin a new key of a kind and return its id; the chain names it, signed by the key before it.

    PermanentError for the key that platforms share.
    """
    if kind == "hash":
        raise PermanentError(
            "the platforms of the city hash identities with the same key",
            "Agree on a day, put the new key there and here, and let the sources compute their columns anew.",
        )
    with acting(deployment, f"rotate the {kind} key") as act:
        new = NewKey.of(kind)
        facts = {"what": f"rotate {kind} key", "key": new.key_id, "public": new.public, "who": who, "why": why}
        act.chained("decision", facts)
        return deployment.keys.add(new)


def _decide_hold(deployment: Deployment, hold_id: int, state: str, *, who: str, why: str) -> str:
    with acting(deployment, "decide a hold") as act:
        route = ledger.decide_hold(act.hub, hold_id, state, who=who, why=why)
        if route is None:
            raise NotFound(f"there is no open hold {hold_id}", "Run `gateway hold list --state open`.")
        if state == "released":
            incidents.resumed(act.hub, hold_id, "released", None)
        act.chained("decision", {"what": f"hold {state}", "hold": hold_id, "who": who, "why": why}, route)
        return route


def _act(
    deployment: Deployment, statement: str, values: Mapping[str, Any], body: Mapping[str, Any] | None = None
) -> None:
    """Run a named statement on a route and chain the decision, as one transaction."""
    route = str(values["route"])
    with acting(deployment, f"{statement} route {route}") as act:
        if pg.run(act.hub, _SQL[statement], values) != 1:
            raise NotFound(f"the hub does not know route {route}", "Run `gateway check`; it prepares the hub.")
        decision = {"what": statement, "who": values.get("who"), "why": values.get("why"), **(body or {})}
        act.chained("decision", decision, route)
