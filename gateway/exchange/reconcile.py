"""Reconciliation (对账): a two-sided comparison of one route, recorded whatever it finds.

It is exact where both sides can tell their rows; where a target only collects, what was sent is read back; where it cannot
be asked at all, that is said. A difference counts only when the next run's window will not carry it anyway: such rows are
pending. `verified_through` moves when a comparison passes; the first failure stays in the record.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2 import sql

from gateway import pg, registry
from gateway.deployment import Deployment
from gateway.errors import NotFound
from gateway.exchange import carry, compare, counterpart, raw, settlement
from gateway.exchange.attempt import Attempt
from gateway.exchange.landing import Landing
from gateway.exchange.reading import demand_hashing, reading
from gateway.exchange.shape import check_shape
from gateway.exchange.timing import Override
from gateway.ledger import deliveries, ledger
from gateway.ports import Counting, Source


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one comparison found.

    `missing`: what the target of the route lacks; `extra`: what only the target has; `different`: unlike content;
    `pending`: what the next run carries anyway. `source_rows` are the rows at the platform, whichever way the route leads.
    `passed` is None when the platform cannot be asked.
    """

    route: str
    at: datetime
    passed: bool | None
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


def run(
    deployment: Deployment, route_name: str, *, repair: bool = False, now: Override | None = None
) -> Reconciliation:
    """Compare a route's source with the hub; with `repair`, carry what differs and compare again.

    Raises RouteBusy, PlatformUnavailable and NotNow (retryable), NotFound before the first load, SchemaMismatch.
    """
    found = _compare(deployment, route_name, now)
    if found.passed is not False or not repair:
        return found
    outcome = carry.run(deployment, route_name, run_id="reconcile --repair", whole=True, now=now)
    again = asdict(_compare(deployment, route_name, now))
    remark = f"{found.missing} missing, {found.extra} extra, {found.different} different before the repair"
    return Reconciliation(**{**again, "remark": remark, "repaired_by": outcome.batch})


def _compare(deployment: Deployment, route_name: str, now: Override | None) -> Reconciliation:
    route = deployment.route(route_name)
    with Attempt(deployment, route, "reconcile", None, now=now) as attempt, pg.hub_errors("reconcile"):
        if not attempt.state.loaded:
            raise NotFound(f"route {route_name} has not been loaded yet", f"Run `gateway sync {route_name}` first.")
        ledger.note_kind(attempt.notes, attempt.batch, "reconcile")
        if route.outbound:
            with closing(deployment.target(route.peer)) as target:
                if isinstance(target, Counting):
                    return _read_back(attempt, target)
        with closing(deployment.source(route.peer)) as source:
            if not route.outbound:
                return _two_sides(attempt, source)
            return _far_side(attempt, source) if source.typed else _unanswered(attempt)


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


def _read_back(attempt: Attempt, target: Counting) -> Reconciliation:
    """Count at the platform what was sent since the last time."""
    found = counterpart.read_back(attempt, target)
    settlement.presume(attempt)
    through = (
        attempt.state.verified_through if found.upto is None else deliveries.committed_at(attempt.notes, found.upto)
    )
    lacking = compare.Difference(found.held, found.sent, found.missing, found.extra, 0, 0)
    remark = f"{found.put_away} batches were put away already" if found.put_away else None
    return _record(attempt, lacking, 0, "read back", passed=found.passed, through=through, remark=remark)


def _unanswered(attempt: Attempt) -> Reconciliation:
    """Tell that the platform shows nobody what it holds; that is no evidence, and none is recorded."""
    remark = "the platform shows nobody what it holds; it confirmed each batch when it took it"
    return Reconciliation(
        route=attempt.route.route, at=attempt.now(), passed=None, source_rows=0, hub_rows=0, missing=0, extra=0, different=0,
        pending=0, quarantined=0, method="none", verified_through=attempt.state.verified_through, remark=remark,
    )  # fmt: skip


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
    attempt: Attempt,
    found: compare.Difference,
    pending: int,
    method: str,
    *,
    passed: bool,
    through: datetime | None,
    remark: str | None = None,
) -> Reconciliation:
    """Enter the comparison into the ledger; verified_through moves when nothing but pending rows differ."""
    remark = f"{found.quarantined} rows in quarantine" if found.quarantined else remark
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
        if passed and through:
            ledger.note_verified(attempt.notes, attempt.route.route, through, remark)
    verified = through if passed else attempt.state.verified_through
    return Reconciliation(
        route=attempt.route.route, at=attempt.now(), passed=passed, **counts, pending=pending, method=method,
        verified_through=verified, remark=remark,
    )  # fmt: skip


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
