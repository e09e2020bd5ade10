"""Carries what changed in the hub to a platform (delivery): choose, send, receipt.

The engine is the only writer of the hub and writes the batches of a data set one after the other, so that "what batches
after N wrote" misses nothing. A delivery is numbered and its range noted before it leaves: when its reply is lost, the next
run sends the same range under the same number, and the target counts it once. A target that judges rows later is asked at
each run what it has refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg, registry
from gateway.deployment import Deployment
from gateway.errors import GatewayError, RouteBusy, RouteHeld, RuleRefused, SchemaMismatch
from gateway.exchange import quarantine, settlement, stopped, structure, timing, verdicts
from gateway.exchange.attempt import Attempt, Progress
from gateway.exchange.changes import Changes, Version
from gateway.exchange.outcome import Outcome, utc
from gateway.exchange.shape import check_shape
from gateway.exchange.timing import Override
from gateway.exchange.verdicts import Heard
from gateway.ledger import deliveries, ledger
from gateway.ledger.deliveries import Extent, Range
from gateway.ports import Collected, Delivery, Outgoing, Target


def run(
    deployment: Deployment, route_name: str, *, run_id: str = "", progress: Progress | None = None, dry_run: bool = False,
    whole: bool = False, now: Override | None = None,
) -> Outcome:  # fmt: skip
    """Deliver once what the platform does not have yet; `whole` delivers everything again.

    Raises RouteBusy, PlatformUnavailable, HubUnavailable, NotNow (retryable); RouteHeld, SchemaMismatch, AccessDenied. After
    any of them the next run sends what this one may or may not have delivered, under the same number.
    """
    route = deployment.route(route_name)
    again: Outcome | None = None
    while True:
        asks = not dry_run and again is None  # what is under way may end
        with (
            Attempt(deployment, route, run_id, progress, asks=asks, now=now) as attempt,
            pg.hub_errors(f"deliver {route.dataset.name}"),
        ):
            delivery = _Delivery(attempt, whole=whole)
            outcome = delivery.rehearse() if dry_run else delivery.carry()
        outcome = outcome if again is None else outcome.after(again)
        if dry_run or not delivery.resent:
            return outcome
        again = outcome


def resend(deployment: Deployment, row_id: int, *, who: str, why: str) -> Outcome:
    """Send a row that its target refused once more, alone and as it is; for when what was wrong was the target's.

    Raises NotFound for a closed row, RuleRefused when it never left or the hub holds a newer version, and RouteBusy when
    a delivery whose reply was lost has to be sent again first.
    """
    with closing(deployment.hub(name="gateway quarantine", autocommit=True)) as hub:
        found = quarantine.opened(deployment, hub, row_id)
    route = deployment.route(found.route)
    if not found.rule.startswith(quarantine.PEER):
        hint = "Mend it at its source: the next version is judged afresh and delivered. Or give it up: `gateway quarantine discard`."
        raise RuleRefused(f"row {row_id} was stopped on its way to {route.target}: it is in the hub already", hint)
    with Attempt(deployment, route, f"replay {row_id}", None) as attempt, pg.hub_errors("send a row again"):
        quarantine.opened(deployment, attempt.notes, row_id)  # again, now that no other run has the route
        return _Delivery(attempt, decision={"row": row_id, "who": who, "why": why, "edited": []}).carry()


class _Delivery:
    """The steps of one attempt, in order."""

    def __init__(self, attempt: Attempt, *, whole: bool = False, decision: Mapping[str, Any] | None = None) -> None:
        self._attempt, self._dataset = attempt, attempt.dataset
        begun = deliveries.begun(attempt.notes, attempt.route.route)
        if begun and decision:
            hint = f"Run `gateway sync {attempt.route.route}` first, then try again."
            raise RouteBusy(f"a delivery of route {attempt.route.route} is not confirmed yet", hint)
        self.resent = begun is not None
        self._left: Extent | None = begun[1] if begun else None
        self._range = begun[0] if begun else self._fresh(whole=whole, decision=decision)
        self._kind = "replay" if self._range.decision else "delivery"
        self._read_at: datetime | None = None
        self._verdicts = 0
        self._rejects: Mapping[str, int] = {}

    def rehearse(self) -> Outcome:
        """Count what would be sent."""
        with self._changes() as changes:
            self._rejects = changes.rejects
            return self._outcome(changes.extent, Delivery(self._range.number, 0, 0, 0, 0), Heard(), None)

    def carry(self) -> Outcome:
        """Choose, send, and record what the target confirmed in one transaction with the route's state."""
        ledger.note_kind(self._attempt.notes, self._attempt.batch, self._kind)
        self._attempt.stage("extract")
        with self._changes() as changes:
            if self._range.decision and not (changes.extent.rows or self.resent):
                raise RuleRefused(
                    "the hub holds another version of the row now, or none, or it must not leave",
                    f"Nothing was sent. Run `gateway sync {self._attempt.route.route}`: it delivers what there is.",
                )
            self._read_at, self._rejects = self._attempt.now(), changes.rejects
            confirmed = self._exchange(changes)
            if confirmed.repeated:  # what stayed here when it left, whatever the clock and the rules say now
                self._rejects = stopped.noted(self._attempt.hub, self._attempt.route.route, self._range.number)
            extent = self._left if self._left and confirmed.repeated else changes.extent  # what the target counted
            self._attempt.stage("state")
            heard, entry = self._attempt.decide(
                lambda: self._move(changes, confirmed), lambda heard: self._receipt(extent, confirmed, heard)
            )
        self._attempt.stage("done")
        settlement.presume(self._attempt)
        return self._outcome(extent, confirmed, heard, entry.no)

    def _changes(self) -> Changes:
        decision, only = self._range.decision, None
        if decision:
            found = quarantine.original(self._attempt.deployment, self._attempt.notes, decision["row"])
            only = Version(found.record, found.hash)
        route, begun = self._attempt.route, self._attempt.state.loaded
        confirmed = deliveries.confirmed_upto(self._attempt.notes, route.route)
        return Changes(self._attempt.deployment, route, self._range, only, deletes=begun, confirmed=confirmed)

    def _fresh(self, *, whole: bool, decision: Mapping[str, Any] | None) -> Range:
        state, number = self._attempt.state, self._attempt.batch
        now = deliveries.next_left(self._attempt.notes, self._attempt.route.route)
        upto = deliveries.confirmed_upto(self._attempt.notes, self._attempt.route.route)
        if decision:
            return Range(number, upto, upto, now, decision)
        if state.resync is not None:
            self._await_refill()
        again = whole or not state.loaded or state.resync is not None
        return Range(number, 0 if again else upto, None, now)

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
        """Return why everything is to be delivered, when this delivery was an older one sent again, or one row."""
        return self._attempt.state.resync if self.resent or self._range.decision else None

    def _exchange(self, changes: Changes) -> Delivery:
        """Send what there is and hear what the target refuses; nothing to send is confirmed by nobody.

        What left before is asked for again even when nothing of it is left to send: the target may have taken it.
        """
        attempt, confirmed = self._attempt, Delivery(self._range.number, 0, 0, 0, 0)
        sends = changes.extent.sends or self.resent
        if sends or registry.returns(attempt.route.peer):
            with closing(attempt.deployment.target(attempt.route.peer)) as target:
                if sends:
                    confirmed = self._send(target, changes)
                attempt.stage("verdicts")
                self._verdicts = verdicts.listen(attempt, target, confirmed)
        return confirmed

    def _send(self, target: Target, changes: Changes) -> Delivery:
        """Note what leaves before it leaves, then send.

        The platform's side is compared with the contract first: a cast on arrival may lose silently.
        """
        attempt, extent = self._attempt, changes.extent
        self._watch(target)
        if not self.resent:
            self._refuse_lagging(target)
            self._note(changes)
        attempt.stage("deliver", extent.rows + extent.gone)
        sender = deliveries.sender(attempt.notes)
        with closing(attempt.deployment.pace(attempt.route.peer)) as pace:
            form = target.format
            reads = (changes.rows(form), changes.gone(form), changes.rows(form, stored=True))
            rows, gone, stored = (pace.rows(read, form) for read in reads)
            memory = deliveries.Noted(attempt.notes, attempt.route.route)
            batch = Outgoing(sender, self._range.number, self._range.left, rows, gone, memory, stored)
            confirmed = target.write(self._dataset, batch)
        structure.tell_moved(attempt, target)
        return confirmed

    def _watch(self, target: Target) -> None:
        """Look at the structure; while the route is held for it, what the target tells of earlier rows is kept."""
        attempt = self._attempt
        try:
            structure.watched(attempt, lambda: self._examine(target), target)
        except (SchemaMismatch, RouteHeld):
            with suppress(GatewayError):  # the hold is what is to be told
                structure.warn_of_spool(attempt, verdicts.spool(attempt, target))
            raise

    def _examine(self, target: Target) -> None:
        shape = registry.patiently(lambda: target.describe(self._dataset))
        if shape is not None:
            check_shape(self._dataset, self._attempt.route.peer, shape, more=True)

    def _refuse_lagging(self, target: Target) -> None:
        """Let nothing more leave while the other side has yet to fetch too much; what is under way ends, and one row may go."""
        if self._range.decision or not isinstance(target, Collected):
            return
        found = target.unread(self._dataset)
        if found is not None and found.rows >= found.limit:
            self._attempt.unless_overruled(timing.lags(self._attempt.route, found))

    def _note(self, changes: Changes) -> None:
        """Note what is about to leave and what stays here, as one: by the time a lost reply is settled, the rules may be others."""
        attempt = self._attempt
        attempt.notes.autocommit = False
        try:
            with attempt.notes:
                deliveries.begin(attempt.notes, attempt.route.route, self._range, changes.extent)
                self._enter_stopped(attempt.notes, changes)
                stopped.mark(attempt.notes, attempt.route, changes.unsent(), changes.freed())
        finally:
            if not attempt.notes.closed:
                attempt.notes.autocommit = True

    def _enter_stopped(self, connection: Connection, changes: Changes) -> None:
        if changes.extent.stopped:
            attempt = self._attempt
            stopped.enter(connection, attempt.deployment.keys, attempt.route, attempt.batch, changes.stopped())

    def _move(self, changes: Changes, confirmed: Delivery) -> Heard:
        """Everything that others can see: what was stopped or refused, what is delivered, where the route stands."""
        attempt, route, extent = self._attempt, self._attempt.route.route, changes.extent
        if self._range.decision and (extent.rows or confirmed.repeated):
            quarantine.close_sent_again(attempt.hub, attempt.batch, self._range.decision)
        went = None if confirmed.repeated else replace(self._range, upto=extent.upto)
        stopped.close(attempt.hub, attempt.deployment.keys, attempt.route, attempt.batch, went)
        if not confirmed.repeated:  # else it took what may be stopped now
            self._enter_stopped(attempt.hub, changes)
        if not extent.sends and not self.resent:
            deliveries.begin(attempt.hub, route, self._range, extent)
            stopped.mark(attempt.hub, attempt.route, changes.unsent(), changes.freed())
        taken = confirmed.inserted + confirmed.updated + confirmed.unchanged + confirmed.deleted
        deliveries.confirm(attempt.hub, self._range.number, taken)
        values = {"batch": attempt.batch, "watermark": None, "identity": None, "resync": self._still_due}
        ledger.move_state(attempt.hub, {**values, "route": route, "attempt": attempt.number, "probed": self._read_at})
        return verdicts.enter(attempt) if self._verdicts else Heard()

    def _receipt(self, extent: Extent, confirmed: Delivery, heard: Heard) -> Mapping[str, Any]:
        """Return the receipt's body: strings, integers, lists and objects only, times in UTC."""
        attempt, route = self._attempt, self._attempt.route
        committed, rejects = deliveries.committed_at(attempt.hub, extent.upto), {**self._rejects, **heard.entered}
        body = {
            "epoch": attempt.epoch, "batch": attempt.batch, "attempt": attempt.number, "route": route.route,
            "dataset": self._dataset.name, "contract": self._dataset.version, "from": route.origin, "to": route.target,
            "run": self._kind, "read": extent.read, "inserted": confirmed.inserted, "updated": confirmed.updated,
            "deleted": confirmed.deleted, "unchanged": confirmed.unchanged, "rejected": sum(rejects.values()),
            "waiting": 0, "rejects": rejects, "warnings": {}, "repaired": {},
            "content": {"rows": extent.rows, "hash_sum": str(extent.hash_sum)},
            "clocks": {"source": utc(committed), "received": utc(self._read_at), "confirmed": utc(attempt.now())},
            "delivery": {"number": self._range.number, "after": self._range.after, "upto": extent.upto,
                         "gone": extent.gone, "repeated": confirmed.repeated},
            "verdicts": {"entered": sum(heard.entered.values()), "overtaken": heard.overtaken, "unknown": heard.unknown,
                         **({"reopened": list(heard.reopened)} if route.settle else {})},
        }  # fmt: skip
        return {**body, "decision": dict(self._range.decision)} if self._range.decision else body

    def _outcome(self, extent: Extent, confirmed: Delivery, heard: Heard, receipt: int | None) -> Outcome:
        rejects = {**self._rejects, **heard.entered}
        return Outcome(
            route=self._attempt.route.route, dataset=self._dataset.name, kind=self._kind, batch=self._attempt.batch,
            receipt=receipt, read=extent.read, inserted=confirmed.inserted, updated=confirmed.updated,
            deleted=confirmed.deleted, unchanged=confirmed.unchanged, rejected=sum(rejects.values()), waiting=0,
            seconds=round(self._attempt.seconds, 3), rejects=rejects,
        )  # fmt: skip
