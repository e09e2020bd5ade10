"""What a database holds, said by itself: every table's rows counted and hashed, sequences, roles, large objects, objects.

The same questions are put to the source, inside the snapshot that is dumped, and to a restored copy. Where the server hashes, a table's
hash is the sum of its rows' record hashes, and that of the hashes of these: rows in any order give both, and doubled rows do not
cancel out. Hashing the hash once more costs a fraction of hashing the row under a second seed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.errors import BackupFailed
from gateway.sql import queries

_SQL = queries(__file__)
ALIAS = "_r_"
SEED, AGAIN = 0, 42  # of the hash of a row, and of the hash of that hash


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the catalogue has it: its columns with their types, and those whose type has no hash."""

    schema: str
    name: str
    columns: tuple[tuple[str, str], ...]
    as_text: tuple[str, ...]
    bytes: int = field(compare=False)
    oid: int = field(compare=False)
    computed: bool = field(compare=False, default=False)  # a column is generated: a dump leaves it out

    @property
    def full(self) -> str:
        """Return the name as people write it."""
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        """Return the quoted name."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class Content:
    """The rows of a table: how many, and both sums of their hashes in decimal digits; or the SHA-256 of the file of the dump."""

    rows: int
    sums: tuple[str, ...]
    file: str = field(compare=False, default="")


@dataclass(frozen=True, slots=True)
class Survey:
    """All that is compared of a database."""

    tables: dict[str, tuple[Table, Content]]
    sequences: dict[str, tuple[int | None, bool]]
    roles: dict[str, str]
    objects: dict[str, int]
    large_objects: tuple[int, str]
    not_compared: tuple[tuple[str, str], ...]

    @property
    def rows(self) -> int:
        """Return the rows of all tables."""
        return sum(content.rows for _, content in self.tables.values())


def server(connection: Connection) -> dict[str, Any]:
    """Return which server and database this is, and where it stands."""
    return rows(connection, "server")[0]


def rows(connection: Connection, name: str, exclude: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the rows of one of the questions."""
    return pg.dicts(connection, _SQL[name], {"exclude": list(exclude)} if "%(" in _SQL[name] else None)


def tables(connection: Connection, exclude: Sequence[str]) -> list[Table]:
    """Return every table that is dumped, without its rows."""
    return [_table(row, set()) for row in rows(connection, "tables", exclude)]


def sequences(connection: Connection, exclude: Sequence[str]) -> dict[str, tuple[int | None, bool]]:
    """Return where each sequence stands now, whatever the snapshot, and whether it counts upwards."""
    return {row["name"]: (row["value"], row["up"]) for row in rows(connection, "sequences", exclude)}


def take(
    connect: Callable[[], Connection],
    exclude: Sequence[str],
    *,
    jobs: int,
    done: Callable[[int], None] = lambda _: None,
    read: Callable[[Connection, Table], Content] | None = None,
) -> Survey:
    """Survey a database with `jobs` connections that see the same moment; `done` hears of each table's rows.

    The server hashes every row, unless the tables are to be `read` in another way.

    BackupFailed when a table cannot be hashed.
    """
    with closing(connect()) as connection:
        found = rows(connection, "tables", exclude)
        hashless = _hashless(connection, {oid for row in found for _, _, oid in row["columns"]})
        wanted = [_table(row, hashless) for row in found]
        contents = _contents(connect, wanted, jobs, done, read or content)
        count = int(rows(connection, "large_objects")[0]["count"])
        return Survey(
            tables={t.full: (t, c) for t, c in zip(wanted, contents, strict=True)},
            sequences=sequences(connection, exclude),
            roles={r["name"]: r["rights"] for r in rows(connection, "roles")},
            objects={r["kind"]: int(r["count"]) for r in rows(connection, "objects", exclude)},
            large_objects=(count, rows(connection, "large_content")[0]["hash"] if count else "0"),
            not_compared=tuple((r["name"], r["why"]) for r in rows(connection, "not_compared", exclude)),
        )


def content(connection: Connection, table: Table, source: sql.Composable | None = None) -> Content:
    """Let the server count and hash the rows of a table, or of a query of the same columns."""
    if ALIAS in dict(table.columns):
        raise BackupFailed(
            f"table {table.full} has a column {ALIAS}", "Rename the column: rows are hashed under that name."
        )
    cells = [
        sql.Identifier(ALIAS, name) + sql.SQL("::text" if name in table.as_text else "") for name, _ in table.columns
    ]
    record = sql.SQL("row({})").format(sql.SQL(", ").join(cells))
    rows = source or sql.SQL("only {}").format(table.identifier)
    # `offset 0` keeps the hash of a row from being computed twice.
    query = sql.SQL(
        "select count(*), coalesce(sum(h), 0)::text, coalesce(sum(hashint8extended(h, {again})), 0)::text "
        "from (select hash_record_extended({record}, {seed}) as h from {rows} as {alias} offset 0) as hashed"
    ).format(again=sql.Literal(AGAIN), seed=sql.Literal(SEED), record=record, rows=rows, alias=sql.Identifier(ALIAS))
    found = pg.one(connection, query)
    return Content(int(found[0]), (found[1], found[2]))


def _contents(
    connect: Callable[[], Connection], wanted: list[Table], jobs: int, done: Callable[[int], None],
    read: Callable[[Connection, Table], Content],
) -> Iterable[Content]:  # fmt: skip
    """Hash big tables first, so that no connection ends long after the others; in the order asked for."""
    here = threading.local()
    opened: list[Connection] = []

    def begin() -> None:
        here.connection = connect()
        opened.append(here.connection)

    def one(table: Table) -> Content:
        try:
            found = read(here.connection, table)
        except psycopg2.Error as error:
            if not isinstance(error, errors.OperationalError | errors.InterfaceError):
                raise BackupFailed(
                    f"table {table.full} cannot be hashed: {error.diag.message_primary}",
                    "See the how-to: rights of the backup role.",
                ) from error
            raise
        done(found.rows)
        return found

    try:
        with ThreadPoolExecutor(min(jobs, max(len(wanted), 1)), thread_name_prefix="survey", initializer=begin) as pool:
            biggest = sorted(wanted, key=lambda t: -t.bytes)
            found = dict(zip((t.full for t in biggest), pool.map(one, biggest), strict=True))
    finally:
        for connection in opened:
            connection.close()
    return [found[t.full] for t in wanted]


def _table(row: dict[str, Any], hashless: set[int]) -> Table:
    columns = tuple((name, type_) for name, type_, _ in row["columns"])
    as_text = tuple(name for name, _, oid in row["columns"] if oid in hashless)
    return Table(row["schema"], row["name"], columns, as_text, row["bytes"], row["oid"], row["computed"])


def _hashless(connection: Connection, types: set[int]) -> set[int]:
    """Return the types whose values the server cannot hash, found by asking for each: nothing else knows all of them."""
    found = set()
    for oid in sorted(types):
        name = pg.one(connection, "select pg_catalog.format_type(%s, null)", (oid,))[0]
        pg.run(connection, "savepoint hashless")
        try:
            pg.run(
                connection, sql.SQL("select pg_catalog.hash_record_extended(row(null::{}), 0)").format(sql.SQL(name))
            )
        except errors.UndefinedFunction:
            found.add(oid)
        pg.run(connection, "rollback to savepoint hashless; release savepoint hashless")
    return found
