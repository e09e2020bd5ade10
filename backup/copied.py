"""The rows of a table as COPY writes them: hashed as a dump has them, and as a restored copy writes them again.

Reading every table a second time, to let the source hash its rows, costs the source half of the dump once more. What it sends to the
dump is its own statement as well, and is hashed before anything else happens to it; the source counts its rows besides. A table with
generated columns is no such case, for a dump leaves these out: there the source hashes its rows.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from backup import survey
from backup.survey import Content, Survey, Table
from gateway import pg
from gateway.errors import BackupFailed

# What pg_dump sets for itself stands in `pg.connect` as well; these it leaves to whoever dumps.
OPTIONS = "-c timezone=UTC -c bytea_output=hex"
_ENDED = b"\\.\n"
_CLOSED = b"\\.\n\n\n"  # what pg_dump puts behind the last row
_UTF8, _UNKNOWN = "UTF8", "SQL_ASCII"  # which converts nothing
_WIDTH = 16  # bytes of a row's hash where rows come in another order


def counted(connection: Connection, table: Table) -> Content:
    """Let the source count the rows of a table that is dumped, and hash those of one that a dump does not tell whole."""
    if table.computed:
        return survey.content(connection, table)
    rows = pg.one(connection, sql.SQL("select count(*) from only {}").format(table.identifier))
    return Content(int(rows[0]), ())


def hashed(found: Survey, files: dict[int, str], folder: Path, *, jobs: int) -> Survey:
    """Return a survey with the hash of each file that a dump wrote; BackupFailed when it holds no rows of a table."""

    def one(pair: tuple[Table, Content]) -> tuple[Table, Content]:
        table, content = pair
        if content.sums:
            return pair
        if table.oid not in files:
            raise BackupFailed(f"the dump holds no rows of table {table.full}", "Run again; look at its rights.")
        file = files[table.oid]
        with (folder / file).open("rb") as data:
            return table, replace(content, sums=(hashlib.file_digest(data, "sha256").hexdigest(),), file=file)

    with ThreadPoolExecutor(jobs, thread_name_prefix="hash") as pool:
        return replace(found, tables=dict(zip(found.tables, pool.map(one, found.tables.values()), strict=True)))


@dataclass(frozen=True, slots=True)
class Copy:
    """Reads a copy of a surveyed database in the way that each of its tables was read at the source."""

    told: Survey
    folder: Path

    def content(self, connection: Connection, table: Table, rows: sql.Composable | None = None) -> Content:
        """Count and hash the rows of a table, or of a query of the same columns.

        Loading a dump may lay rows elsewhere than they lay. Then they are compared whatever their order: a content that is the
        told one in another order is returned as told.
        """
        _, told = self.told.tables.get(table.full, (None, None))
        if told is None or not told.file:
            return survey.content(connection, table, rows)
        text = _Text()
        found = Content(_copy(connection, table, rows, text), (text.digest(),), told.file)
        if found.sums != told.sums and found.rows == told.rows and self._same_rows(connection, table, rows, told.file):
            return told
        return found

    def _same_rows(self, connection: Connection, table: Table, rows: sql.Composable | None, file: str) -> bool:
        there, here = _Rows(), _Rows()
        _copy(connection, table, rows, here)
        with (self.folder / file).open("rb") as data:
            for line in data:
                if line == _ENDED:
                    break
                there.write(line)
        return here.sum == there.sum


class _Text:
    """Hashes rows as they come, and their end."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, row: bytes) -> None:
        self._hash.update(row)

    def digest(self) -> str:
        self._hash.update(_CLOSED)
        return self._hash.hexdigest()


class _Rows:
    """Sums the hashes of rows: in any order they give the same, and doubled ones do not cancel out."""

    def __init__(self) -> None:
        self.sum = 0

    def write(self, row: bytes) -> None:
        self.sum += int.from_bytes(hashlib.blake2b(row, digest_size=_WIDTH).digest())


def _copy(connection: Connection, table: Table, rows: sql.Composable | None, out: Any) -> int:
    """Write rows as a dump does, from a table's first on, in the server's own characters; return how many there are."""
    names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in table.columns)
    columns = sql.SQL("({})").format(names) if table.columns else sql.SQL("")
    what = rows if rows is not None else table.identifier + columns
    statement = sql.SQL("copy {} to stdout").format(what).as_string(connection)  # psycopg2 quotes names in UTF-8 alone
    encoding = connection.get_parameter_status("server_encoding") or _UTF8
    connection.set_client_encoding(_UTF8 if encoding == _UNKNOWN else encoding)
    try:
        pg.run(connection, "set synchronize_seqscans = off")
        with connection.cursor() as cursor:
            cursor.copy_expert(statement, out)
            return int(cursor.rowcount)
    finally:
        connection.set_client_encoding(_UTF8)
