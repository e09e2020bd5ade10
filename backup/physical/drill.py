"""A drill of a base backup: its files and WAL from the repository, recovered to the base's restore point, and compared whole.

A copy of files can be wrong where every checksum agrees, so besides counts and hashes each table is counted by an index, and a
vacuum that trusts no visibility map looks at every page: one warning of it, and the copy is no copy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from backup import compare, restoring, snapshot, survey, tools
from backup import drill as drilling
from backup.drill import Drill
from backup.manifest import Manifest
from backup.physical import base, copying, pack, supply
from backup.physical.feed import Feeder
from backup.physical.server import Recovering, Target
from backup.plans import Plan
from backup.ports import Repository, Sealer
from backup.records import Found
from backup.run import Progress, quiet
from gateway import embedded, pg, settings
from gateway.deployment import Deployment
from gateway.errors import DrillFailed, RestoreFailed, Tampered
from gateway.sql import queries

_SQL = queries(base.__file__)
_FREEZE = "vacuum (freeze, disable_page_skipping)"
_NAMED = 10


def drill(
    deployment: Deployment, plan: Plan, progress: Progress = quiet, *, backup: str | None = None, repository: str | None = None
) -> Found:  # fmt: skip
    """Drill a base backup, the newest unless one is named; DrillFailed or Tampered when it is not what the source was."""
    return drilling.drill(
        deployment, plan, progress, backup=backup, repository=repository, kind="physical", way=PhysicalDrill
    )


@dataclass
class PhysicalDrill(Drill):
    """Recovers where the other one loads a dump."""

    def _manifest(self, repository: Repository) -> Manifest:
        made = super()._manifest(repository)
        if made.physical is None:
            raise Tampered(f"{self.backup} is no base backup", "Take another copy.")
        return made

    def _fetch(self, repository: Repository, opener: Sealer, made: Manifest) -> None:
        with self._phase("fetch"):
            self.source = supply.of(self.deployment, self.plan, made, [self.place], local=False)
            self.source.to_point()
            restoring.refuse_full(made, self.folder)
            self.source.opener = opener
            copying.lay(repository, opener, made, self.folder / "pg" / "data", self.folder)
            pack.tablespaces(self.folder / "pg" / "data", copying.spaces(made, self.folder / "pg" / "spaces"))

    def _restore(self, made: Manifest, deadline: float) -> None:
        settings.failpoint("drill fetched")
        tools.program("postgres", made.major)
        with self._recovered(made, deadline) as dsn_of:
            dsn = dsn_of(str(made.source["database"]))
            with self._phase("verify"):
                self._compare(made, dsn)
                others = databases(dsn_of("postgres"))
                self.faults += visibility(dsn_of, others)
                if beside := sorted(set(others) - {str(made.source["database"])}):
                    self.remarks.append(f"recovered beside it, not compared: {', '.join(beside[:_NAMED])}")
            with self._phase("assert"):
                self._assert(dsn)

    @contextmanager
    def _recovered(self, made: Manifest, deadline: float) -> Iterator[Callable[[str], str]]:
        assert made.physical is not None
        data, work = self.folder / "pg" / "data", self.folder / "pg" / "work"
        server = Recovering(
            work, data, made.physical, made.major, lasting=False, seconds=lambda: deadline - time.monotonic()
        )
        try:
            with self._phase("recover"), Feeder(self._feed(), self.source.fetch, embedded.owner()) as feeder:
                try:
                    server.recover(Target(name=made.physical["point"]), feeder.command)
                except RestoreFailed as error:
                    raise (feeder.error or DrillFailed(error.message, error.hint)) from error
            self.remarks += self.source.remarks
            yield server.dsn
        finally:
            server.close(keep=False)

    def _feed(self) -> Path:
        embedded.let_through(self.folder)
        return self.folder / "feed"

    def _compare(self, made: Manifest, dsn: str) -> None:
        def counted(rows: int) -> None:
            self.progress("compare", rows)

        faults, remarks = differences(made, dsn, jobs=self.plan.jobs, done=counted)
        self.faults += faults
        self.remarks += remarks


def differences(
    made: Manifest, dsn: str, *, jobs: int, done: Callable[[int], None] = lambda _: None
) -> tuple[list[str], list[str]]:
    """Return how a recovered database differs from its manifest, and what else is to be said."""
    there = survey.take(lambda: snapshot.connect(dsn, "gateway drill"), made.exclude, jobs=jobs, done=done)
    with closing(snapshot.connect(dsn, "gateway drill")) as connection:
        there = base.logged(there, {r["name"] for r in pg.dicts(connection, _SQL["unlogged"])})
    faults, remarks = compare.differences(made.survey, there), []
    wrong, unchecked = compare.by_index(dsn, made.survey, there)
    damaged, checked = compare.indexes(dsn)
    faults += [*wrong, *damaged]
    if unchecked:
        remarks.append(f"no index counts {len(unchecked)} tables: {', '.join(unchecked[:_NAMED])}")
    if not checked:
        remarks.append("amcheck is not there: indexes were checked by counting through them")
    if not faults and (why := compare.control(dsn, made)):
        (remarks if "nothing to change" in why else faults).append(f"negative control: {why}")
    return faults, remarks


def databases(dsn: str) -> list[str]:
    """Return the databases of a recovered server that can be connected to."""
    with closing(pg.connect(dsn, name="gateway drill", autocommit=True)) as connection:
        rows = pg.dicts(
            connection, "select datname from pg_database where datallowconn and not datistemplate order by 1"
        )
        return [row["datname"] for row in rows]


def visibility(dsn_of: Callable[[str], str], names: list[str]) -> list[str]:
    """Look at every page of some databases, whatever their visibility maps say; return what is wrong.

    Rows that a map hides from an index's reader, or shows though they are gone, are in no checksum. The vacuum that finds
    them mends them: a second, silent one tells whether it did.
    """
    faults = []
    for name in names:
        if found := _warnings(dsn_of(name)):
            mended = "a second vacuum is not silent either" if _warnings(dsn_of(name)) else "vacuuming mends it"
            faults.append(f"database {name}: its visibility map is wrong ({found[0]}); {mended}")
    return faults


def _warnings(dsn: str) -> list[str]:
    with closing(psycopg2.connect(dsn, options="-c lc_messages=C")) as connection:
        connection.autocommit = True
        pg.run(connection, _FREEZE)
        return [said.split(":", 1)[1].strip() for said in connection.notices if said.startswith("WARNING")]
