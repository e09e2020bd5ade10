"""One attempt of a route: its locks, its batch number, its stages, and the transaction that decides it.

The connection that holds the advisory locks is the one that commits. Everything the attempt says of itself on the way
goes through a second connection, so that it is visible at once and survives a rollback.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TypeVar

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import GatewayError, HubUnavailable, NotNow, OutcomeUnknown, PlatformResting
from gateway.exchange import hub as hub_tables
from gateway.exchange import timing
from gateway.exchange.landing import Landing
from gateway.exchange.timing import Override
from gateway.ledger import chain, ledger, pace, receipts
from gateway.model import Route

T = TypeVar("T")
Progress = Callable[[str, int], None]
_LOST = (psycopg2.OperationalError, psycopg2.InterfaceError)
_LOCK_TRIES = 3
_LOCK_WAIT = "5s"
_ASK_SECONDS = 30.0


class Attempt:
    """An attempt in progress; a context manager that closes its batch row whatever happens."""

    def __init__(
        self, deployment: Deployment, route: Route, run_id: str, progress: Progress | None, *, asks: bool = True,
        now: Override | None = None,
    ) -> None:  # fmt: skip
        """Nothing is opened here; `with` opens it.

        One that `asks` the platform waits for its window and its rest, unless somebody lets it start `now`.
        """
        self._asks, self._now = asks, now
        self.deployment, self.route, self.dataset = deployment, route, route.dataset
        self._run_id, self._progress = run_id, progress or _silent
        self._began = time.monotonic()
        self._committed: dict[str, Any] | None = None
        self.batch = 0

    def __enter__(self) -> Attempt:
        """Connect, take the locks, settle what dead attempts left, open the batch; RouteBusy, RouteHeld, NotNow refuse."""
        self.hub = self.deployment.hub(name=f"gateway {self.route.route}", autocommit=True)
        self.notes = self.deployment.hub(name=f"gateway notes {self.route.route}", autocommit=True)
        try:
            with pg.hub_errors("begin a run"):
                self._begin()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Record how it ended and let the locks go with the connection."""
        try:
            if self.batch:
                self._record_end(error)
        except _LOST:
            pass  # the next attempt settles the batch row by its receipt
        finally:
            self._close()

    @property
    def seconds(self) -> float:
        """Return the seconds since the attempt began."""
        return time.monotonic() - self._began

    def stage(self, name: str, rows: int = 0) -> None:
        """Tell ledger and listener that a stage begins; tests stop or kill here."""
        with pg.hub_errors("note a stage"):
            ledger.note_stage(self.notes, self.batch, name, round(self.seconds * 1000))
        self._progress(name, rows)
        settings.failpoint(name)

    def landing(self) -> Landing:
        """Return this attempt's landing tables (not yet made)."""
        today = settings.now().astimezone(settings.CHINA).date()
        return Landing(self.hub, self.dataset, self.batch, self.route.peer.platform, today)

    def decide(self, move: Callable[[], T], body: Callable[[T], Mapping[str, Any]]) -> tuple[T, receipts.Entry]:
        """Run `move`, append the receipt and commit, as one transaction; a lock in the way is waited for three times."""
        for turn in range(1, _LOCK_TRIES + 1):
            try:
                with self._transaction():
                    result = move()
                    receipt = dict(body(result))
                    self.stage("receipt")
                    entry = chain.append(
                        self.hub,
                        self.deployment.keys,
                        "batch",
                        receipt,
                        batch=self.batch,
                        route=self.route.route,
                    )
                    self._commit()
                break
            except errors.LockNotAvailable:
                if turn == _LOCK_TRIES:
                    raise
        self._committed = receipt
        chain.note_witness(entry, receipt["epoch"])
        return result, entry

    def rehearse(self, move: Callable[[], T]) -> T:
        """Run `move` and roll it back: what a dry run shows is what a run would do."""
        with self._transaction():
            result = move()
            self.hub.rollback()
        return result

    def now(self) -> datetime:
        """Return the hub's clock."""
        found: datetime = pg.one(self.hub, "select clock_timestamp()")[0]
        return found.astimezone(UTC)

    def _begin(self) -> None:
        ledger.take_locks(self.hub, self.route.route, None if self.route.outbound else self.dataset.name)
        hub_tables.prepare_route(self.hub, self.route)
        self.approved = ledger.refuse_stopped(self.notes, self.route.route)
        if self._asks:
            self._refuse_early()
        self.hub.autocommit = False
        self.epoch = chain.ensure_epoch(self.hub, self.deployment.keys)
        self.hub.autocommit = True
        self.number = ledger.next_attempt(self.hub, self.route.route)
        self.state = ledger.state(self.hub, self.route.route)
        source = self.route.peer.platform
        self.batch = ledger.open_batch(
            self.hub,
            route=self.route.route,
            dataset=self.dataset.name,
            source=source,
            attempt=self.number,
            run_id=self._run_id,
        )

    def _refuse_early(self) -> None:
        try:
            timing.refuse_early(self.notes, self.deployment.catalog, self.route.peer)
        except NotNow as early:
            if self._now is None:
                raise
            timing.start_early(self.deployment, self.route, early, self._now)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.hub.autocommit = False
        try:
            pg.run(self.hub, "select set_config('lock_timeout', %s, true)", (_LOCK_WAIT,))
            yield
        except BaseException:
            if not self.hub.closed:
                self.hub.rollback()
            raise
        finally:
            if not self.hub.closed and self.hub.info.transaction_status == TRANSACTION_STATUS_IDLE:
                self.hub.autocommit = True

    def _commit(self) -> None:
        """Commit; when the reply is lost, ask the hub what became of the transaction instead of guessing."""
        xid = str(pg.one(self.hub, "select pg_catalog.pg_current_xact_id()::text")[0])
        ledger.note_xid(self.notes, self.batch, xid)
        self._progress("commit", 0)
        settings.failpoint("commit")
        try:
            self.hub.commit()
        except _LOST as lost:
            self._ask_outcome(xid, lost)

    def _ask_outcome(self, xid: str, lost: Exception) -> None:
        """Return when the transaction turns out committed; HubUnavailable when aborted, OutcomeUnknown when unclear."""
        deadline = time.monotonic() + _ASK_SECONDS
        while time.monotonic() < deadline:
            try:
                asking = self.deployment.hub(name="gateway outcome", autocommit=True)
            except HubUnavailable:
                time.sleep(0.5)
                continue
            try:
                status = pg.one(asking, "select pg_catalog.pg_xact_status(%s::xid8)", (xid,))[0]
            except psycopg2.Error:  # another server, or one restored to before the transaction
                break
            finally:
                asking.close()
            if status == "committed":
                return
            if status == "aborted":
                raise HubUnavailable("the hub lost the transaction before its commit", "The run is repeated.") from lost
            time.sleep(0.2)
        raise OutcomeUnknown(
            f"the outcome of batch {self.batch} is not known yet", "The next run settles it by the receipt."
        ) from lost

    def _record_end(self, error: BaseException | None) -> None:
        notes = self.notes
        if notes.closed or notes.info.transaction_status != TRANSACTION_STATUS_IDLE:
            notes = self.notes = self.deployment.hub(name="gateway notes", autocommit=True)
        if self._committed is not None:
            ledger.close_batch(notes, self.batch, committed=True, counts=_counts(self._committed))
        elif not isinstance(error, OutcomeUnknown):
            known = error if isinstance(error, GatewayError) else None
            code, text = (known.code, known.message) if known else (None, type(error).__name__ if error else None)
            ledger.close_batch(notes, self.batch, committed=False, code=code, text=text)
        if isinstance(error, PlatformResting):
            pace.rest(notes, self.route.peer.platform, error.seconds, error.message)

    def _close(self) -> None:
        """Let the locks go and close: closing alone tells the server, which lets go a moment after this run has ended."""
        try:
            self.hub.rollback()
            ledger.free_locks(self.hub)
        except psycopg2.Error:
            pass  # the server has lost this session, and with it the locks
        for connection in (self.hub, self.notes):
            close_quietly(connection)


def _silent(stage: str, rows: int) -> None:
    """Listen to nothing."""


def close_quietly(connection: Connection) -> None:
    """Close a connection that may be broken already."""
    try:
        connection.close()
    except psycopg2.Error:
        return


def _counts(receipt: Mapping[str, Any]) -> dict[str, Any]:
    names = ("read", "inserted", "updated", "deleted", "unchanged", "rejected", "waiting")
    return {name: receipt[name] for name in names}
