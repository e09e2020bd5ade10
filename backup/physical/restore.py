"""Point-in-time recovery for real: a base and its WAL become a data folder as of a minute, recovered, stopped, ready to be started."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from backup import available, records, restoring, tools, wiring
from backup.available import Copy
from backup.physical import copying, pack, supply
from backup.physical.feed import Feeder
from backup.physical.receive import wal_of
from backup.physical.server import Recovering, Target
from backup.physical.supply import Supply
from backup.plans import Plan
from backup.restore import Wish
from backup.run import Progress, quiet
from gateway import embedded
from gateway.deployment import Deployment
from gateway.errors import GatewayError, MomentNotCovered, NotFound, RestoreRefused
from gateway.settings import CHINA

# What a restored copy may not do before somebody says so: it would archive into, or subscribe as, the server it is a copy of.
_HELD_BACK = """
# Set by the restore. Remove a line once this is the only server of its name.
listen_addresses = ''
archive_mode = off
max_logical_replication_workers = 0
primary_conninfo = ''
synchronous_standby_names = ''
"""
_CONFIG = "# The source kept its configuration elsewhere: write what this server needs.\n"
_HBA = "local all all peer\nhost all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was recovered, or would be."""

    backup: str
    repository: str
    into: str
    target: str
    segments: int
    through: datetime | None
    last_commit: datetime | None
    working_bytes: int
    done: bool
    remarks: tuple[str, ...] = ()
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome for machines."""
        return {name: getattr(self, name) for name in self.__slots__} | {"remarks": list(self.remarks)}


def into_folder(
    deployment: Deployment, plan: Plan, target: Path, wish: Wish, progress: Progress = quiet, *, who: str, point: str = ""
) -> Recovered:  # fmt: skip
    """Recover into a new folder to a time, a named point or the end of WAL.

    MomentNotCovered or WalGap before anything is fetched when that cannot be; a recovery that fails leaves no folder.
    """
    wal_of(plan)
    began = time.monotonic()
    target = target.absolute()
    _refuse(target, wish)
    copy = _base(deployment, plan, wish)
    source = supply.of(deployment, plan, copy.manifest, plan.places, local=True)
    line = source.whole(wish.moment)
    tools.program("postgres", copy.manifest.major)
    restoring.refuse_full(copy.manifest, next(p for p in (target, *target.parents) if p.exists()))
    told = Recovered(
        copy.manifest.backup, copy.place.repository, str(target), point or (wish.moment.isoformat() if wish.moment else "the end of WAL"),
        len(line), source.through(line), None, restoring.need(copy.manifest), done=False,
    )  # fmt: skip
    if wish.dry_run:
        return told
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    one = _Recovery(
        deployment, plan, copy, source, target, Target(point, None if point else wish.moment), progress, began
    )
    done = one.run(told)
    _note(deployment, plan, done, who)
    return done


def _refuse(target: Path, wish: Wish) -> None:
    if target.exists() and any(target.iterdir()):
        raise RestoreRefused(f"folder {target} is not empty", "Name a folder that does not exist yet.")
    if wish.tables or wish.overwrite:
        raise RestoreRefused(
            "a recovery brings back the whole server",
            "Leave --table and --overwrite out, or give --dump: the opened dump.",
        )


def _base(deployment: Deployment, plan: Plan, wish: Wish) -> Copy:
    """Return the newest base that was whole before the moment; MomentNotCovered when there is none."""
    try:
        return available.at(deployment, plan, wish.moment, wish.repository, "physical")
    except NotFound as error:
        try:
            available.at(deployment, plan, None, wish.repository, "physical")
        except NotFound:
            raise MomentNotCovered(
                f"plan {plan.plan} has no base backup: {error.message}", f"Take one: `gateway backup base {plan.plan}`."
            ) from error
        raise MomentNotCovered(
            f"{wish.moment} lies before the end of every base backup of plan {plan.plan}",
            "Name a later time; or restore the dump of an earlier day: `gateway backup list`, then --dump.",
        ) from error


@dataclass
class _Recovery:
    deployment: Deployment
    plan: Plan
    copy: Copy
    source: Supply
    target: Path
    aim: Target
    progress: Progress
    began: float

    def run(self, told: Recovered) -> Recovered:
        made = self.copy.manifest
        work = wiring.folder("restore", made.backup)
        beside = self.target.with_name(f"{self.target.name}.tablespaces")
        try:
            self.progress("fetch", 0)
            opener = wiring.opener(self.deployment, self.plan, made.profile)
            self.source.opener = opener
            copying.lay(self.copy.repository, opener, made, self.target, work)
            pack.tablespaces(self.target, copying.spaces(made, beside))
            met, last = self._recover(work)
            _finish(self.target)
        except BaseException:
            shutil.rmtree(self.target, ignore_errors=True)  # half a recovery is of no use to anybody
            shutil.rmtree(beside, ignore_errors=True)
            raise
        finally:
            shutil.rmtree(work)
        return Recovered(
            told.backup, told.repository, told.into, told.target, told.segments, told.through, last, told.working_bytes, done=True,
            remarks=tuple(self._remarks(told, beside, met=met)), seconds=round(time.monotonic() - self.began, 1),
        )  # fmt: skip

    def _left(self) -> float:
        return self.began + self.plan.limit.total_seconds() - time.monotonic()

    def _recover(self, work: Path) -> tuple[bool, datetime | None]:
        made = self.copy.manifest
        assert made.physical is not None
        server = Recovering(work / "server", self.target, made.physical, made.major, lasting=True, seconds=self._left)
        try:
            with Feeder(work / "feed", self.source.fetch, embedded.owner()) as feeder:
                embedded.let_through(work)
                self.progress("recover", 0)
                try:
                    met = server.recover(self.aim, feeder.command)
                finally:
                    if feeder.error is not None:
                        raise feeder.error
            return met, server.last_commit()
        finally:
            server.close(keep=True)

    def _remarks(self, told: Recovered, beside: Path, *, met: bool) -> list[str]:
        found = list(self.source.remarks)
        if not met:
            known = (
                f"; the repositories have all through {told.through.astimezone(CHINA):%F %T}" if told.through else ""
            )
            found.append(f"no later commit than that was received{known}")
        if beside.exists():
            found.append(f"tablespaces lie in {beside}")
        if user := embedded.owner():
            found.append(f"files belong to user {user[0]}: give them to the user who runs the server")
        return found


def _finish(target: Path) -> None:
    """Leave a folder that starts, and that neither listens nor archives before somebody says so."""
    with (target / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.write(_HELD_BACK)
    user = embedded.owner()
    for name, text in (("postgresql.conf", _CONFIG), ("pg_hba.conf", _HBA), ("pg_ident.conf", "")):
        if not (target / name).exists():
            (target / name).write_text(text, encoding="utf-8")
            if user:
                shutil.chown(target / name, *user)


def _note(deployment: Deployment, plan: Plan, done: Recovered, who: str) -> None:
    """Put the restore into the chain, where there is a hub to do so: it may be what is being restored."""
    body = {
        "backup": done.backup, "plan": plan.plan, "repository": done.repository, "into": done.into, "who": who,
        "target": done.target, "segments": done.segments,
    }  # fmt: skip
    with suppress(GatewayError):
        records.chained(deployment, "restored", body)
