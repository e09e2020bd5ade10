"""Receives WAL as it is written, by pg_receivewal and a slot, and stores it segment by segment; supervised, for it must not end unseen."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from backup import tools, wiring
from backup.physical import ground as grounds
from backup.physical import lsn, notes, ship
from backup.physical.segments import Archive
from backup.plans import Plan, Wal
from backup.run import Progress, quiet
from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import BackupBusy, GatewayError, ReceiverStopped, RestoreRefused, RetryableError
from gateway.sql import queries

_SQL = queries(grounds.__file__)
_POLL = 0.3
PATIENCE = 60.0  # seconds that receiving or storing may fail before somebody is told
_MARKS = 10_000
_STEADY = 2.0  # seconds after which a receiver is no longer one that ends at once


def wal_of(plan: Plan) -> Wal:
    """Return what a plan says of WAL; RestoreRefused when it says nothing."""
    if plan.wal is None:
        raise RestoreRefused(
            f"plan {plan.plan} keeps no WAL", "Give it `wal: {base: …, connection: …}`; see the how-to."
        )
    return plan.wal


def receive(
    deployment: Deployment, plan: Plan, progress: Progress = quiet, *, seconds: float | None = None, new_slot: bool = False,
    stop: threading.Event | None = None,
) -> None:  # fmt: skip
    """Receive and store a plan's WAL until told to stop, or for some seconds.

    Restarts the receiver when it ends, as a restarted server makes it; ReceiverStopped when that goes on, SlotLost when
    WAL was thrown away. Both are told to whoever answers for the unit.
    """
    wal = wal_of(plan)
    folder = wiring.folder("wal", plan.plan)
    with _alone(folder, plan):
        dsn = wiring.secret(deployment, wal.connection)
        try:
            known = _known(deployment, plan)
            base, slot = grounds.ready(dsn, plan.plan, known=known, new=new_slot)
            if new_slot:
                _lay_aside(folder)
            if not slot.limited:
                progress("max_slot_wal_keep_size has no limit", 0)
            places = [wiring.repository(deployment, place) for place in plan.places]
            system = base.system_identifier
            shipper = ship.Shipper(deployment, plan, system, wiring.sealer(deployment, plan), places, folder)
            one = _Receiver(deployment, plan, wal, dsn, base, folder, shipper, progress, stop or threading.Event())
            one.run(seconds)
        except GatewayError as error:
            with suppress(GatewayError):  # the hub may be what is lost
                notes.alarm(deployment, plan, error)
            raise


@dataclass
class _Receiver:
    deployment: Deployment
    plan: Plan
    wal: Wal
    dsn: str
    ground: grounds.Ground
    folder: Path
    shipper: ship.Shipper
    progress: Progress
    stop: threading.Event
    marks: deque[tuple[int, datetime, str]] = field(default_factory=lambda: deque(maxlen=_MARKS))
    process: subprocess.Popen[bytes] | None = None
    through: tuple[datetime, str] | None = None  # stored until then, and who was open then
    switched: float = field(default_factory=time.monotonic)
    began: float = 0.0

    def run(self, seconds: float | None) -> None:
        """Supervise until the end, then leave no program behind."""
        ends = None if seconds is None else time.monotonic() + seconds
        trouble: float | None = None
        _end_orphan(self.folder)
        self.shipper.sweep()
        try:
            while not self.stop.wait(_POLL) and (ends is None or time.monotonic() < ends):
                try:
                    self._tick()
                    if (
                        time.monotonic() - self.began > _STEADY
                    ):  # one that has just begun may end like the one before it
                        trouble = None
                except RetryableError as error:
                    trouble = trouble or time.monotonic()
                    self.progress(f"waiting: {error.message}", 0)
                    if time.monotonic() - trouble > PATIENCE:
                        raise ReceiverStopped(f"WAL of {self.plan.plan} waits: {error.message}", error.hint) from error
        finally:
            self._end()

    def _tick(self) -> None:
        try:
            self._keep_running()
        finally:  # what was received is stored, whether or not more comes
            for path in ship.received(self.folder):
                through = self._through(path.name)
                self.shipper.ship(path, through and through[0])
                self.through = through or self.through
                self.progress(f"stored {path.name}", 0)
        self._mark()

    def _keep_running(self) -> None:
        """Start the receiver where it does not run; say why it ended."""
        if self.process is not None and self.process.poll() is None:
            return
        ended, self.process = self.process, None
        if ended is not None:
            said = (self.folder / "receive.err").read_text(encoding="utf-8", errors="replace")
            grounds.ready(self.dsn, self.plan.plan, known=True, new=False)
            if time.monotonic() - self.began < _STEADY:
                raise ReceiverStopped(
                    f"the receiver ended: {tools.first_error(said) or 'without a word'}", "It is begun again."
                )
        fill_up(self.folder, self.ground.segment_bytes)
        command: list[str | Path] = [
            tools.program("pg_receivewal", self.ground.major), f"--directory={self.folder}", f"--slot={grounds.slot_name(self.plan.plan)}",
            "--no-loop", "--synchronous", "--status-interval=1", "--no-password",
        ]  # fmt: skip
        with (self.folder / "receive.err").open("wb") as said_here:
            self.process = subprocess.Popen(
                [str(part) for part in command], env=tools.environment(self.dsn), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=said_here, start_new_session=True,
            )  # fmt: skip
        self.began = time.monotonic()
        (self.folder / "receive.pid").write_text(str(self.process.pid))

    def _mark(self) -> None:
        """Note how far WAL has come by now; fill up a segment that waits, and say so when nothing is new."""
        with (
            pg.platform_errors(self.plan.plan, "ask how far its WAL is"),
            closing(pg.connect(self.dsn, name="gateway wal", autocommit=True)) as connection,
        ):
            at, now, open_ = pg.one(connection, _SQL["mark"])
            self.marks.append((lsn.position(at), now, open_))
            if self.through and self.through[1] == open_ and not ship.received(self.folder):
                if (now - self.through[0]).total_seconds() >= self.wal.switch.total_seconds():
                    notes.idle(self.deployment, self.plan, self.ground.system_identifier, now)
                    self.through = (now, open_)
            elif time.monotonic() - self.switched >= self.wal.switch.total_seconds():
                pg.run(connection, _SQL["switch"])
                self.switched = time.monotonic()

    def _through(self, name: str) -> tuple[datetime, str] | None:
        """Return until when every commit lies in a segment or before it, as far as that was seen."""
        found = None
        if lsn.SEGMENT.fullmatch(name):
            end = lsn.ends(name, self.ground.segment_bytes)
            while self.marks and self.marks[0][0] <= end:
                _, now, open_ = self.marks.popleft()
                found = (now, open_)
        return found

    def _end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def fill_up(folder: Path, size: int) -> None:
    """Give a segment that a receiver was killed in while it laid it out its full size: it refuses any other, for ever.

    Nothing is lost: a receiver begins such a segment anew.
    """
    for path in folder.glob("*.partial"):
        if path.stat().st_size not in {0, size}:
            os.truncate(path, size)


def _known(deployment: Deployment, plan: Plan) -> bool:
    """Tell whether WAL of the plan's server was ever stored: then its slot must be there."""
    wal = wal_of(plan)
    with pg.platform_errors(plan.plan, "look at its server"), closing(
        pg.connect(wiring.secret(deployment, wal.connection), name="gateway wal", autocommit=True)
    ) as connection:  # fmt: skip
        system = grounds.ground(connection).system_identifier
    keys = deployment.keys.public_keys()
    return bool(Archive(wiring.repository(deployment, plan.place()), plan.plan, system, keys).names())


def _lay_aside(folder: Path) -> None:
    """Keep what a slot that is lost left half received: a recovery on this machine may still want it."""
    aside = folder / "aside"
    aside.mkdir(exist_ok=True, mode=0o700)
    for path in folder.glob("*.partial"):
        path.rename(aside / f"{settings.now():%Y%m%dT%H%M%SZ}-{path.name}")


def _end_orphan(folder: Path) -> None:
    """End the receiver of a supervisor that was killed: it holds the slot."""
    noted = folder / "receive.pid"
    if not noted.exists():
        return
    pid = int(noted.read_text())
    with suppress(OSError):
        line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        if "pg_receivewal" in line and str(folder) in line:
            os.kill(pid, signal.SIGINT)
            for _ in range(100):
                if not Path(f"/proc/{pid}").exists():
                    break
                time.sleep(0.05)
    noted.unlink()


@contextmanager
def _alone(folder: Path, plan: Plan) -> Iterator[None]:
    """Have the folder of received WAL for oneself; the hub cannot tell, for it may be what is restarted."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupBusy(f"another process receives the WAL of {plan.plan}", "Let it, or end it first.") from None
        yield
