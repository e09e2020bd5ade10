"""The records of a page as JSON, every digit as the hub has it, put together without a detour over Python's numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.copy_text import Row
from connectors.options import Path, steps
from connectors.page_batch import Unwritable
from connectors.rest_write_options import Writing
from gateway.errors import CatalogInvalid
from gateway.model import Field
from gateway.records import as_json

Render = Callable[[str], str]
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
_NUMBERS = ("smallint", "integer", "bigint", "numeric")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"epoch": timedelta(seconds=1), "epoch_ms": timedelta(milliseconds=1)}
_CONTENT = "\0content"  # no path can bear it


@dataclass(frozen=True, slots=True)
class _Said:
    """JSON that is the same in every body."""

    text: str


class Template:
    """Records of some fields at their places among constants."""

    def __init__(self, fields: Sequence[Field], writing: Writing, constants: Mapping[str, Any], where: str) -> None:
        """Lay out a record; CatalogInvalid when two things have one place."""
        leaves: list[tuple[Path, Any]] = [(steps(at, "."), _Said(as_json(v))) for at, v in constants.items()]
        leaves += [(writing.fields[f.name], place) for place, f in enumerate(fields)]
        self._names = [f.name for f in fields]
        self._renders = [_render(f, writing) for f in fields]
        self._literals, self._order = _laid_out(leaves, where)

    def record(self, row: Row) -> tuple[str, list[str]]:
        """Return a row as a JSON object, and its values; Unwritable when a value is none that can be told."""
        told = self._told(row)
        parts = [self._literals[0]]
        for place, literal in zip(self._order, self._literals[1:], strict=True):
            parts += (told[place], literal)
        return "".join(parts), told

    def _told(self, row: Row) -> list[str]:
        told = []
        for name, value, render in zip(self._names, row, self._renders, strict=True):
            try:
                told.append("null" if value is None else render(value))
            except (ValueError, OverflowError):
                raise Unwritable(name) from None
        return told


class Envelope:
    """What stands around the records of a page."""

    def __init__(self, writing: Writing, where: str) -> None:
        """Lay out the body; CatalogInvalid when two things have one place."""
        self._single, self._writing = writing.single, writing
        leaves: list[tuple[Path, Any]] = [(steps(at, "."), _Said(as_json(v))) for at, v in writing.around.items()]
        named = (("number", writing.number), ("left", writing.left), ("key", writing.key_at))
        leaves += [(path, name) for name, path in named if path]
        if not writing.records and leaves:
            raise CatalogInvalid(
                f"{where} has nothing around its records", "Add `records`: where they stand in the body."
            )
        self._parts: list[str] = ["", ""]
        self._order: list[Any] = [_CONTENT]
        if writing.records:
            self._parts, self._order = _laid_out([(writing.records, _CONTENT), *leaves], where)

    def body(self, records: Sequence[str], number: int, left: datetime, key: str) -> bytes:
        """Return the body of a page; a single record stands without an array."""
        content = records[0] if self._single else f"[{', '.join(records)}]"
        values = {
            _CONTENT: content, "number": str(number), "left": moment(left, self._writing), "key": json.dumps(key),
        }  # fmt: skip
        parts = [self._parts[0]]
        for name, literal in zip(self._order, self._parts[1:], strict=True):
            parts += (values[name], literal)
        return "".join(parts).encode()


def moment(at: datetime, writing: Writing) -> str:
    """Return a moment as JSON in the declared form."""
    if writing.moments in _UNITS:
        return str((at - _EPOCH) // _UNITS[writing.moments])
    local = at.astimezone(writing.zone)
    return json.dumps(local.isoformat() if writing.moments == "iso" else local.strftime(writing.moments))


def _render(field: Field, writing: Writing) -> Render:
    kind = field.hub_type
    if kind.startswith(_NUMBERS):
        return _number
    if kind == "boolean":
        return {"t": "true", "f": "false"}.__getitem__
    if kind == "jsonb":
        return str  # the hub's JSON is JSON, with every digit
    if kind == "date":
        return _date
    if kind.startswith("timestamp"):
        return lambda text: moment(_moment(text, writing), writing)
    return lambda text: json.dumps(text, ensure_ascii=False)


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise ValueError  # NaN and infinities
    return text


def _date(text: str) -> str:
    return json.dumps(date.fromisoformat(text).isoformat())


def _moment(text: str, writing: Writing) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=writing.zone)


def _laid_out(leaves: Sequence[tuple[Path, Any]], where: str) -> tuple[list[str], list[Any]]:
    """Return the literal parts of an object, and what stands between each two: a leaf that is no JSON text yet."""
    parts, order = [""], list[Any]()

    def write(below: Sequence[tuple[Path, Any]], path: Path) -> None:
        names = dict.fromkeys(rest[0] for rest, _ in below if rest)
        if any(not rest for rest, _ in below):
            raise CatalogInvalid(f"{where} has two things at {'.'.join(path)}", "Give each a place of its own.")
        parts[-1] += "{"
        for place, name in enumerate(names):
            parts[-1] += f"{', ' if place else ''}{json.dumps(name, ensure_ascii=False)}: "
            inner = [(rest[1:], leaf) for rest, leaf in below if rest[0] == name]
            if len(inner) > 1 or inner[0][0]:
                write(inner, (*path, name))
            elif isinstance(inner[0][1], _Said):
                parts[-1] += inner[0][1].text
            else:
                order.append(inner[0][1])
                parts.append("")
        parts[-1] += "}"

    write(leaves, ())
    return parts, order
