"""A restore for real: into an empty database, into one whose name was typed to be overwritten, or as files into a folder.

Nothing of the target changes before everything is fetched, checked and opened; a target that held data changes in one
transaction, or not at all. Afterwards target and manifest are compared.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from backup import available, compare, copied, dump, records, restoring, snapshot, survey, wiring
from backup.available import Copy
from backup.compare import OTHER
from backup.manifest import Manifest
from backup.plans import Plan
from backup.run import Progress, quiet
from backup.survey import Survey
from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import GatewayError, RestoreFailed, RestoreRefused


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be restored: as of when (None: the newest), which tables (none: all), and what was typed to overwrite."""

    moment: datetime | None = None
    repository: str | None = None
    tables: tuple[str, ...] = ()
    overwrite: str = ""
    owners: bool = True
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was restored, or would be."""

    backup: str
    repository: str
    snapshot_at: datetime
    into: str
    tables: int
    rows: int
    working_bytes: int
    done: bool
    differences: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome for machines."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "differences": list(self.differences), "remarks": list(self.remarks),
        }  # fmt: skip


def into_database(
    deployment: Deployment, plan: Plan, dsn: str, wish: Wish, progress: Progress = quiet, *, who: str
) -> Outcome:
    """Restore into a database; RestoreRefused before anything changes there when it may not be, Tampered when the backup may not."""
    began = time.monotonic()
    copy = available.at(deployment, plan, wish.moment, wish.repository)
    made, told = copy.manifest, _wanted(copy.manifest, wish.tables)
    major, filled = _refuse_target(made, told, dsn, wish)
    folder = wiring.folder("restore", made.backup)
    try:
        restoring.refuse_full(made, folder)
        if wish.dry_run:
            return outcome_of(copy, told, pg.where(dsn), done=False)
        progress("fetch", 0)
        with records.reading(deployment, made.backup):
            restoring.fetch(copy.repository, wiring.opener(deployment, plan, made.profile), made, folder)
        progress("restore", 0)
        options = _options(wish, filled=filled)
        deadline = began + plan.limit.total_seconds()
        warned = restoring.load(
            folder, made, dsn, jobs=plan.jobs, deadline=deadline, failure=RestoreFailed, options=options
        )
        progress("compare", 0)
        read = copied.Copy(told, folder / dump.FORMAT).content
        found = survey.take(lambda: snapshot.connect(dsn, "gateway restore"), made.exclude, jobs=plan.jobs, read=read)
    finally:
        shutil.rmtree(folder)
    differing, remarks = _differences(told, found, whole=not wish.tables), [*warned]
    if major != made.major:
        differing, remarks = (
            [d for d in differing if OTHER not in d],
            [*remarks, f"PostgreSQL {major} hashes rows in its own way: counts were compared"],
        )
    seconds = round(time.monotonic() - began, 1)
    outcome = outcome_of(copy, told, pg.where(dsn), done=True, differences=differing, remarks=remarks, seconds=seconds)
    note(deployment, plan, outcome, who)
    if differing:
        raise RestoreFailed(
            f"the restored database is not what the source was: {differing[0]}", "Restore an older backup."
        )
    return outcome


def into_folder(
    deployment: Deployment, plan: Plan, target: Path, wish: Wish, progress: Progress = quiet, *, who: str
) -> Outcome:
    """Write the dump, checked and opened, into a new folder: `pg_restore` of the source's version reads its `dump`."""
    began = time.monotonic()
    copy = available.at(deployment, plan, wish.moment, wish.repository)
    make_empty(target, wish)
    restoring.refuse_full(copy.manifest, target)
    if wish.dry_run:
        return outcome_of(copy, copy.manifest.survey, str(target), done=False)
    progress("fetch", 0)
    opener = wiring.opener(deployment, plan, copy.manifest.profile)
    try:
        with records.reading(deployment, copy.manifest.backup):
            restoring.fetch(copy.repository, opener, copy.manifest, target)
    except GatewayError:
        shutil.rmtree(target)  # what was opened so far is of no use to anybody
        raise
    seconds = round(time.monotonic() - began, 1)
    outcome = outcome_of(copy, copy.manifest.survey, str(target), done=True, seconds=seconds)
    note(deployment, plan, outcome, who)
    return outcome


