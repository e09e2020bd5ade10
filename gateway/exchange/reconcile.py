"""Reconciliation (对账): an exact two-sided comparison of one route, recorded whatever it finds.

A difference counts only when the next run's window will not carry it anyway: such rows are pending. `verified_through`
moves when a comparison passes; the first failure stays in the record.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2 import sql

from gateway import pg, registry
from gateway.deployment import Deployment
from gateway.errors import NotFound
from gateway.exchange import carry, compare, counterpart, raw
from gateway.exchange.attempt import Attempt
from gateway.exchange.landing import Landing
from gateway.exchange.reading import demand_hashing, reading
from gateway.exchange.shape import check_shape
from gateway.ledger import deliveries, ledger
from gateway.ports import Source


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one comparison found.

    `missing`: what the target of the route lacks; `extra`: what only the target has; `different`: unlike content;
    `pending`: what the next run carries anyway. `source_rows` are the rows at the platform, whichever way the route leads.
    """

    route: str
    at: datetime
    passed: bool
    source_rows: int
    hub_rows: int
    missing: int
    extra: int
    different: int
    pending: int
    quarantined: int
    method: str
    verified_through: datetime | None
    remark: str | None = None
    repaired_by: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the reconciliation for machines."""
        times = {"at": self.at.isoformat(), "verified_through": _text(self.verified_through)}
        return {**asdict(self), **times}


def run(deployment: Deployment, route_name: str, *, repair: bool = False) -> Reconciliation:
    """Compare a route's source with the hub; with `repair`, carry what differs and compare again.

    Raises RouteBusy and PlatformUnavailable (retryable), NotFound before the first load, SchemaMismatch.
    """
    found = _compare(deployment, route_name)
    if found.passed or not repair:
        return found
    outcome = carry.run(deployment, route_name, run_id="reconcile --repair", whole=True)
    again = asdict(_compare(deployment, route_name))
    remark = f"{found.missing} missing, {found.extra} extra, {found.different} different before the repair"
    return Reconciliation(**{**again, "remark": remark, "repaired_by": outcome.batch})


def _compare(deployment: Deployment, route_name: str) -> Reconciliation:
    route = deployment.route(route_name)
    source = deployment.source(route.peer)
    try:
        with Attempt(deployment, route, "reconcile", None) as attempt, pg.hub_errors("reconcile"):
            if not attempt.state.loaded:
                raise NotFound(f"route {route_name} has not been loaded yet", f"Run `gateway sync {route_name}` first.")
            ledger.note_kind(attempt.notes, attempt.batch, "reconcile")
            return _far_side(attempt, source) if route.outbound else _two_sides(attempt, source)
    finally:
        source.close()


def _two_sides(attempt: Attempt, source: Source) -> Reconciliation:
    probe = registry.patiently(lambda: source.probe(attempt.dataset))
    check_shape(attempt.dataset, attempt.route.peer, source.describe(attempt.dataset))
    landing = attempt.landing()
    landing.create(logged=False)
    if not source.typed:
        raw.create(landing)
    try:
        found, method = reading(attempt, landing, source).differences(_nothing, quick=True)
        pending = 0 if found.equal else _pending(landing, attempt)
    finally:
        landing.drop()
    passed = found.missing + found.different <= pending and found.extra == 0
    return _record(attempt, found, pending, method, passed=passed, through=attempt.state.watermark or probe.upper)


def _far_side(attempt: Attempt, source: Source) -> Reconciliation:
    """Compare what the platform has with the hub as of the newest batch delivered."""
    check_shape(attempt.dataset, attempt.route.peer, source.describe(attempt.dataset), more=True)
    upto = deliveries.confirmed_upto(attempt.notes, attempt.route.route)
    with source.snapshot() as snapshot:
        found, pending, method = counterpart.compare(attempt, demand_hashing(attempt, snapshot), upto)
    through = deliveries.committed_at(attempt.notes, upto) or attempt.now()
    return _record(attempt, found, pending, method, passed=found.equal, through=through)


def _nothing(_: compare.Difference) -> None:
    """Let every difference be looked at: nothing is moved."""


def _pending(landing: Landing, attempt: Attempt) -> int:
    """Count the differing rows that lie in the next run's window: it will carry them."""
    cursor, watermark = landing.dataset.cursor, attempt.state.watermark
    if cursor is None or watermark is None or attempt.route.mode == "snapshot":
        return 0
    begins = watermark - timedelta(seconds=landing.dataset.lag_seconds)
    query = sql.SQL("select count(*) from {} where {} > %s").format(landing.name(), sql.Identifier(cursor))
    found = int(pg.one(landing.hub, query, (begins,))[0])
    if not landing.typed:  # a record whose cursor is no moment belongs to every window
        misfits = sql.SQL("select count(*) from {} where coalesce(gw_cursor > %s, true)").format(landing.name("_mis"))
        found += int(pg.one(landing.hub, misfits, (begins,))[0])
    return found


def _record(
    attempt: Attempt, found: compare.Difference, pending: int, method: str, *, passed: bool, through: datetime
) -> Reconciliation:
    """Enter the comparison into the ledger; verified_through moves when nothing but pending rows differ."""
    remark = f"{found.quarantined} rows in quarantine" if found.quarantined else None
    counts = {
        name: getattr(found, name)
        for name in ("source_rows", "hub_rows", "missing", "extra", "different", "quarantined")
    }
    note = {
        **counts,
        "pending": pending,
        "method": method,
        "remark": remark,
        "passed": passed,
        "through": through,
    }
    with pg.hub_errors("record a reconciliation"):
        ledger.note_reconciliation(
            attempt.notes, {**note, "route": attempt.route.route, "batch": attempt.state.batch_id}
        )
        if passed:
            ledger.note_verified(attempt.notes, attempt.route.route, through, remark)
    verified = through if passed else attempt.state.verified_through
    return Reconciliation(
        route=attempt.route.route, at=attempt.now(), passed=passed, **counts, pending=pending, method=method,
        verified_through=verified, remark=remark,
    )  # fmt: skip


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
