"""Where routes stand and what each attempt did: the state rows, batch rows, holds and reconciliations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import errors
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from gateway import pg
from gateway.errors import FenceLost, NotFound, RouteBusy, RouteHeld
from gateway.sql import queries

_SQL = queries(__file__)
STRUCTURE = "structure"  # the kind of hold that ends by itself
DATASET_SECONDS = 30  # how long a run waits for that of another source of its data set


@dataclass(frozen=True, slots=True)
class RouteState:
    """Where a route stands: its watermark, the batch that put it there, and whether a person stopped it.

    `compared_at` is when the newest run began that looked at every row of the source; `hold` is the hold that waits for
    a decision.
    """

    route: str
    dataset: str
    source: str
    attempt: int
    batch_id: int | None
    watermark: datetime | None
    source_identity: str | None
    loaded: bool
    resync: str | None
    probed_at: datetime | None
    verified_through: datetime | None
    verified_remark: str | None
    paused_by: str | None
    paused_why: str | None
    retired_at: datetime | None
    compared_at: datetime | None
    hold: int | None


@dataclass(frozen=True, slots=True)
class Hold:
    """A route waiting for a person, with the facts it must decide on."""

    id: int
    kind: str
    facts: Mapping[str, Any]
    state: str
    raised_at: datetime


def rows(connection: Connection, name: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a named query of the ledger as dictionaries."""
    return pg.dicts(connection, _SQL[name], values)


def state(connection: Connection, route: str) -> RouteState:
    """Return a route's state; NotFound when the hub was never prepared for it."""
    found = rows(connection, "state", {"route": route})
    if not found:
        raise NotFound(
            f"the hub does not know route {route}", "Run `gateway check`; it prepares the hub for new routes."
        )
    return RouteState(**found[0])


def states(connection: Connection) -> dict[str, RouteState]:
    """Return every route's state by name."""
    return {row["route"]: RouteState(**row) for row in rows(connection, "states")}


def retired(connection: Connection) -> set[str]:
    """Return the routes that a person ended; the catalog may still have their files."""
    return {row["route"] for row in rows(connection, "retired")}


def take_locks(connection: Connection, route: str, dataset: str | None) -> None:
    """Take the route's lock, and that of the data set it writes, for this session; RouteBusy when another run has either.

    A second run of the route is refused at once. Another source's run of the data set is waited for: platforms that feed
    one data set often run at the same minute, and each is done in a moment.
    """
    if not pg.one(connection, _SQL["take_route"], {"route": route})[0]:
        raise _busy(f"route {route}")
    if dataset is None:
        return
    try:
        pg.run(connection, "select set_config('lock_timeout', %s, false)", (f"{DATASET_SECONDS}s",))
        pg.one(connection, _SQL["wait_for_dataset"], {"dataset": dataset})
    except errors.LockNotAvailable:
        free_locks(connection)
        raise _busy(f"data set {dataset}") from None
    pg.run(connection, "reset lock_timeout")


def free_locks(connection: Connection) -> None:
    """Let the locks of `take_locks` go."""
    pg.one(connection, _SQL["free_locks"])


def _busy(which: str) -> RouteBusy:
    return RouteBusy(f"another run holds {which}", "Wait for it to end; its batch is in `gateway route show`.")


def next_attempt(connection: Connection, route: str) -> int:
    """Settle what earlier attempts left open and return this attempt's number."""
    pg.run(connection, _SQL["settle_open_batches"], {"route": route})
    return int(pg.one(connection, _SQL["next_attempt"], {"route": route})[0])


def open_batch(connection: Connection, *, route: str, dataset: str, source: str, attempt: int, run_id: str) -> int:
    """Record that an attempt begins and return its batch number."""
    values = {
        "route": route,
        "dataset": dataset,
        "source": source,
        "attempt": attempt,
        "run_id": run_id,
        "kind": "open",
    }
    return int(pg.one(connection, _SQL["open_batch"], values)[0])