def make_empty(target: Path, wish: Wish) -> None:
    """Make the folder that is to take a whole backup; RestoreRefused when it holds something."""
    if target.exists() and any(target.iterdir()):
        raise RestoreRefused(f"folder {target} is not empty", "Name a folder that does not exist yet.")
    if wish.tables:
        raise RestoreRefused("a folder takes the whole backup", "Leave --table out; choose from what lies there then.")
    target.mkdir(parents=True, exist_ok=True, mode=0o700)


def _wanted(made: Manifest, tables: Sequence[str]) -> Survey:
    """Return what the restore is to bring: all, or the tables that were named."""
    if not tables:
        return made.survey
    if unknown := sorted(set(tables) - made.survey.tables.keys()):
        raise RestoreRefused(
            f"backup {made.backup} has no table {', '.join(unknown)}",
            "Name tables as schema.table, as `gateway backup show` does.",
        )
    if len({name.split(".", 1)[0] for name in tables}) > 1:
        raise RestoreRefused("tables of several schemas were named", "Restore one schema after the other.")
    chosen = {name: pair for name, pair in made.survey.tables.items() if name in tables}
    return Survey(chosen, {}, {}, {}, (0, "0"), ())


def _refuse_target(made: Manifest, told: Survey, dsn: str, wish: Wish) -> tuple[int, bool]:
    """Refuse a database that this must not or cannot go into; return its version, and whether it holds anything now."""
    with (
        pg.platform_errors("target", "look at the target"),
        closing(snapshot.connect(dsn, "gateway restore")) as connection,
    ):
        there = survey.server(connection)
        known = {r["name"] for r in survey.rows(connection, "roles")}
        held = {t.full for t in survey.tables(connection, made.exclude)}
    if there["major"] < made.major:
        raise RestoreRefused(
            f"the target is PostgreSQL {there['major']}, the backup of {made.major}",
            f"Restore into {made.major} or newer.",
        )
    if wish.owners and (lacking := sorted(made.survey.roles.keys() - known)):
        raise RestoreRefused(
            f"the target lacks the roles {', '.join(lacking[:5])}",
            "Create them there, or give --no-owner: the user who restores owns all.",
        )
    clash = sorted(held & told.tables.keys()) if wish.tables else sorted(held)
    if not clash:
        return there["major"], False
    name = there["database"]
    if wish.overwrite != name:
        raise RestoreRefused(
            f"database {name} holds {len(clash)} tables, such as {clash[0]}",
            f"Restore into an empty database; or give --overwrite {name}, and what the backup holds is replaced there.",
        )
    return there["major"], True


def _options(wish: Wish, *, filled: bool) -> list[str]:
    options = [] if wish.owners else ["--no-owner", "--no-privileges"]
    if filled:
        options += ["--clean", "--if-exists", "--single-transaction"]
    for table in wish.tables:
        schema, _, name = table.partition(".")
        options += [f"--schema={schema}", f"--table={name}"]
    return options


def _differences(told: Survey, found: Survey, *, whole: bool) -> list[str]:
    """Return what differs; roles are the target's own business, and what stood beside restored tables too."""
    if whole:
        return compare.differences(told, found, roles=False)
    return [
        words
        for name, (table, content) in told.tables.items()
        for words in compare.one_table(table, content, *found.tables.get(name, (None, None)))
    ]


def outcome_of(
    copy: Copy,
    told: Survey,
    into: str,
    *,
    done: bool,
    differences: Sequence[str] = (),
    remarks: Sequence[str] = (),
    seconds: float = 0.0,
) -> Outcome:
    """Return what was restored, or would be."""
    made = copy.manifest
    return Outcome(
        made.backup, copy.place.repository, made.snapshot_at, into, len(told.tables), told.rows, restoring.need(made), done,
        tuple(differences), tuple(remarks), seconds,
    )  # fmt: skip


def note(deployment: Deployment, plan: Plan, outcome: Outcome, who: str) -> None:
    """Put the restore into the chain, where there is a hub to do so: it may be what is being restored."""
    body = {
        "backup": outcome.backup, "plan": plan.plan, "repository": outcome.repository, "into": outcome.into, "who": who,
        "tables": outcome.tables, "rows": outcome.rows, "same": not outcome.differences,
    }  # fmt: skip
    with suppress(GatewayError):
        records.chained(deployment, "restored", body)
