"""Rows of an XLSX sheet, read one after the other. What unpacks beyond bounds, or holds a DOCTYPE, is refused unread."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

from lxml import etree
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from connectors.files_csv import Place
from connectors.files_rows import CELLS, NUMBER, Record
from gateway.errors import SchemaMismatch

_UNPACKED, _STRINGS, _RATIO, _MEMBERS = 2 << 30, 64 << 20, 200, 1_000
_SMALL = 1 << 20  # what unpacks to so little is no bomb, however well it was packed
_EXACT = 10**15  # Excel itself keeps no more digits: a longer number was bent before it came here
_BROKEN = (
    zipfile.BadZipFile,
    InvalidFileException,
    KeyError,
    ValueError,
    ParseError,
    EOFError,
    etree.XMLSyntaxError,
    OSError,
)


def rows(file: BinaryIO, sheet: str | None, what: str) -> Iterator[list[Any]]:
    """Yield the cells of each row that has any; SchemaMismatch for what is no sheet."""
    _inspect(file, what)
    file.seek(0)
    try:
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        if sheet is not None and sheet not in book.sheetnames:
            raise _wrong(what, f"has no sheet {sheet}")
        found = book[sheet] if sheet is not None else book.worksheets[0]
        for cells in found.iter_rows():
            values = [(cell.value, cell.data_type) for cell in cells]
            if any(value is not None for value, _ in values):
                yield values
        book.close()
    except _BROKEN:
        raise _wrong(what, "is no XLSX file that can be read") from None


def header(file: BinaryIO, sheet: str | None, what: str) -> list[str]:
    """Return the names of the columns; empty cells at the end are none."""
    first = [str(value).strip() if value is not None else "" for value, _ in next(rows(file, sheet, what), [])]
    while first and not first[-1]:
        first.pop()
    return first


def records(file: BinaryIO, sheet: str | None, place: Place, what: str) -> Iterator[Record]:
    """Yield each row's fault and values; `place` tells from the header where they stand."""
    names = header(file, sheet, what)
    if not names:
        raise SchemaMismatch(f"{what} has no header", "The first row names the columns, even when no row follows.")
    where, found = place(names), rows(file, sheet, what)
    next(found)
    for cells in found:
        if any(value is not None for value, _ in cells[len(names) :]):
            yield CELLS, [None] * len(where)
            continue
        padded = [*cells, *[(None, "n")] * (len(names) - len(cells))]
        picked = [(None, "n") if at is None else padded[at] for at in where]
        wrong = any(kind == "e" or _bent(value) for value, kind in picked)
        yield NUMBER if wrong else None, [_text(value) for value, _ in picked]


def _bent(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) >= _EXACT


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        exact = Decimal(repr(value))
        return format(exact.quantize(Decimal(1)) if exact == exact.to_integral_value() else exact, "f")
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)


def _inspect(file: BinaryIO, what: str) -> None:
    """Refuse a packed file that would fill the memory, or whose XML declares anything."""
    try:
        with zipfile.ZipFile(file) as packed:
            members = packed.infolist()
            sizes = [(m.file_size, m.compress_size) for m in members]
            bomb = any(size > _SMALL and size > _RATIO * max(small, 1) for size, small in sizes)
            strings = sum(m.file_size for m in members if not re.search(r"worksheets/", m.filename))
            if bomb or len(members) > _MEMBERS or sum(s for s, _ in sizes) > _UNPACKED or strings > _STRINGS:
                raise _wrong(what, "unpacks beyond all bounds")
            for member in members:
                if member.filename.endswith((".xml", ".rels")):
                    with packed.open(member) as opened:
                        _refuse_doctype(opened, what)
    except _BROKEN:
        raise _wrong(what, "is no XLSX file that can be read") from None


def _refuse_doctype(opened: Any, what: str) -> None:
    for _, root in etree.iterparse(opened, events=("start",), resolve_entities=False, no_network=True, load_dtd=False):
        if root.getroottree().docinfo.doctype:
            raise _wrong(what, "has a DOCTYPE")
        return


def _wrong(what: str, words: str) -> SchemaMismatch:
    return SchemaMismatch(f"{what} {words}", "Ask the platform's owner to save it anew, or to send CSV.")
