"""One base backup: the server's files, then an exact restore point behind them whose content is surveyed; sealed, stored, manifest last."""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backup import run, snapshot, survey, tools, wiring
from backup.manifest import Manifest
from backup.physical import checked, lsn, pack, point
from backup.physical import ground as grounds
from backup.physical.checked import Base
from backup.physical.ground import Ground
from backup.physical.point import Point
from backup.physical.receive import wal_of
from backup.physical.segments import Archive
from backup.plans import Plan
from backup.run import Outcome, Progress, quiet
from backup.snapshot import Held
from backup.survey import Survey
from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import BackupFailed, ReceiverStopped
from gateway.sql import queries

_SQL = queries(__file__)
_GROUND = queries(grounds.__file__)
WAIT = 120.0  # seconds until WAL of the restore point must be stored
_POLL = 0.3


def take(deployment: Deployment, plan: Plan, progress: Progress = quiet) -> Outcome:
    """Take a base backup of the server that a plan's database lies on; its WAL must be received already."""
    wal_of(plan)

    def make(name: str, spool: Path, head: dict[str, Any] | None) -> Outcome:
        return _Taking(deployment, plan, name, spool, progress).run(head)

    return run.made(deployment, plan, "physical", make)


@dataclass
class _Taking:
    deployment: Deployment
    plan: Plan
    name: str
    spool: Path
    progress: Progress

    def run(self, head: dict[str, Any] | None) -> Outcome:
        began = time.monotonic()
        deadline = began + self.plan.limit.total_seconds()
        places = [(p.repository, wiring.repository(self.deployment, p)) for p in self.plan.places]
        sealer = wiring.sealer(self.deployment, self.plan)
        dsn = wiring.secret(self.deployment, wal_of(self.plan).connection)
        where = self._ground(dsn)
        base = self._copy(dsn, where, deadline)
        held, mark, surveyed = self._survey(dsn)
        self.progress("seal", 0)
        folder = self.spool / "data"
        stored = run.store(
            self.name, pack.bins(folder), sealer, [r for _, r in places], self.spool, self.progress,
            lambda target, files: [pack.archive(folder, files, target.with_suffix(".tar"))],
        )  # fmt: skip
        physical = _physical(where, base, mark)
        made = Manifest(
            backup=self.name, plan=self.plan.plan, unit=self.plan.unit, source=_source(held, where), snapshot_at=held.at,
            lsn=mark.lsn, exclude=self.plan.exclude, survey=surveyed, parts=tuple(stored), profile=self.plan.profile,
            recipients=self.plan.recipients, head=head, physical=physical,
        )  # fmt: skip
        self._await_wal(where, physical["last"])
        return run.finish(self.deployment, self.plan, made, places, began)

    def _ground(self, dsn: str) -> Ground:
        """Look at the server; refuse when nobody keeps its WAL, or when its files do not fit."""
        with (
            pg.platform_errors(self.plan.plan, "look at its server"),
            closing(pg.connect(dsn, name="gateway base", autocommit=True)) as connection,
        ):
            found, slot = grounds.ground(connection), grounds.slot(connection, self.plan.plan)
        if slot is None or slot.lost:
            raise ReceiverStopped(
                f"nobody keeps the WAL of {self.plan.plan}: its slot {'was lost' if slot else 'is not there'}",
                f"Let `gateway backup wal {self.plan.plan}` run first: without WAL a base is worth nothing.",
            )
        free = shutil.disk_usage(self.spool).free
        if free < found.bytes:
            raise BackupFailed(
                f"the working folder has {free >> 20} MiB free, the server's databases hold {found.bytes >> 20} MiB",
                "Free space where GATEWAY_HOME lies; earlier backups are untouched.",
            )
        return found

    def _copy(self, dsn: str, where: Ground, deadline: float) -> Base:
        """Copy the server's files; what a copy that broke off left stays until it is known why: the folder goes afterwards."""
        self.progress("copy", 0)
        mapped = [f"--tablespace-mapping={_escaped(place)}={_escaped(str(self.spool / 'spaces' / oid))}"
                  for oid, place in where.tablespaces.items()]  # fmt: skip
        command: list[str | Path] = [
            tools.program("pg_basebackup", where.major), f"--pgdata={self.spool / 'data'}", "--format=plain", "--checkpoint=fast",
            "--wal-method=stream", "--no-sync", "--no-clean", "--manifest-checksums=SHA256", "--no-password", *mapped,
        ]  # fmt: skip
        env = tools.environment(dsn)
        tools.run(
            command, env, self.spool / "base.err", deadline=deadline, failure=BackupFailed, doing="copy the server"
        )
        settings.failpoint("base copied")
        self.progress("verify", 0)
        found = checked.verify(self.spool / "data")
        if found.system_identifier not in (None, where.system_identifier):
            raise BackupFailed("the copied server is another than the one asked", "Look where the connection leads.")
        return found

    def _survey(self, dsn: str) -> tuple[Held, Point, Survey]:
        """Take a restore point, survey what it shows, and let its WAL be stored at once."""
        plan, source = self.plan, wiring.source_dsn(self.deployment, self.plan)
        where = (plan.connection or "hub").lower()
        with pg.platform_errors(where, "survey it"), point.held(source, dsn, plan.exclude) as (held, mark):
            self.progress("survey", 0)
            found = survey.take(
                lambda: snapshot.connect(source, "gateway base survey", held.id), plan.exclude, jobs=plan.jobs
            )
            with closing(snapshot.connect(source, "gateway base survey", held.id)) as connection:
                unlogged = {r["name"] for r in pg.dicts(connection, _SQL["unlogged"])}
        with (
            pg.platform_errors(where, "fill up its WAL"),
            closing(pg.connect(dsn, name="gateway base", autocommit=True)) as connection,
        ):
            pg.run(connection, _GROUND["switch"])
        return held, mark, logged(replace(found, sequences=mark.sequences), unlogged)

    def _await_wal(self, where: Ground, last: str) -> None:
        """Wait until WAL up to the restore point is in every repository: before, nobody could prove the base."""
        self.progress("wait for WAL", 0)
        ends = time.monotonic() + WAIT
        keys = self.deployment.keys.public_keys()
        for place in self.plan.places:
            archive = Archive(wiring.repository(self.deployment, place), self.plan.plan, where.system_identifier, keys)
            while last not in archive.names():
                if time.monotonic() > ends:
                    raise ReceiverStopped(
                        f"segment {last} of {self.plan.plan}, which holds the restore point, is not stored",
                        f"Look at `gateway backup wal {self.plan.plan} --status`; then take the base again.",
                    )
                time.sleep(_POLL)


