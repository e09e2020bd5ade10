"""Rows of a CSV file (RFC 4180): the first line names the columns; a row with other cells than those is quarantined."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from itertools import chain, repeat
from operator import itemgetter

from connectors.files_rows import CELLS, Record, written
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
            cells = pick(row)
            yield None, [None if cell == null else cell for cell in cells] if null in cells else list(cells)
        elif row:  # a blank line is none
            yield CELLS, nothing


def encoded(texts: Iterable[str], delimiter: str, null: str, place: Place, what: str) -> Iterator[tuple[int, bytes]]:
    """Yield what `records` does as lines for the hub, each time with their number.

    Where nothing is quoted, null is empty and the columns stand as the contract has them, a line needs little more than
    another delimiter.
    """
    pieces = _pieces(texts, what)
    first = next(pieces, "")
    head = first[: first.find("\n") + 1]
    names = [] if '"' in head or null else header([head], delimiter, what)
    if not names or place(names)[:-1] != list(range(len(names))):
        yield from written(records(chain([first], pieces), delimiter, null, place, what))
        return
    for piece in chain([first[len(head) :]], pieces):
        if '"' in piece:  # what is quoted may hold the end of a piece
            yield from written(records(chain([head, piece], pieces), delimiter, null, place, what))
        elif found := _straight(piece, delimiter, len(names)):
            yield found
        else:
            yield from written(records([head, piece], delimiter, null, place, what))


def _straight(piece: str, delimiter: str, width: int) -> tuple[int, bytes] | None:
    """Return the lines of a piece with their number; None when something in it wants a closer look."""
    if delimiter != "\t" and "\t" in piece:
        return None
    piece = piece.replace("\r\n", "\n").replace(delimiter, "\t")
    rows = piece.removesuffix("\n").split("\n")
    alike = set(map(str.count, rows, repeat("\t"))) == {width - 1} and "" not in rows
    if not alike or max(map(len, rows)) > csv.field_size_limit() or any(sign in piece for sign in "\\\r\0"):
        return None
    text = "\n".join(["\\N\t" + "\n\\N\t".join(rows), ""])
    while "\t\t" in text:
        text = text.replace("\t\t", "\t\\N\t")
    return len(rows), text.replace("\t\n", "\t\\N\n").encode()


def _rows(texts: Iterable[str], delimiter: str, what: str) -> Iterator[list[str]]:
    lines = chain.from_iterable(StringIO(piece, newline="\n") for piece in _pieces(texts, what))
    try:
        yield from csv.reader(lines, delimiter=delimiter, strict=True)
    except csv.Error as error:
        words = "has a field beyond 131,072 characters" if "limit" in str(error) else "is no CSV: a quote is amiss"
        raise SchemaMismatch(
            f"{what} {words}",
            "Quotes within a field are doubled, and a field with a quote is quoted; lines end in LF or CR LF.",
        ) from None


def _pieces(texts: Iterable[str], what: str) -> Iterator[str]:
    """Yield whole lines together; only LF ends one, since names may hold what Unicode counts as a line's end."""
    rest = ""
    for text in texts:
        rest += text
        end = rest.rfind("\n") + 1
        if end:
            yield rest[:end]
            rest = rest[end:]
        if len(rest) > _LONGEST:
            raise SchemaMismatch(f"{what} has a line beyond {_LONGEST:,} characters", "Is it a CSV file?")
    if rest:
        yield rest
