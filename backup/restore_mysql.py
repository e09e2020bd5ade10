"""A restore of a MariaDB database into an empty one, compared with its manifest before it counts as done."""

from __future__ import annotations

import time
from contextlib import closing

from backup import available, compare, dump, records, restoring, tools, wiring
from backup.manifest import Manifest
from backup.mysql import programs, survey
from backup.mysql.session import Session, connect, platform_errors
from backup.mysql.take import DUMP
from backup.plans import Plan
from backup.restore import Outcome, Wish, note, outcome_of
from backup.run import Progress, quiet
from backup.trees.opened import discard
from gateway.deployment import Deployment
from gateway.errors import RestoreFailed, RestoreRefused
from gateway.mysql_address import address, ca_file

_WHERE = "target"


def into_database(
    deployment: Deployment, plan: Plan, dsn: str, wish: Wish, progress: Progress = quiet, *, who: str
) -> Outcome:
    """Restore into an empty database. RestoreRefused before anything changes there, Tampered when the backup is to blame."""
    began = time.monotonic()
    if wish.tables or wish.overwrite or not wish.owners:
        raise RestoreRefused(
            "a MariaDB database is restored whole into an empty one", "Leave --table, --overwrite and --no-owner out."
        )
    copy = available.at(deployment, plan, wish.moment, wish.repository)
    made, target = copy.manifest, address(_WHERE, dsn)
    shown = f"{target.database} at {target.host}:{target.port}"
    with platform_errors(_WHERE, "look at the target"), closing(connect(target)) as session:
        _refuse_target(session, made, shown)
    folder = wiring.folder("restore", made.backup)
    try:
        restoring.refuse_full(made, folder)
        if wish.dry_run:
            return outcome_of(copy, made.survey, shown, done=False)
        progress("fetch", 0)
        with records.reading(deployment, made.backup):
            restoring.fetch(copy.repository, wiring.opener(deployment, plan, made.profile), made, folder)
        progress("restore", 0)
        said = folder / "load.err"
        failure = programs.failing(RestoreFailed, said, _WHERE, "load the dump")
        tools.run(
            programs.loading(target, ca_file(dsn), target.database), programs.environment(target), said,
            deadline=began + plan.limit.total_seconds(), failure=failure, doing="load the dump",
            stdin=folder / dump.FORMAT / DUMP,
        )  # fmt: skip
    finally:
        discard(folder)
    progress("compare", 0)
    with platform_errors(_WHERE, "compare it"), closing(connect(target)) as session:
        found = survey.take([session], str(made.source["database"]), made.exclude)
    differing = compare.differences(made.survey, found, roles=False)
    seconds = round(time.monotonic() - began, 1)
    outcome = outcome_of(copy, made.survey, shown, done=True, differences=differing, seconds=seconds)
    note(deployment, plan, outcome, who)
    if differing:
        raise RestoreFailed(
            f"the restored database is not what the source was: {differing[0]}", "Restore an older backup."
        )
    return outcome


def _refuse_target(session: Session, made: Manifest, shown: str) -> None:
    there = survey.server(session)
    version = tuple(map(int, there["version"].split(".")[:2]))
    if version < tuple(map(int, str(made.source["major"]).split("."))):
        raise RestoreRefused(
            f"the target is MariaDB {there['version']}, the backup of {made.source['version']}",
            "Restore into that version or newer.",
        )
    if held := survey.asked(session, "tables"):
        raise RestoreRefused(
            f"database {shown} holds {len(held)} tables, such as {held[0]['name']}",
            "Restore into an empty database and rename: the server can replace nothing in one transaction.",
        )
