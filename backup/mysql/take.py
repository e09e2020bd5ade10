"""Dump and survey a MariaDB database at one moment."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pymysql

from backup import tools
from backup.mysql import programs, survey
from backup.mysql.session import LOCK_TIMEOUT, Session, connect, number_of, platform_errors, quoted, rows, run
from backup.plans import MYSQL, Plan
from backup.survey import Table
from backup.taking import Dumped, Taken
from gateway import settings
from gateway.errors import AccessDenied, BackupFailed
from gateway.mysql_address import Address, address, ca_file

DUMP = "dump.sql"
_TRIES = 4
_BEGIN_SECONDS = 60  # that writers are kept waiting at the most until the dump has its snapshot
_POLL = 0.01
_HEAD = 1 << 16
_BEGUN = (b"-- Table structure for table", b"-- Temporary table structure for view")


def take(dsn: str, plan: Plan, spool: Path, *, deadline: float, progress: Callable[[str, int], None]) -> Dumped:
    """Dump what a plan names, and hash every table as the dump sees it; SourceUnfit, AccessDenied, BackupFailed say why not."""
    where = plan.source
    at = address(where, dsn)

    def session() -> Session:
        return connect(at, seconds=max(deadline - time.monotonic(), 0.001))

    with platform_errors(where, "back it up"), ExitStack() as stack:
        look = stack.enter_context(closing(session()))
        said = survey.server(look)
        if lacking := survey.lacking(look):
            hint = f"grant {', '.join(lacking).lower()} on {said['name']}.* to the backup account: what it may not see would be missing."
            raise AccessDenied(f"the account of {where} lacks {', '.join(lacking)}", hint)
        wanted = survey.tables(look, said["name"], plan.exclude)
        _refuse_full(spool, wanted)
        progress("dump", 0)
        sessions = [stack.enter_context(closing(session())) for _ in range(min(plan.jobs, max(len(wanted), 1)))]
        beside = stack.enter_context(ThreadPoolExecutor(1))
        with _locked(session, look, said["name"], plan.exclude) as wanted:
            dump = beside.submit(_dump, at, dsn, plan, spool, deadline)
            _begin(sessions, wanted)
            numbers = survey.counters(look, said["name"], plan.exclude)  # before writers go on, and the dump reads them
            moment = rows(look, "select utc_timestamp(6) as at")[0]["at"].replace(tzinfo=UTC)
            _await_snapshot(dump, spool / DUMP)
        settings.failpoint("backup held")
        found = survey.take(sessions, said["name"], plan.exclude, done=_counting(progress))
        position = ":".join(str(row["Value"]) for row in survey.asked(sessions[0], "position"))
        dump.result()
    source = {
        "engine": MYSQL, "major": ".".join(said["version"].split(".")[:2]), "version": said["version"], "database": said["name"],
        "encoding": said["encoding"], "collation": said["collation"], "lower_case": said["lower_case"],
        "bytes": sum(t.bytes for t in wanted),
    }  # fmt: skip
    return Dumped(Taken(source, moment, position.strip(":"), replace(found, sequences=numbers)), [spool / DUMP])


@contextmanager
def _locked(session: Callable[[], Session], look: Session, label: str, exclude: Sequence[str]) -> Iterator[list[Table]]:
    """Keep writers of every table out while the block runs; whoever writes already is waited for, some seconds."""
    with closing(session()) as holder:
        why = ""
        for _ in range(_TRIES):
            wanted = survey.tables(look, label, exclude)
            try:
                if wanted:
                    run(holder, "lock tables " + ", ".join(f"{quoted(t.name)} read" for t in wanted))
            except pymysql.Error as error:
                if number_of(error) not in {LOCK_TIMEOUT, 1146}:
                    raise
                why = "a writer does not end, or tables were dropped meanwhile"
                continue
            if survey.tables(look, label, exclude) == wanted:
                yield wanted
                run(holder, "unlock tables")
                return
            run(holder, "unlock tables")
            why = "tables were made, dropped or rewritten meanwhile"
    raise BackupFailed(f"unable to hold the tables still: {why}", "Wait until that is done; the run is repeated.")


def _begin(sessions: Sequence[Session], wanted: Sequence[Table]) -> None:
    """Let each session take its snapshot, and the first keep every table's structure as it is until it ends."""
    for session in sessions:
        run(session, "set session transaction isolation level repeatable read")
        run(session, "start transaction with consistent snapshot, read only")
    for table in wanted:
        run(sessions[0], f"select 1 from {quoted(table.name)} limit 0")


def _await_snapshot(dump: Future[None], file: Path) -> None:
    """Wait until the dump has begun to write tables: it has taken its snapshot then."""
    limit = time.monotonic() + _BEGIN_SECONDS
    while not dump.done():
        if file.exists():
            with file.open("rb") as begun:
                head = begun.read(_HEAD)
            if any(words in head for words in _BEGUN):
                return
        if time.monotonic() > limit:
            raise BackupFailed("the dump does not begin while the tables are held", "The run is repeated.")
        time.sleep(_POLL)
    dump.result()


def _dump(at: Address, dsn: str, plan: Plan, spool: Path, deadline: float) -> None:
    said = spool / "dump.err"
    failure = programs.failing(BackupFailed, said, plan.source, "dump the database")
    command: list[Any] = programs.dumping(at, ca_file(dsn), plan.exclude, spool / DUMP)
    tools.run(command, programs.environment(at), said, deadline=deadline, failure=failure, doing="dump the database")


def _refuse_full(spool: Path, wanted: Sequence[Table]) -> None:
    free, needed = shutil.disk_usage(spool).free, sum(t.bytes for t in wanted)
    if free < needed:
        raise BackupFailed(
            f"the working folder has {free >> 20} MiB free, the tables hold {needed >> 20} MiB",
            "Free space where GATEWAY_HOME lies; earlier backups are untouched.",
        )


def _counting(progress: Callable[[str, int], None]) -> Callable[[int], None]:
    counted: list[int] = []

    def done(rows: int) -> None:
        counted.append(rows)
        progress("survey", sum(counted))

    return done
