"""Records of a platform that is no PostgreSQL, as lines of a COPY stream: every value is text, the hub judges its type.

A line is the record's fault (null when the connector found none) and the projection's values in order. Characters that
PostgreSQL cannot hold arrive as `ports.UNDECODABLE` followed by the bytes in hex; such a row is quarantined.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from gateway.ports import UNDECODABLE

_NULL = r"\N"
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPED = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def line(fault: str | None, values: Sequence[str | None]) -> bytes:
    """Return one row of the stream: the fault, then the values of the projection in its order."""
    return lines([(fault, values)])


def lines(rows: Iterable[tuple[str | None, Sequence[str | None]]]) -> bytes:
    """Return rows of the stream; all have the same fields."""
    given = list(rows)
    written, cells, nulls = [], 0, 0
    for fault, values in given:
        row = [_NULL if fault is None else fault, *values]
        nulls += fault is None
        if None in row:
            nulls += row.count(None)
            row = [_NULL if value is None else value for value in row]
        cells += len(row)
        written.append("\t".join(row))  # type: ignore[arg-type]  # no None is left
    text = "\n".join([*written, ""])
    if not _holds_more(text, cells, len(given), nulls):
        try:
            return text.encode()
        except UnicodeEncodeError:  # half of a pair
            pass
    return "".join(["\t".join([_field(fault), *map(_field, values)]) + "\n" for fault, values in given]).encode()


def _holds_more(text: str, cells: int, rows: int, nulls: int) -> bool:
    """Tell whether lines hold a character that a value must not: beyond the tabs, ends and nulls that they are made of."""
    found = (text.count("\t"), text.count("\n"), text.count("\\"))
    return found != (cells - rows, rows, nulls) or "\r" in text or "\0" in text


def as_text(value: Any) -> str | None:
    """Return a JSON value as the text that PostgreSQL reads; objects and arrays stay JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    return as_json(value)


def as_json(value: Any) -> str:
    """Return a JSON value as JSON with every digit it came with."""
    if isinstance(value, Decimal):  # first: a geometry is nearly nothing else
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(as_json, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{as_json(k)}: {as_json(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _field(text: str | None) -> str:
    if text is None:
        return _NULL
    if _UNSTORABLE.search(text):
        return UNDECODABLE + text.encode("utf-8", "surrogatepass").hex()
    if _SPECIAL.search(text):
        return _SPECIAL.sub(lambda found: _ESCAPED[found[0]], text)
    return text
