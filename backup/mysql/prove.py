"""The drill of a MariaDB database: restored into a server of its own and compared with what the source was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path

import pymysql

from backup import compare, dump, tools
from backup.manifest import Manifest
from backup.mysql import programs, survey
from backup.mysql.scratch import Scratch
from backup.mysql.session import Session, connect, number_of, quoted, rows, run
from backup.mysql.take import DUMP
from backup.plans import Assertion
from gateway import settings
from gateway.errors import DrillFailed

Phase = Callable[[str], AbstractContextManager[None]]
_SECONDS = 60
_PROBE = "gateway_probe"


def prove(
    made: Manifest, folder: Path, asserted: Sequence[Assertion], phase: Phase, *, jobs: int, deadline: float
) -> tuple[list[str], list[str]]:
    """Return what of a dump in `folder` is not as its manifest says, and what is to be known besides."""
    name = str(made.source["database"])
    with ExitStack() as stack:
        with phase("start"):
            server = Scratch(folder / "server", str(made.source["major"]), int(made.source["lower_case"]))
            socket = stack.enter_context(server)
        with phase("restore"):
            with closing(connect(socket)) as session:
                encoding, collation = made.source["encoding"], made.source["collation"]
                run(session, f"create database {quoted(name)} character set {encoding} collate {collation}")
            load(socket, None, name, folder, deadline)
        settings.failpoint("drill restored")
        with phase("verify"):
            sessions = [stack.enter_context(closing(connect(socket, name))) for _ in range(jobs)]
            faults, remarks = _compared(sessions, made)
        with phase("assert"):
            answers = (_answer(socket, name, wanted) for wanted in asserted)
            faults += [f"assertion {number} {fault}" for number, fault in enumerate(answers, 1) if fault]
    return faults, remarks


def _compared(sessions: Sequence[Session], made: Manifest) -> tuple[list[str], list[str]]:
    there = survey.take(sessions, str(made.source["database"]), made.exclude)
    faults = compare.differences(made.survey, there, roles=False) + _checked(sessions[0], made)
    remarks = [f"{what}: {why}, not compared" for what, why in made.survey.not_compared]
    if not faults and (why := control(sessions[0], made)):
        (remarks if "nothing to change" in why else faults).append(f"negative control: {why}")
    return faults, remarks


def load(socket: str, ca: str | None, name: str, folder: Path, deadline: float) -> None:
    """Load the dump into a database of a scratch server; DrillFailed names the server's error."""
    said = folder / "load.err"
    failure = programs.failing(DrillFailed, said, "the drill's server", "load the dump")
    tools.run(
        programs.loading(socket, ca, name), programs.environment(socket), said, deadline=deadline, failure=failure,
        doing="load the dump", stdin=folder / dump.FORMAT / DUMP,
    )  # fmt: skip


def _checked(session: Session, made: Manifest) -> list[str]:
    """Let the server hold every table against its indexes."""
    faults = []
    for table, _ in made.survey.tables.values():
        try:
            told = rows(session, f"check table {quoted(table.name)} extended")
        except pymysql.Error as error:
            faults.append(f"table {table.full} cannot be checked ({number_of(error)})")
            continue
        if told[-1]["Msg_text"] not in {"OK", "Table is already up to date"}:
            faults.append(f"table {table.full} and its indexes do not agree")
    return faults


def control(session: Session, made: Manifest) -> str | None:
    """Empty one cell of a copy of the smallest table and compare: return why the comparison proves nothing, or None."""
    filled = [(t, c) for t, c in made.survey.tables.values() if c.rows]
    if not filled:
        return "no table has a row: there is nothing to change"
    table, told = min(filled, key=lambda pair: pair[1].rows)
    kinds = survey.kinds(session, table.name)
    run(
        session,
        f"create temporary table {_PROBE} as select {', '.join(quoted(n) for n, _ in table.columns)} from {quoted(table.name)}",
    )
    if survey.content(session, table, kinds, _PROBE) != told:
        return f"an unchanged copy of {table.full} compares as changed"
    for name, kind in table.columns:
        column = quoted(name)
        run(session, f"alter table {_PROBE} modify {column} {kind.removesuffix(' not null')} null")
        if run(session, f"update {_PROBE} set {column} = null where {column} is not null limit 1"):
            found = survey.content(session, table, kinds, _PROBE)
            seen = list(compare.one_table(table, told, table, found))
            return None if seen else f"a changed cell of {table.full} went unnoticed"
    return f"every cell of {table.full} is empty: there is nothing to change"


def _answer(socket: str, name: str, wanted: Assertion) -> str | None:
    """Return how an assertion fails; never what the copy answered, for that may be personal."""
    with closing(connect(socket, name, _SECONDS)) as session:
        try:
            run(session, "start transaction read only")
            found = rows(session, wanted.sql)
        except pymysql.Error as error:
            return f"cannot be answered: {number_of(error)}"
    first = next(iter(found[0].values())) if found else None
    return None if first == wanted.expected else "is answered otherwise"
