"""Rows of a CSV file (RFC 4180): the first line names the columns; a row with other cells than those is quarantined."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from itertools import chain
from operator import itemgetter
from typing import AnyStr

from connectors.files_rows import CELLS, Record, written
from gateway.errors import SchemaMismatch

_LONGEST = 16 * 1_048_576  # characters of a line: what has no end would grow in memory
_WIDEST = 4  # bytes of a character in UTF-8
# all but what parts cells and rows, and what wants a closer look
_FILLING = bytes(set(range(256)) - set(b"\t\n\r\\\0"))
_EMPTY = re.compile(rb"\t[\t\n]")
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


def encoded(data: Iterable[bytes], delimiter: str, null: str, place: Place, what: str) -> Iterator[tuple[int, bytes]]:
    """Yield what `records` does of a text in UTF-8 as lines for the hub, each time with their number.

    Where nothing is quoted, null is empty and the columns stand as the contract has them, a line needs little more than
    another delimiter.
    """
    pieces = _pieces(data, b"\n", _WIDEST * _LONGEST, what)
    first = next(pieces, b"")
    head = first[: first.find(b"\n") + 1]
    names = [] if b'"' in head or null else header([head.decode()], delimiter, what)
    if not names or place(names)[:-1] != list(range(len(names))):
        yield from _judged(chain([first], pieces), delimiter, null, place, what)
        return
    for piece in chain([first[len(head) :]], pieces):
        if b'"' in piece:  # what is quoted may hold the end of a piece
            yield from _judged(chain([head, piece], pieces), delimiter, null, place, what)
        elif found := _straight(piece, delimiter.encode(), len(names)):
            yield found
        else:
            yield from _judged([head, piece], delimiter, null, place, what)


def _judged(pieces: Iterable[bytes], delimiter: str, null: str, place: Place, what: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of pieces, each of which ends with a line, by looking at every row."""
    return written(records(map(bytes.decode, pieces), delimiter, null, place, what))


def _straight(piece: bytes, delimiter: bytes, width: int) -> tuple[int, bytes] | None:
    """Return the lines of a piece with their number; None when something in it wants a closer look."""
    if delimiter != b"\t" and b"\t" in piece:
        return None
    data = piece.replace(delimiter, b"\t")
    frame = data.translate(None, _FILLING)
    if returns := frame.count(b"\r"):
        if returns != data.count(b"\r\n"):
            return None
        data, frame = data.translate(None, b"\r"), frame.translate(None, b"\r")
    data, frame = data.removesuffix(b"\n"), frame.removesuffix(b"\n") + b"\n"
    rows = len(frame) // width
    if frame != (b"\t" * (width - 1) + b"\n") * rows or not _short(data) or (width == 1 and not _all_filled(data)):
        return None
    text = b"\\N\t" + data.replace(b"\n", b"\n\\N\t") + b"\n"
    return rows, _with_nulls(text) if _EMPTY.search(text) else text


def _with_nulls(text: bytes) -> bytes:
    """Return lines in which what is empty is null."""
    while b"\t\t" in text:
        text = text.replace(b"\t\t", b"\t\\N\t")
    return text.replace(b"\t\n", b"\t\\N\n")


def _short(data: bytes) -> bool:
    """Tell whether no line is longer than a field may be."""
    begin, longest = 0, csv.field_size_limit()
    while len(data) - begin > longest:
        end = data.rfind(b"\n", begin, begin + longest + 1)
        if end < 0:
            return False
        begin = end + 1
    return True


def _all_filled(data: bytes) -> bool:
    """Tell whether no line is blank."""
    return b"\n\n" not in b"\n%b\n" % data


def _rows(texts: Iterable[str], delimiter: str, what: str) -> Iterator[list[str]]:
    lines = chain.from_iterable(StringIO(piece, newline="\n") for piece in _pieces(texts, "\n", _LONGEST, what))
    try:
        yield from csv.reader(lines, delimiter=delimiter, strict=True)
    except csv.Error as error:
        words = "has a field beyond 131,072 characters" if "limit" in str(error) else "is no CSV: a quote is amiss"
        raise SchemaMismatch(
            f"{what} {words}",
            "Quotes within a field are doubled, and a field with a quote is quoted; lines end in LF or CR LF.",
        ) from None


def _pieces(parts: Iterable[AnyStr], end: AnyStr, longest: int, what: str) -> Iterator[AnyStr]:
    """Yield whole lines together; only LF ends one, since names may hold what Unicode counts as a line's end."""
    rest = end[:0]
    for part in parts:
        rest += part
        whole = rest.rfind(end) + 1
        if whole:
            yield rest[:whole]
            rest = rest[whole:]
        if len(rest) > longest:
            raise SchemaMismatch(f"{what} has a line beyond {_LONGEST:,} characters", "Is it a CSV file?")
    if rest:
        yield rest
