"""Records of a JSON Lines file: an object a line. A line that is none is quarantined, the others go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from connectors import rest_json
from connectors.files_rows import Record
from gateway.errors import GatewayError, SchemaMismatch
from gateway.model import Dataset
from gateway.records import as_json, as_text

_LONGEST = 16 * 1_048_576
_SCALARS = (str, int, Decimal, type(None))  # by class: a truth value is an int to isinstance


def objects(texts: Iterable[str], what: str) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Yield the fault of each line and its object."""
    for line in _lines(texts, what):
        if not line.strip():
            continue
        try:
            document = rest_json.parse(line.encode(), what)
        except GatewayError:  # the file is whole, as its checksum tells: the line is wrong
            yield rest_json.TYPE, {}
            continue
        if not isinstance(document.value, dict):
            yield rest_json.TYPE, {}
        else:
            yield rest_json.fault(document.value) if document.marked else None, document.value


def records(texts: Iterable[str], dataset: Dataset, columns: list[str], operation: str, what: str) -> Iterator[Record]:
    """Yield each record's fault and values as text."""
    kinds = [field.hub_type for field in dataset.fields]
    for fault, found in objects(texts, what):
        values: list[str | None] = []
        for name, kind in zip(columns, kinds, strict=True):
            value = found.get(name)
            if kind == "jsonb" and value is not None:
                value = as_json(value)
            elif kind == "text" and fault is None and value.__class__ not in _SCALARS:
                fault = f"{dataset.columns[columns.index(name)]}.type"  # noqa: PLW2901 - the first fault is the record's
            values.append(as_text(value))
        yield fault, [*values, as_text(found.get(operation))]


def _lines(texts: Iterable[str], what: str) -> Iterator[str]:
    rest = ""
    for text in texts:
        *whole, rest = (rest + text).split("\n")
        yield from whole
        if len(rest) > _LONGEST:
            raise SchemaMismatch(f"{what} has a line beyond {_LONGEST:,} characters", "Is it a JSON Lines file?")
    yield rest
