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


def lines(rows: Iterable[tuple[str | None, Sequence[str | None]]], *, plain: bool = False) -> bytes:
    """Return rows of the stream; `plain` says that no value holds a backslash, a control character or half a pair."""
    write = _as_it_is if plain else _field
    return "".join(["\t".join([_field(fault), *map(write, values)]) + "\n" for fault, values in rows]).encode()


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


def _as_it_is(text: str | None) -> str:
    return _NULL if text is None else text


def _field(text: str | None) -> str:
    if text is None:
        return _NULL
    if _UNSTORABLE.search(text):
        return UNDECODABLE + text.encode("utf-8", "surrogatepass").hex()
    if _SPECIAL.search(text):
        return _SPECIAL.sub(lambda found: _ESCAPED[found[0]], text)
    return text
