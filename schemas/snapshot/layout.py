r"""Snapshots of file layouts.

    {"format": "gateway.snapshot/1", "kind": "file", "name": "person_{yyyymmdd}.csv", "encoding": "gb18030",
     "bom": false, "delimiter": ",", "quote": "\"", "line_end": "\r\n", "compression": null, "check_file": "md5",
     "date_format": "yyyy-MM-dd", "number_format": "1234.5", "split_mb": null, "cut_off": "02:00",
     "read_by": "name", "header_checked": false,
     "columns": [{"name": "id_no", "type": "text", "width": null, "format": null}]}

`form` is csv, jsonl, xml or xlsx. Columns stand in their order; `width` is that of a fixed layout. `read_by` is `name` (the
first line names the columns) or `position`; without it a layout with widths or without a `header` is read by position.
`header_checked` is true where a reader refuses any other header, `names` where the order is left to the writer. Only
`columns` must be there.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.diff.model import BadDocument
from schemas.snapshot import frame

FACTS = (
    "form", "name", "encoding", "bom", "delimiter", "quote", "line_end", "compression", "check_file", "date_format", "number_format",
    "split_mb", "cut_off",
)  # fmt: skip
COLUMN = ("type", "width", "format")
_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def snapshot(columns: Iterable[Mapping[str, Any]], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the snapshot of a layout from its columns and what else is known of it."""
    kept = [{k: c[k] for k in ("name", *COLUMN) if c.get(k) is not None} for c in columns]
    return {**frame.header("file"), **{k: v for k, v in facts.items() if v is not None}, "columns": kept}


def observed(head: bytes, *, delimiter: str, encoding: str) -> dict[str, Any]:
    """Return what the beginning of a delimited file shows: byte order mark, line end, header in order.

    BadDocument when it is not of the encoding that its owner declared, or has no line.
    """
    mark = next((m for m in _BOMS if head.startswith(m)), b"")
    first, end, _ = head[len(mark) :].partition(b"\n")
    if not end:
        raise BadDocument("the file has no line end in what was read of it")
    try:
        getincrementaldecoder(encoding)().decode(head[len(mark) :])  # the last character may be cut
    except UnicodeDecodeError as error:
        raise BadDocument(f"the beginning is not {encoding}: byte {error.start}") from None
    line = first.removesuffix(b"\r").decode(encoding)
    columns = [{"name": cell.strip().removeprefix('"').removesuffix('"')} for cell in line.split(delimiter)]
    facts = {
        "encoding": encoding, "bom": bool(mark), "delimiter": delimiter,
        "line_end": "\r\n" if first.endswith(b"\r") else "\n", "read_by": "name",
    }  # fmt: skip
    return snapshot(columns, facts)


def columns(document: Mapping[str, Any], what: str) -> dict[str, dict[str, Any]]:
    """Return a layout's columns by name, in order; BadDocument when they are none."""
    found: dict[str, dict[str, Any]] = {}
    for at, column in enumerate(frame.objects(document.get("columns"), f"{what}: columns")):
        name = frame.text(column.get("name"), f"{what}: columns[{at}].name")
        if not name:
            raise BadDocument(f"{what}: columns[{at}] has no name")
        if name in found:
            raise BadDocument(f"{what}: the column {name} is there twice")
        found[name] = column
    return found


def by_position(document: Mapping[str, Any]) -> bool:
    """Tell whether a layout is read by the place of its columns."""
    word = document.get("read_by")
    if word not in (None, "name", "position"):
        raise BadDocument(f"read_by is name or position, not {word!r}")
    fixed = any(column.get("width") is not None for column in document["columns"])
    return word == "position" or (word is None and (fixed or document.get("header") is False))
