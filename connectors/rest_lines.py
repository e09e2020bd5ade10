"""The records of a page as lines for the hub: a fault where a record has one, and its values as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import repeat
from typing import Any

from connectors import rest_json
from connectors.rest_options import Dotted, Resource
from connectors.rest_pages import Page, at
from gateway.model import Dataset
from gateway.records import as_json, as_text, lines

_SCALARS = {str, int, Decimal, type(None)}  # by class: a truth value is an int to isinstance
Row = tuple[str | None, Sequence[str | None]]


def encoded(dataset: Dataset, resource: Resource, page: Page) -> bytes:
    """Return a line for each record of a page."""
    columns = None if page.document.marked else _columns(dataset, resource, page.records)
    return lines(zip(repeat(None), zip(*columns, strict=True)) if columns else _rows(dataset, resource, page))


def _columns(dataset: Dataset, resource: Resource, records: list[Any]) -> list[list[Any]] | None:
    """Return the texts of a page of flat records field by field; None when there is another record among them."""
    if set(map(type, records)) != {dict} or any(len(path) > 1 for path in resource.fields.values()):
        return None
    columns = []
    for field, (name,) in zip(dataset.fields, resource.fields.values(), strict=True):
        column = [record.get(name) for record in records]
        kinds = set(map(type, column))
        if field.hub_type == "jsonb":
            column = [None if value is None else as_json(value) for value in column]
        elif field.hub_type == "text" and not kinds <= _SCALARS:
            return None
        elif not kinds <= {str, type(None)}:
            column = list(map(str if kinds == {int} else as_text, column))
        columns.append(column)
    return columns


def _rows(dataset: Dataset, resource: Resource, page: Page) -> Iterator[Row]:
    """Yield the fault and the texts of each record."""
    paths = list(resource.fields.values())
    flat = all(len(path) == 1 for path in paths)
    texts = [(place, f"{f.name}.type") for place, f in enumerate(dataset.fields) if f.hub_type == "text"]
    documents = [place for place, f in enumerate(dataset.fields) if f.hub_type == "jsonb"]
    for record in page.records:
        fault = page.fault(record)
        values = [at(record, path) for path in paths]
        if fault is None and not flat:
            fault = _blocked(record, paths)
        if fault is None:
            fault = next((rule for place, rule in texts if values[place].__class__ not in _SCALARS), None)
        for place in documents:
            values[place] = None if values[place] is None else as_json(values[place])
        yield fault, [v if v.__class__ is str else as_text(v) for v in values]


def _blocked(record: Any, paths: list[Dotted]) -> str | None:
    """Return a fault when a path ends early at a value that is no object: what stands there must not read as null."""
    nested = (path[:n] for path in paths for n in range(1, len(path)))
    return rest_json.TYPE if any(not isinstance(at(record, path), dict | None) for path in nested) else None
