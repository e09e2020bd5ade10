"""Loads made-up rows into PostgreSQL as fast as COPY takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

_ROWS_A_READ = 2_000
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class _Lines:
    """A file of COPY text that is made while it is read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size` unless that is negative; empty at the end."""
        while size < 0 or len(self._rest) < size:
            batch = list(islice(self._lines, _ROWS_A_READ))
            if not batch:
                break
            self._rest += ("\n".join(batch) + "\n").encode()
        given, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return given


def copy_plain(cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[Sequence[str | None]], *, freeze: bool) -> int:
    """Copy rows whose strings hold no tab, line break or backslash; `freeze` needs a table made in this transaction."""
    return _copy(cursor, table, columns, ("\t".join(["\\N" if v is None else v for v in row]) for row in rows), freeze=freeze)


def copy_rows(cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, freeze: bool) -> int:
    """Copy rows given by column name; whatever a row lacks is null."""
    return _copy(cursor, table, columns, ("\t".join(_text(row.get(c)) for c in columns) for row in rows), freeze=freeze)


def _text(value: Any) -> str:
    return "\\N" if value is None else str(value).translate(_ESCAPES)


def _copy(cursor: Cursor, table: str, columns: Sequence[str], lines: Iterator[str], *, freeze: bool) -> int:
    statement = sql.SQL("copy {} ({}) from stdin{}").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(" with (freeze)" if freeze else ""),
    )
    cursor.copy_expert(statement, _Lines(lines))
    return int(cursor.rowcount)
