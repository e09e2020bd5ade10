"""The records of a page as arguments of a call, every value as text as the hub has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any

from connectors.copy_text import Row
from connectors.options import Path, steps
from connectors.page_batch import Unwritable
from connectors.soap_write_options import Call, Writing
from gateway.errors import CatalogInvalid
from gateway.model import Field

Render = Callable[[str], str]
Arguments = dict[str, Any]
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_NUMBERS = ("smallint", "integer", "bigint", "numeric")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SAMPLE_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
_SAMPLES = {"boolean": "t", "date": "2000-01-01", "jsonb": "{}"}


class Template:
    """Records of some fields at their places among constants."""

    def __init__(self, fields: Sequence[Field], writing: Writing, constants: Mapping[str, Any], where: str) -> None:
        """Lay out a record; CatalogInvalid when two things have one place."""
        self._fields = fields
        self._renders = [_render(field, writing) for field in fields]
        self._constants = [(_named(steps(at, "/")), _plain(value)) for at, value in constants.items()]
        self._places = [_named(writing.fields[field.name]) for field in fields]
        _check_places([path for path, _ in self._constants] + self._places, where)

    def record(self, row: Row) -> tuple[Arguments, list[str | None]]:
        """Return a row as nested arguments, and its values; Unwritable when a value is none that can be told."""
        told = [self._told(place, value) for place, value in enumerate(row)]
        record: Arguments = {}
        for path, constant in self._constants:
            put(record, path, constant)
        for path, value in zip(self._places, told, strict=True):
            if value is not None:  # an element around nothing is none
                put(record, path, value)
        return record, told

    def sample(self) -> Arguments:
        """Return a record as the WSDL has to take it."""
        return self.record([_sample(field) for field in self._fields])[0]

    def _told(self, place: int, value: str | None) -> str | None:
        try:
            text = None if value is None else self._renders[place](value)
        except (ValueError, OverflowError):
            raise Unwritable(self._fields[place].name) from None
        if text is not None and _NO_XML.search(text):
            raise Unwritable(self._fields[place].name)
        return text


def request(
    writing: Writing, call: Call, records: Sequence[Arguments], number: int, left: datetime, key: str
) -> Arguments:
    """Return the arguments of a call with a page of records; a single record stands without a list."""
    arguments: Arguments = deepcopy(dict(writing.arguments))
    named = ((writing.number, str(number)), (writing.left, moment(left, writing)), (writing.key_at, key))
    for path, value in named:
        if path:
            put(arguments, path, value)
    put(arguments, call.records, records[0] if writing.single else list(records))
    return arguments


def check_request(writing: Writing, call: Call, where: str) -> None:
    """Raise CatalogInvalid when two things have one place among the arguments."""
    named = [path for path in (writing.number, writing.left, writing.key_at) if path]
    _check_places([*_leaves(writing.arguments), *named, call.records], where)


def moment(at: datetime, writing: Writing) -> str:
    """Return a moment as text in the declared form."""
    local = at.astimezone(writing.zone)
    return local.isoformat() if writing.moments == "iso" else local.strftime(writing.moments)


def put(arguments: Arguments, path: Path, value: Any) -> None:
    """Put a value at its place among arguments."""
    *above, name = path
    for step in above:
        arguments = arguments.setdefault(step, {})
    arguments[name] = value


def _named(path: Path) -> Path:
    """Return a path as arguments know it: an attribute has its bare name there."""
    return (*path[:-1], path[-1].removeprefix("@"))


def _leaves(arguments: Mapping[str, Any], above: Path = ()) -> list[Path]:
    found: list[Path] = []
    for name, value in arguments.items():
        found += _leaves(value, (*above, name)) if isinstance(value, Mapping) else [(*above, name)]
    return found


def _check_places(places: Sequence[Path], where: str) -> None:
    for number, path in enumerate(places):
        for other in places[:number]:
            if path[: len(other)] == other or other[: len(path)] == path:
                shorter = min(path, other, key=len)
                raise CatalogInvalid(f"{where} has two things at {'/'.join(shorter)}", "Give each a place of its own.")


def _render(field: Field, writing: Writing) -> Render:
    kind = field.hub_type
    if kind.startswith(_NUMBERS):
        return _number
    if kind == "boolean":
        return {"t": "true", "f": "false"}.__getitem__
    if kind == "date":
        return lambda text: date.fromisoformat(text).isoformat()
    if kind.startswith("timestamp"):
        return lambda text: moment(_moment(text, writing), writing)
    return str


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise ValueError  # NaN and infinities
    return text


def _moment(text: str, writing: Writing) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=writing.zone)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sample(field: Field) -> str:
    if field.hub_type.startswith("timestamp"):
        return "2000-01-01 00:00:00+00"
    return "1" if field.hub_type.startswith(_NUMBERS) else _SAMPLES.get(field.hub_type, "x")