def logged(found: Survey, unlogged: set[str]) -> Survey:
    """Return a survey without tables that write no WAL: they are empty after every recovery."""
    why = "unlogged: empty after a recovery"
    return replace(
        found,
        tables={name: pair for name, pair in found.tables.items() if name not in unlogged},
        sequences={name: pair for name, pair in found.sequences.items() if name not in unlogged},
        not_compared=(*found.not_compared, *((name, why) for name in sorted(unlogged & found.tables.keys()))),
    )


def _source(held: Held, where: Ground) -> dict[str, Any]:
    names = ("system_identifier", "major", "version", "database", "encoding")
    return {name: getattr(held, name) for name in names} | {"bytes": where.bytes}


def _physical(where: Ground, base: Base, mark: Point) -> dict[str, Any]:
    size = where.segment_bytes
    return {
        "system_identifier": where.system_identifier, "timeline": base.timeline, "start": str(base.start), "end": str(base.end),
        "segment_bytes": size, "first": lsn.segment(base.timeline, base.start, size),
        "last": lsn.segment(base.timeline, lsn.position(mark.lsn) - 1, size), "point": mark.name, "superuser": where.superuser,
        "prepared": where.prepared, "tablespaces": dict(where.tablespaces), "files": base.files,
    }  # fmt: skip


def _escaped(path: str) -> str:
    return path.replace("=", "\\=")
