"""What a MariaDB database holds, said by itself: every table's rows counted and hashed, counters, objects.

A row's hash is the SHA-256 of its columns as text (utf8mb4, times at UTC, bytes and long values by their own hash); a table's is the
sum of both halves of its first 128 bits: rows in any order give it, and doubled rows do not cancel out.
"""

from __future__ import annotations

import queue
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from backup.mysql.session import Session, quoted, rows
from backup.survey import Content, Survey, Table
from gateway.errors import BackupFailed, SourceUnfit
from gateway.sql import queries

_SQL = queries(__file__)
_LONG = {"tinytext", "text", "mediumtext", "longtext", "json", "tinyblob", "blob", "mediumblob", "longblob"}
_BYTES = {"binary", "varbinary", "bit"}
_WORDS = {"char", "varchar", "enum", "set"}
_SHAPES = {
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
}
_RIGHTS = {"SELECT", "LOCK TABLES", "SHOW VIEW", "TRIGGER", "EVENT"}
_WIDTH = re.compile(r"\b((?:tiny|small|medium|big)?int)\(\d+\)")  # how wide a number is shown changes with the version
_SEQUENCE = "SEQUENCE"


def asked(session: Session, name: str, exclude: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the rows of one of the questions."""
    return rows(session, _SQL[name], {"exclude": ("", *exclude)})


def server(session: Session) -> dict[str, Any]:
    """Return which server and database this is; SourceUnfit when it is not MariaDB."""
    found = asked(session, "server")[0]
    if "MariaDB" not in found["version"]:
        raise SourceUnfit(
            f"the server is no MariaDB but {found['version']}",
            "Back it up by its own programs, and report the copies as data set backup.status.",
        )
    return found


def lacking(session: Session) -> list[str]:
    """Return the rights without which a backup would miss something unseen."""
    return sorted(_RIGHTS - {row["name"] for row in asked(session, "rights")})


def tables(session: Session, label: str, exclude: Sequence[str]) -> list[Table]:
    """Return every table that has rows, without them; SourceUnfit names one that no snapshot holds."""
    columns: dict[str, list[tuple[str, str]]] = {}
    long: dict[str, list[str]] = {}
    for column in asked(session, "columns"):
        columns.setdefault(column["tab"], []).append((column["name"], _type(column)))
        if column["kind"] in _LONG | _SHAPES:
            long.setdefault(column["tab"], []).append(column["name"])
    found = []
    for row in asked(session, "tables", exclude):
        if row["type"] == _SEQUENCE:
            continue
        if row["type"] != "BASE TABLE" or row["engine"] != "InnoDB":
            kind = row["engine"] if row["type"] == "BASE TABLE" else row["type"].lower()
            raise SourceUnfit(
                f"table {label}.{row['name']} is {kind}: no snapshot holds its rows",
                f"alter table {row['name']} engine = InnoDB; or name it in exclude of the plan's source.",
            )
        name = row["name"]
        found.append(Table(label, name, tuple(columns[name]), tuple(long.get(name, ())), int(row["bytes"]), 0))
    return found


def counters(session: Session, label: str, exclude: Sequence[str]) -> dict[str, tuple[int | None, bool]]:
    """Return where each table's counter stands now: no snapshot holds it."""
    found = (row for row in asked(session, "tables", exclude) if row["counter"])
    return {f"{label}.{row['name']}": (int(row["counter"]), True) for row in found}


def take(
    sessions: Sequence[Session], label: str, exclude: Sequence[str], *, done: Callable[[int], None] = lambda _: None
) -> Survey:
    """Survey a database by sessions that see the same; `label` is the name of the database that is told, `done` hears of rows."""
    first = sessions[0]
    wanted = tables(first, label, exclude)
    kinds = _kinds(first)
    sequences = [
        (f"{label}.{row['name']}", "sequence") for row in asked(first, "tables", exclude) if row["type"] == _SEQUENCE
    ]
    objects = {row["kind"]: int(row["count"]) for row in asked(first, "objects", exclude) if row["count"]}
    free: queue.SimpleQueue[Session] = queue.SimpleQueue()
    for session in sessions:
        free.put(session)

    def one(table: Table) -> Content:
        session = free.get()
        try:
            found = content(session, table, kinds[table.name])
        finally:
            free.put(session)
        done(found.rows)
        return found

    biggest = sorted(wanted, key=lambda t: -t.bytes)
    with ThreadPoolExecutor(len(sessions), thread_name_prefix="survey") as pool:
        contents = dict(zip((t.full for t in biggest), pool.map(one, biggest), strict=True))
    return Survey(
        tables={t.full: (t, contents[t.full]) for t in wanted}, sequences=counters(first, label, exclude), roles={}, objects=objects,
        large_objects=(0, "0"), not_compared=tuple(sequences),
    )  # fmt: skip


def content(session: Session, table: Table, kinds: dict[str, str], source: str = "") -> Content:
    """Count and hash the rows of a table, or of another of the same columns; BackupFailed when a row cannot be hashed."""
    cells = ", '|', ".join(_cell(name, kinds[name]) for name, _ in table.columns)
    halves = ", ".join(
        f"cast(coalesce(sum(cast(conv(substr(d, {start}, 16), 16, 10) as unsigned)), 0) as char) as h{start}"
        for start in (1, 17)
    )
    digests = f"select sha2(concat({cells}), 256) as d from {source or quoted(table.name)}"
    query = f"select count(*) as n, count(d) as hashed, {halves} from ({digests}) r"
    found = rows(session, query)[0]
    if found["n"] != found["hashed"]:
        raise BackupFailed(
            f"table {table.full}: {found['n'] - found['hashed']} rows are too long to be hashed",
            "Raise max_allowed_packet of the server.",
        )
    return Content(int(found["n"]), (found["h1"], found["h17"]))


def _kinds(session: Session) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for column in asked(session, "columns"):
        found.setdefault(column["tab"], {})[column["name"]] = column["kind"]
    return found


def kinds(session: Session, table: str) -> dict[str, str]:
    """Return the kinds of a table's columns."""
    return _kinds(session)[table]


def _cell(name: str, kind: str) -> str:
    """Return a column as text that is never cut, and never the text of another value."""
    q = quoted(name)
    if kind in _LONG:
        text = f"sha2({q}, 256)"
    elif kind in _SHAPES:
        text = f"sha2(hex({q}), 256)"
    elif kind in _BYTES:
        text = f"hex({q})"
    elif kind in _WORDS:
        text = f"hex(convert({q} using utf8mb4))"
    else:
        text = f"cast({q} as char)"
    return f"if({q} is null, 'n', concat('v', {text}))"


def _type(column: dict[str, Any]) -> str:
    kind = _WIDTH.sub(r"\1", column["type"]) if column["type"] != "tinyint(1)" else "tinyint(1)"
    collation = f" collate {column['collation']}" if column["collation"] else ""
    return f"{kind}{collation}{'' if column['empty'] else ' not null'}"