def note_stage(connection: Connection, batch: int, stage: str, milliseconds: int) -> None:
    """Record that an attempt reached a stage, with the milliseconds since it began."""
    pg.run(connection, _SQL["stage"], {"batch": batch, "stage": stage, "ms": milliseconds})


def note_kind(connection: Connection, batch: int, kind: str) -> None:
    """Record what kind of run an attempt became."""
    pg.run(connection, _SQL["kind"], {"batch": batch, "kind": kind})


def note_xid(connection: Connection, batch: int, xid: str) -> None:
    """Record the transaction that is about to decide a batch."""
    pg.run(connection, _SQL["note_xid"], {"batch": batch, "xid": xid})


def close_batch(
    connection: Connection,
    batch: int,
    *,
    committed: bool,
    counts: Mapping[str, Any] | None = None,
    code: str | None = None,
    text: str | None = None,
) -> None:
    """Record how an attempt ended."""
    values = {
        "batch": batch,
        "state": "committed" if committed else "aborted",
        "counts": Json(dict(counts or {})),
    }
    pg.run(connection, _SQL["close_batch"], {**values, "code": code, "text": text})


def move_state(connection: Connection, values: Mapping[str, Any]) -> None:
    """Move a route's state inside the deciding transaction; FenceLost when a newer attempt has begun."""
    if pg.run(connection, _SQL["move_state"], values) != 1:
        raise FenceLost(f"a newer attempt has taken over route {values['route']}", "Nothing was committed by this one.")


def waiting_hold(connection: Connection, route: str) -> Hold | None:
    """Return the open or approved hold of a route."""
    found = rows(connection, "waiting_hold", {"route": route})
    return Hold(**found[0]) if found else None


def raise_hold(connection: Connection, route: str, kind: str, facts: Mapping[str, Any]) -> int:
    """Put a route on hold and return the hold's number."""
    values = {"route": route, "kind": kind, "facts": Json(dict(facts))}
    return int(pg.one(connection, _SQL["raise_hold"], values)[0])


def decide_hold(connection: Connection, hold_id: int, state: str, *, who: str, why: str) -> str | None:
    """Decide on an open hold and return its route; None when it is not open."""
    found = pg.one(connection, _SQL["decide_hold"], {"id": hold_id, "state": state, "who": who, "why": why})
    return None if found is None else str(found[0])


def use_hold(connection: Connection, hold_id: int) -> None:
    """Spend an approval, inside the transaction that does what was approved."""
    pg.run(connection, _SQL["use_hold"], {"id": hold_id})


def refuse_stopped(connection: Connection, route: str) -> Hold | None:
    """Return the approved hold of a route, or None; RouteHeld when it is paused or waits for a decision."""
    current = state(connection, route)
    if current.retired_at:
        raise RouteHeld(
            f"route {route} was retired by {current.paused_by}: {current.paused_why}",
            f"Remove its file from the catalog; if it is to run again, `gateway route resume {route} --why …`.",
        )
    if current.paused_by:
        raise RouteHeld(
            f"route {route} was paused by {current.paused_by}: {current.paused_why}",
            f"Run `gateway route resume {route} --why …` to let it run.",
        )
    hold = waiting_hold(connection, route)
    if hold is not None and hold.kind == STRUCTURE:
        return None  # the run looks whether it is over
    if hold is not None and hold.state == "open":
        raise RouteHeld(
            f"route {route} is on hold {hold.id} ({hold.kind}): {json.dumps(dict(hold.facts))}",
            f"Look at `gateway hold show {hold.id}`, then `gateway approve {hold.id} --why …` or "
            f"`gateway hold release {hold.id} --why …`.",
        )
    return hold


def note_reconciliation(connection: Connection, values: Mapping[str, Any]) -> None:
    """Record one comparison."""
    pg.run(connection, _SQL["note_reconciliation"], values)


def note_verified(connection: Connection, route: str, through: datetime, remark: str | None) -> None:
    """Move verified_through forward."""
    pg.run(connection, _SQL["verified"], {"route": route, "through": through, "remark": remark})
