"""Rows of a CSV file (RFC 4180): the first line names the columns; a row with other cells than those is quarantined."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter

from connectors.files_rows import CELLS, Record
from gateway.errors import SchemaMismatch

_LONGEST = 16 * 1_048_576  # characters of a line: what has no end would grow in memory
Place = Callable[[list[str]], list[int | None]]


def header(texts: Iterable[str], delimiter: str, what: str) -> list[str]:
    """Return the names of the columns."""
    return next(_rows(texts, delimiter, what), [])


def records(texts: Iterable[str], delimiter: str, null: str, place: Place, what: str) -> Iterator[Record]:
    """Yield each row's fault and values; `place` tells from the header where they stand. SchemaMismatch for no CSV."""
    rows = _rows(texts, delimiter, what)
    names = next(rows, None)
    if names is None:
        raise SchemaMismatch(f"{what} has no header", "The first line names the columns, even when no row follows.")
    where, width = place(names), len(names)
    pick = itemgetter(*(width if at is None else at for at in where))
    nothing: list[str | None] = [None] * len(where)
    for row in rows:
        if len(row) == width:
            row.append(null)
            yield None, [None if cell == null else cell for cell in pick(row)]
        elif row:  # a blank line is none
            yield CELLS, nothing


def _rows(texts: Iterable[str], delimiter: str, what: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(_lines(texts, what), delimiter=delimiter, strict=True)
    except csv.Error as error:
        words = "has a field beyond 131,072 characters" if "limit" in str(error) else "is no CSV: a quote is amiss"
        raise SchemaMismatch(
            f"{what} {words}",
            "Quotes within a field are doubled, and a field with a quote is quoted; lines end in LF or CR LF.",
        ) from None


def _lines(texts: Iterable[str], what: str) -> Iterator[str]:
    """Yield lines with their end; only LF ends one, since names may hold what Unicode counts as a line's end."""
    rest = ""
    for text in texts:
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            yield line + "\n"
        if len(rest) > _LONGEST:
            raise SchemaMismatch(f"{what} has a line beyond {_LONGEST:,} characters", "Is it a CSV file?")
    if rest:
        yield rest
