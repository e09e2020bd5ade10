"""Carries what changed in the hub to a platform (delivery): choose, send, receipt.

The engine is the only writer of the hub and writes the batches of a data set one after the other, so that "what batches
after N wrote" misses nothing. A delivery is numbered and its range noted before it leaves: when its reply is lost, the next
run sends the same range under the same number, and the target counts it once.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from gateway import pg, registry
from gateway.deployment import Deployment
from gateway.errors import RouteBusy
from gateway.exchange import gate, stopped
from gateway.exchange.attempt import Attempt, Progress
from gateway.exchange.changes import Changes
from gateway.exchange.outcome import Outcome, utc
from gateway.exchange.shape import check_shape
from gateway.ledger import deliveries, ledger
from gateway.ledger.deliveries import Extent, Range
from gateway.ports import Delivery, Outgoing


def run(
    deployment: Deployment, route_name: str, *, run_id: str = "", progress: Progress | None = None, dry_run: bool = False,
    whole: bool = False,
) -> Outcome:  # fmt: skip
    """Deliver once what the platform does not have yet; `whole` delivers everything again.

    Raises RouteBusy, PlatformUnavailable, HubUnavailable (retryable); RouteHeld, SchemaMismatch, AccessDenied. After any
    of them the next run sends what this one may or may not have delivered, under the same number.
    """
    route = deployment.route(route_name)
    again: Outcome | None = None
    while True:
        with Attempt(deployment, route, run_id, progress) as attempt, pg.hub_errors(f"deliver {route.dataset.name}"):
            delivery = _Delivery(attempt, whole=whole)
            outcome = delivery.rehearse() if dry_run else delivery.carry()
        outcome = outcome if again is None else outcome.after(again)
        if dry_run or not delivery.resent:
            return outcome
        again = outcome


class _Delivery:
    """The steps of one attempt, in order."""

    def __init__(self, attempt: Attempt, *, whole: bool) -> None:
        self._attempt, self._dataset = attempt, attempt.dataset
        begun = deliveries.begun(attempt.notes, attempt.route.route)
        self.resent = begun is not None
        self._left: Extent | None = begun[1] if begun else None
        self._range = begun[0] if begun else self._fresh(whole=whole)
        self._read_at: datetime | None = None

    def rehearse(self) -> Outcome:
        """Count what would be sent."""
        with Changes(self._attempt.deployment, self._dataset, self._range) as changes:
            return self._outcome(changes.extent, Delivery(self._range.number, 0, 0, 0, 0), None)

    def carry(self) -> Outcome:
        """Choose, send, and record what the target confirmed in one transaction with the route's state."""
        ledger.note_kind(self._attempt.notes, self._attempt.batch, "delivery")
        self._attempt.stage("extract")
        with Changes(self._attempt.deployment, self._dataset, self._range) as changes:
            self._read_at = self._attempt.now()
            confirmed = self._send(changes)
            extent = self._left if self._left and confirmed.repeated else changes.extent  # what the target counted
            self._attempt.stage("state")
            _, entry = self._attempt.decide(lambda: self._move(changes), lambda _: self._receipt(extent, confirmed))
        self._attempt.stage("done")
        return self._outcome(extent, confirmed, entry.no)

    def _fresh(self, *, whole: bool) -> Range:
        state = self._attempt.state
        if state.resync is not None:
            self._await_refill()
        again = whole or not state.loaded or state.resync is not None
        after = 0 if again else deliveries.confirmed_upto(self._attempt.notes, self._attempt.route.route)
        return Range(self._attempt.batch, after, None)

    def _await_refill(self) -> None:
        """Refuse to deliver everything from a hub that its sources have yet to fill again; RouteBusy, so it is tried soon."""
        routes = self._attempt.deployment.catalog.routes.values()
        inbound = [r.route for r in routes if r.dataset.name == self._dataset.name and not r.outbound]
        if waiting := deliveries.refilling(self._attempt.notes, inbound):
            raise RouteBusy(
                f"the hub is to be filled again first: route {waiting} has not compared everything yet",
                f"Run `gateway sync {waiting}`, or wait for its schedule.",
            )

    @property
    def _still_due(self) -> str | None:
        """Return why everything is to be delivered, when this delivery was only an older one sent again."""
        return self._attempt.state.resync if self.resent else None

    def _send(self, changes: Changes) -> Delivery:
        """Note what leaves before it leaves, then send; nothing to send is confirmed by nobody.

        What left before is asked for again even when nothing of it is left to send: the target may have taken it.
        """
        attempt, extent = self._attempt, changes.extent
        if not (extent.sends or self.resent):
            return Delivery(self._range.number, 0, 0, 0, 0)
        self._look()
        if not self.resent:
            deliveries.begin(attempt.notes, attempt.route.route, self._range, extent)
        with closing(attempt.deployment.target(attempt.route.peer)) as target:
            attempt.stage("deliver", extent.rows + extent.gone)
            rows, gone = changes.rows(target.format), changes.gone(target.format)
            return target.write(
                self._dataset, Outgoing(deliveries.sender(attempt.notes), self._range.number, rows, gone)
            )

    def _look(self) -> None:
        """Compare the platform's table with the contract before anything leaves: a cast on arrival may lose silently."""
        peer = self._attempt.route.peer
        with closing(self._attempt.deployment.source(peer)) as source:
            shape = registry.patiently(lambda: source.describe(self._dataset))
        check_shape(self._dataset, peer, shape, more=True)

    def _move(self, changes: Changes) -> None:
        """Everything that others can see: what was stopped, what is delivered, where the route stands."""
        attempt, route, extent = self._attempt, self._attempt.route.route, changes.extent
        stopped.close(attempt.hub, attempt.deployment.keys, attempt.route, attempt.batch)
        if extent.stopped:
            stopped.enter(attempt.hub, attempt.deployment.keys, attempt.route, attempt.batch, changes.stopped())
        if not extent.sends and not self.resent:
            deliveries.begin(attempt.hub, route, self._range, extent)
        deliveries.confirm(attempt.hub, self._range.number)
        values = {"batch": attempt.batch, "watermark": None, "identity": None, "resync": self._still_due}
        ledger.move_state(attempt.hub, {**values, "route": route, "attempt": attempt.number, "probed": self._read_at})

    def _receipt(self, extent: Extent, confirmed: Delivery) -> Mapping[str, Any]:
        """Return the receipt's body: strings, integers, lists and objects only, times in UTC."""
        attempt, route = self._attempt, self._attempt.route
        committed = deliveries.committed_at(attempt.hub, extent.upto)
        return {
            "epoch": attempt.epoch, "batch": attempt.batch, "attempt": attempt.number, "route": route.route,
            "dataset": self._dataset.name, "contract": self._dataset.version, "from": route.origin, "to": route.target,
            "run": "delivery", "read": extent.read, "inserted": confirmed.inserted, "updated": confirmed.updated,
            "deleted": confirmed.deleted, "unchanged": confirmed.unchanged, "rejected": extent.stopped, "waiting": 0,
            "rejects": _rejects(extent), "warnings": {}, "repaired": {},
            "content": {"rows": extent.rows, "hash_sum": str(extent.hash_sum)},
            "clocks": {"source": utc(committed), "received": utc(self._read_at), "confirmed": utc(attempt.now())},
            "delivery": {"number": self._range.number, "after": self._range.after, "upto": extent.upto,
                         "gone": extent.gone, "repeated": confirmed.repeated},
        }  # fmt: skip

    def _outcome(self, extent: Extent, confirmed: Delivery, receipt: int | None) -> Outcome:
        return Outcome(
            route=self._attempt.route.route, dataset=self._dataset.name, kind="delivery", batch=self._attempt.batch,
            receipt=receipt, read=extent.read, inserted=confirmed.inserted, updated=confirmed.updated,
            deleted=confirmed.deleted, unchanged=confirmed.unchanged, rejected=extent.stopped, waiting=0,
            seconds=round(self._attempt.seconds, 3), rejects=_rejects(extent),
        )  # fmt: skip


def _rejects(extent: Extent) -> dict[str, int]:
    return {gate.SECRECY: extent.stopped} if extent.stopped else {}
