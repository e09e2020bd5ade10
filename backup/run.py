"""One backup: hold the moment, dump and survey it, seal, store in every repository, the manifest last."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import connection as Connection

from backup import copied, dump, ended, parts, records, snapshot, survey, wiring
from backup import manifest as manifests
from backup.manifest import Manifest, Part
from backup.mysql import take as mysql
from backup.patience import patiently
from backup.plans import FILES, MYSQL, Plan
from backup.ports import Repository, Sealer
from backup.settling import settle
from backup.snapshot import Held
from backup.survey import Survey
from backup.taking import Dumped, Taken, Taking
from backup.trees.source import Tree
from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import BackupFailed, GatewayError, OutsideWindow, Tampered
from gateway.exchange import timing

Progress = Callable[[str, int], None]
Make = Callable[[str, Path, "dict[str, Any] | None"], "Outcome"]
# How a run of each kind keeps others out, and where it works.
_SPOOLS = {"logical": ("run", "spool"), "physical": ("base", "base")}
_SEALING = 2  # parts that are sealed at a time: one compresses while another is stored


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run made."""

    backup: str
    plan: str
    rows: int
    tables: int
    bytes: int
    plain_bytes: int
    repositories: tuple[str, ...]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome for machines."""
        return {
            "backup": self.backup, "plan": self.plan, "rows": self.rows, "tables": self.tables, "bytes": self.bytes,
            "plain_bytes": self.plain_bytes, "repositories": list(self.repositories), "seconds": self.seconds,
        }  # fmt: skip


def quiet(_stage: str, _count: int) -> None:
    """Tell nobody how far a run is."""


def run(deployment: Deployment, plan: Plan, progress: Progress = quiet, *, now: bool = False) -> Outcome:
    """Back up what a plan names; BackupBusy while another run has it, BackupFailed and others leave earlier backups alone.

    OutsideWindow while the plan's window is closed, unless it is to begin `now`.
    """
    if not now and (opens := timing.opens(deployment.catalog, plan.window)):
        raise OutsideWindow(
            f"plan {plan.plan} is backed up only {plan.window}; that is closed until {timing.shown(opens)}",
            "The run begins then by itself under Airflow. `--now --why …` lets one begin now.",
            (opens - settings.now()).total_seconds(),
        )

    def make(name: str, spool: Path, head: dict[str, Any] | None) -> Outcome:
        return _Run(deployment, plan, name, spool, progress).run(head)

    return made(deployment, plan, "logical", make)


def made(deployment: Deployment, plan: Plan, kind: str, make: Make) -> Outcome:
    """Make a backup of a kind alone, and note what became of it."""
    doing, spool = _SPOOLS[kind]
    with records.alone(deployment, plan, doing) as hub:
        shutil.rmtree(wiring.folder(spool, plan.plan))
        settle(deployment, hub, plan, kind)
        name = f"{plan.plan}-{settings.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        records.begin(hub, plan, name, kind)
        try:
            with _working():
                return make(name, wiring.folder(spool, plan.plan), records.head(hub))
        except GatewayError as error:
            ended.broke_off(deployment, plan, name, error)
            raise
        finally:
            shutil.rmtree(wiring.folder(spool, plan.plan))


@dataclass
class _Run:
    deployment: Deployment
    plan: Plan
    name: str
    spool: Path
    progress: Progress

    def run(self, head: dict[str, Any] | None) -> Outcome:
        began = time.monotonic()
        places = [(p.repository, wiring.repository(self.deployment, p)) for p in self.plan.places]
        sealer = wiring.sealer(self.deployment, self.plan)
        taking = self._taking(began + self.plan.limit.total_seconds())
        settings.failpoint("backup dumped")
        self.progress("seal", 0)
        stored = store(
            self.name, taking.groups(), sealer, [repository for _, repository in places], self.spool, self.progress
        )
        settings.failpoint("backup stored")
        taken = taking.taken()
        made = Manifest(
            backup=self.name, plan=self.plan.plan, unit=self.plan.unit, source=taken.source, snapshot_at=taken.at, lsn=taken.lsn,
            exclude=self.plan.exclude, survey=taken.survey, parts=tuple(stored), profile=self.plan.profile,
            recipients=self.plan.recipients, head=head,
        )  # fmt: skip
        return finish(self.deployment, self.plan, made, places, began)

    def _taking(self, deadline: float) -> Taking:
        """Begin to take the source, by its kind."""
        if self.plan.engine == FILES:
            root = wiring.tree(self.deployment, self.plan)
            return Tree(root, self.spool, self.plan.exclude, deadline=deadline, progress=self.progress)
        if self.plan.engine == MYSQL:
            dsn = wiring.source_dsn(self.deployment, self.plan)
            return mysql.take(dsn, self.plan, self.spool, deadline=deadline, progress=self.progress)
        held, surveyed = self._take(deadline)
        source = {
            name: getattr(held, name)
            for name in ("system_identifier", "major", "version", "database", "encoding", "bytes")
        }
        return Dumped(Taken(source, held.at, held.lsn, surveyed), dump.files(self.spool))

    def _take(self, deadline: float) -> tuple[Held, Survey]:
        """Dump and survey one moment, side by side; then hash what was dumped."""
        plan, dsn = self.plan, wiring.source_dsn(self.deployment, self.plan)
        where = (plan.connection or "hub").lower()
        with pg.platform_errors(where, "back it up"), _in_time(deadline), snapshot.held(dsn, plan.exclude) as held:
            self._refuse_full(held)
            self.progress("dump", 0)
            settings.failpoint("backup held")
            opened: list[Connection] = []

            def connect() -> Connection:
                connection = snapshot.connect(dsn, "gateway backup survey", held.id)
                opened.append(connection)
                left = max(round((deadline - time.monotonic()) * 1000), 1)
                pg.run(connection, "select set_config('statement_timeout', %s, false)", (f"{left}ms",))
                return connection

            with closing(connect()) as connection:  # before the dump reads them: no snapshot holds sequences
                numbers = survey.sequences(connection, plan.exclude)
            with ThreadPoolExecutor(1) as beside:
                counted = beside.submit(
                    survey.take, connect, plan.exclude, jobs=plan.jobs, done=self._counting(), read=copied.counted
                )
                try:
                    dump.take(dsn, held, plan.exclude, self.spool, jobs=plan.jobs, deadline=deadline)
                except GatewayError:
                    _cancel(opened)
                    raise
                found = replace(counted.result(), sequences=numbers)
        files = dump.tables(self.spool, held, deadline=deadline)
        return held, copied.hashed(found, files, self.spool / dump.FORMAT, jobs=plan.jobs)

    def _refuse_full(self, held: Held) -> None:
        free = shutil.disk_usage(self.spool).free
        if free < held.table_bytes:
            raise BackupFailed(
                f"the working folder has {free >> 20} MiB free, the tables hold {held.table_bytes >> 20} MiB",
                "Free space where GATEWAY_HOME lies; earlier backups are untouched.",
            )

    def _counting(self) -> Callable[[int], None]:
        total, lock = 0, threading.Lock()

        def done(rows: int) -> None:
            nonlocal total
            with lock:
                total += rows
                self.progress("survey", total)

        return done


def store(
    backup: str, groups: Iterable[list[Path]], sealer: Sealer, repositories: Sequence[Repository], spool: Path, progress: Progress,
    joined: Callable[[Path, list[Path]], list[Path]] = lambda _, files: files,
) -> list[Part]:  # fmt: skip
    """Seal part after part and store each in every repository; the spool holds few at a time."""
    stored: list[Part] = []

    def one(number: int, files: list[Path]) -> Part:
        name = f"{number:06}.part"
        target = spool / name
        part = parts.seal(name, joined(target, files), sealer, target)
        settings.failpoint("backup sealed")
        for repository in repositories:
            kept = patiently(partial(repository.put_part, backup, name, target, part.sha256))
            if (kept.bytes, kept.sha256) != (part.bytes, part.sha256):
                raise Tampered(f"part {name} of {backup} is not in the repository as it was sent", "Run again.")
        target.unlink()
        return part

    def done(future: Future[Part]) -> None:
        stored.append(future.result())
        progress("store", sum(part.bytes for part in stored))

    with ThreadPoolExecutor(_SEALING, thread_name_prefix="seal") as pool:
        waiting: deque[Future[Part]] = deque()
        try:
            for number, files in enumerate(groups, 1):
                waiting.append(pool.submit(one, number, files))
                while len(waiting) > _SEALING:  # no more is asked of the source than the spool should hold
                    done(waiting.popleft())
            while waiting:
                done(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()
    return stored


def finish(
    deployment: Deployment, plan: Plan, made: Manifest, places: Sequence[tuple[str, Repository]], began: float
) -> Outcome:
    """Put the signed manifest into every repository, the last thing of all, and note the backup; it began then (monotonic)."""
    raw = manifests.sign(made, deployment.keys)
    for _, repository in places:
        patiently(partial(repository.put_manifest, made.backup, raw))
        settings.failpoint("backup manifest")
    kept = {name: patiently(partial(repository.kept, made.backup)) for name, repository in places}
    records.stored(deployment, plan, made, manifests.digest(raw), kept)
    return Outcome(
        made.backup, plan.plan, made.survey.rows, len(made.survey.tables), made.bytes, made.plain_bytes, tuple(kept),
        round(time.monotonic() - began, 1),
    )  # fmt: skip


def _cancel(connections: Sequence[Connection]) -> None:
    """End what nobody waits for any more."""
    for connection in connections:
        with suppress(psycopg2.Error):
            connection.cancel()


@contextmanager
def _in_time(deadline: float) -> Iterator[None]:
    """Say that a run took too long when the server ended its query at the deadline (monotonic)."""
    try:
        yield
    except errors.QueryCanceled as error:
        if time.monotonic() < deadline:  # somebody there cancelled it
            raise
        raise BackupFailed(
            "unable to back it up: it took longer than it may", "Raise max_minutes of the plan."
        ) from error


@contextmanager
def _working() -> Iterator[None]:
    """Turn what the working folder refuses into a failed backup."""
    try:
        yield
    except OSError as error:
        hint = "Free space where GATEWAY_HOME lies, and let the gateway's user alone write there; earlier backups are untouched."
        raise BackupFailed(f"the working folder cannot be used: {error.strerror}", hint) from error
