"""The records of a page as lines for the hub: a fault where a record has one, and its values as text."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from connectors import rest_json
from connectors.rest_options import Dotted, Resource
from connectors.rest_pages import Page, at
from gateway.model import Dataset
from gateway.records import as_json, as_text, lines

_SCALARS = (str, int, Decimal, type(None))  # by class: a truth value is an int to isinstance


def encoded(dataset: Dataset, resource: Resource, page: Page) -> bytes:
    """Return a line for each record of a page."""
    return lines(_rows(dataset, resource, page), plain=page.document.plain)


def _rows(dataset: Dataset, resource: Resource, page: Page) -> Iterator[tuple[str | None, list[str | None]]]:
    paths = list(resource.fields.values())
    flat = [path[0] for path in paths] if all(len(path) == 1 for path in paths) else None
    texts = [(place, f"{f.name}.type") for place, f in enumerate(dataset.fields) if f.hub_type == "text"]
    documents = [place for place, f in enumerate(dataset.fields) if f.hub_type == "jsonb"]
    for record in page.records:
        fault = page.fault(record)
        values = list(map(record.get, flat)) if flat and fault is None else [at(record, path) for path in paths]
        if fault is None and flat is None:
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
