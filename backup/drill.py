"""A drill (恢复演练): a backup is restored from its repository on a server of its own and compared with what the source was.

Only a backup that passed one is proven. What differs makes it suspect, tells whoever answers for its unit, and fails the call.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2

from backup import compare, copied, dump, records, restoring, scratch, snapshot, survey, wiring
from backup.manifest import Manifest
from backup.mysql import prove as mysql
from backup.plans import FILES, MYSQL, Assertion, Place, Plan
from backup.ports import Repository, Sealer
from backup.records import Found
from backup.run import Progress, quiet
from backup.trees import prove as trees
from backup.trees.opened import discard
from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import DrillFailed, GatewayError, NotFound, Tampered, WalGap
from gateway.settings import CHINA

_NAME = "drilled"
_SECONDS = "60s"
_NAMED = 10  # tables that a remark names
_PROVING = (Tampered, DrillFailed, WalGap)  # what the backup is to blame for; anything else is the drill's own bad luck


def drill(
    deployment: Deployment,
    plan: Plan,
    progress: Progress = quiet,
    *,
    backup: str | None = None,
    repository: str | None = None,
    older: bool = False,
    kind: str = "logical",
    way: type[Drill] | None = None,
) -> Found:
    """Drill a backup, the newest unless one is named or any `older` one is wanted.

    It is fetched from a repository of the plan, the first unless one is named.

    DrillFailed when it is not what the source was; Tampered before anything is restored when a byte of it is not as it was
    stored. Both are recorded.
    """
    place = plan.place(repository)
    with records.alone(deployment, plan, "copies") as hub:
        copies = [row for row in records.copies(hub, plan.plan, place.repository) if row["kind"] == kind]
        chosen = backup or (_older(copies, place) if older else _newest(copies, plan, place))
        folder = wiring.folder("drill", plan.plan)
        scratch.end(folder / "pg")  # of a drill that died
        discard(folder)
        one = (way or Drill)(deployment, plan, place, chosen, wiring.folder("drill", plan.plan), progress)
        failure = one.run()
        found = one.found()
        records.drilled(deployment, plan, found)
    if failure is not None:
        raise failure
    if not found.passed:
        more = f" and {len(found.faults) - 1} more" if len(found.faults) > 1 else ""
        raise DrillFailed(
            f"{chosen} is not what the source was: {found.faults[0]}{more}",
            f"It is suspect now: see `gateway backup show {chosen}`; take another backup and drill it.",
        )
    return found


def older_due(deployment: Deployment, plan: Plan, repository: str) -> bool:
    """Tell whether a repository has older backups of which fewer were drilled this month than the plan wants."""
    since = settings.now().astimezone(CHINA).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with closing(deployment.hub(name="gateway drill", autocommit=True)) as hub, pg.hub_errors("count drills"):
        held = [row for row in records.copies(hub, plan.plan, repository) if row["kind"] == "logical"]
        return len(held) > 1 and records.older_drills(hub, plan.plan, repository, since) < plan.older


@dataclass
class Drill:
    """One drill of a dump: fetch, restore, compare, clean up."""

    deployment: Deployment
    plan: Plan
    place: Place
    backup: str
    folder: Path
    progress: Progress
    began_at: datetime = field(default_factory=settings.now)
    phases: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def found(self) -> Found:
        """Return what was found."""
        return Found(
            self.backup,
            self.place.repository,
            self.plan.plan,
            self.began_at,
            self.phases,
            tuple(self.faults),
            tuple(self.remarks),
        )

    def run(self) -> GatewayError | None:
        """Restore and compare; return the error that the backup is to blame for, and clean up whatever happens."""
        deadline = time.monotonic() + self.plan.limit.total_seconds()
        try:
            repository = wiring.repository(self.deployment, self.place)
            made = self._manifest(repository)
            opener = wiring.opener(self.deployment, self.plan, made.profile)
            if made.engine == FILES:
                self._note(*trees.prove(repository, opener, made, self.folder, self._phase))
            else:
                self._fetch(repository, opener, made)
                self._mysql(made, deadline) if made.engine == MYSQL else self._restore(made, deadline)
        except _PROVING as error:
            self.faults.append(error.message)
            return error
        finally:
            discard(self.folder)
        return None

    def _note(self, faults: list[str], remarks: list[str]) -> None:
        self.faults += faults
        self.remarks += remarks

    def _manifest(self, repository: Repository) -> Manifest:
        made = restoring.manifest(repository, self.backup, self.deployment.keys.public_keys())
        if made.plan != self.plan.plan:
            raise Tampered(f"{self.backup} is of plan {made.plan}", "Take another copy.")
        return made

    def _fetch(self, repository: Repository, opener: Sealer, made: Manifest) -> None:
        with self._phase("fetch"):
            restoring.refuse_full(made, self.folder, beside=2 * int(made.source["bytes"]))
            restoring.fetch(repository, opener, made, self.folder)

    def _mysql(self, made: Manifest, deadline: float) -> None:
        settings.failpoint("drill fetched")
        asserted, jobs = self.plan.assertions, self.plan.jobs
        self._note(*mysql.prove(made, self.folder, asserted, self._phase, jobs=jobs, deadline=deadline))

    def _restore(self, made: Manifest, deadline: float) -> None:
        settings.failpoint("drill fetched")
        with self._server(made) as dsn_of:
            with self._phase("restore"):
                refused = restoring.roles(self.folder, made, dsn_of("postgres"), deadline)
                self.remarks += [f"roles: {words}" for words in refused]
                restoring.database(dsn_of("postgres"), _NAME, str(made.source["encoding"]))
                dsn = dsn_of(_NAME)
                warned = restoring.load(
                    self.folder, made, dsn, jobs=self.plan.jobs, deadline=deadline, failure=DrillFailed
                )
                self.remarks += warned
            settings.failpoint("drill restored")
            with self._phase("verify"):
                self._compare(made, dsn)
            with self._phase("assert"):
                self._assert(dsn)

    @contextmanager
    def _server(self, made: Manifest) -> Iterator[Any]:
        server = scratch.server(self.folder / "pg", made.major)
        try:
            with self._phase("start"):
                server.start()
            yield server.dsn
        finally:
            if server.running():
                server.kill()

    def _compare(self, made: Manifest, dsn: str) -> None:
        def counted(rows: int) -> None:
            self.progress("compare", rows)

        compare.settle(dsn)
        copy = copied.Copy(made.survey, self.folder / dump.FORMAT)
        there = survey.take(
            lambda: snapshot.connect(dsn, "gateway drill"), made.exclude, jobs=self.plan.jobs, done=counted,
            read=copy.content,
        )  # fmt: skip
        self.faults += compare.differences(made.survey, there)
        faults, unchecked = compare.by_index(dsn, made.survey, there)
        self.faults += faults
        if unchecked:
            self.remarks.append(f"no index counts {len(unchecked)} tables: {', '.join(unchecked[:_NAMED])}")
        damaged, checked = compare.indexes(dsn)
        self.faults += damaged
        if not checked:
            self.remarks.append("amcheck is not there: indexes were checked by counting through them")
        if not self.faults and (why := compare.control(dsn, made, copy.content)):
            (self.remarks if "nothing to change" in why else self.faults).append(f"negative control: {why}")

    def _assert(self, dsn: str) -> None:
        """Put the plan's questions, each in a transaction that may change nothing."""
        for number, wanted in enumerate(self.plan.assertions, 1):
            if fault := _answer(dsn, wanted):
                self.faults.append(f"assertion {number} {fault}")

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self.progress(name, 0)
        began = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] = round((time.monotonic() - began) * 1000)


def _answer(dsn: str, wanted: Assertion) -> str | None:
    """Return how an assertion fails; never what the copy answered, for that may be personal."""
    with closing(snapshot.connect(dsn, "gateway drill assert")) as connection:
        connection.set_session(readonly=True)
        try:
            pg.run(connection, "select set_config('statement_timeout', %s, true)", (_SECONDS,))
            found = pg.one(connection, wanted.sql)
        except psycopg2.Error as error:
            return f"cannot be answered: {error.pgcode or type(error).__name__}"
    return None if found is not None and found[0] == wanted.expected else "is answered otherwise"


def _older(copies: list[Any], place: Place) -> str:
    """Return any backup but the newest; what is suspect is known to be bad."""
    if held := [str(row["backup"]) for row in copies[:-1] if row["state"] != "suspect"]:
        return secrets.choice(held)
    raise NotFound(
        f"repository {place.repository} has no older backup to drill", "Drill the newest: leave --older out."
    )


def _newest(copies: list[Any], plan: Plan, place: Place) -> str:
    if copies:
        return str(copies[-1]["backup"])
    raise NotFound(
        f"plan {plan.plan} has no backup in repository {place.repository}",
        f"Run `gateway backup run {plan.plan}` first.",
    )
