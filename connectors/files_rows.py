"""What every format of file gives: records with their values in the projection's order and their operation at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from connectors.files_options import Resource
from gateway.errors import SchemaMismatch
from gateway.model import Dataset
from gateway.records import lines

T = TypeVar("T")
CELLS, OPERATION, NUMBER = "file.cells", "file.operation", "file.number"
Record = tuple[str | None, list[str | None]]
_BATCH = 2_000


def batches(records: Iterable[T], size: int = _BATCH) -> Iterator[list[T]]:
    """Yield records in lists."""
    rest = iter(records)
    while batch := list(islice(rest, size)):
        yield batch


def written(records: Iterable[Record]) -> Iterator[tuple[int, bytes]]:
    """Yield records as lines for the hub, without their operation, each time with their number."""
    for batch in batches(records):
        yield len(batch), lines((fault, values[:-1]) for fault, values in batch)


def places(header: Sequence[str], dataset: Dataset, resource: Resource, what: str) -> list[int | None]:
    """Return where each field and the operation stand in a row; SchemaMismatch for what the contract does not explain."""
    wanted = resource.columns
    known = {*wanted, resource.operation, *resource.ignored}
    twice = sorted({name for name in header if header.count(name) > 1 and name not in resource.ignored})
    surprising = [name for name in header if name not in known]
    missing = [c for c, f in zip(wanted, dataset.fields, strict=True) if f.required and c not in header]
    for names, words in ((twice, "has twice"), (surprising, "has unexplained"), (missing, "lacks")):
        if names:
            raise SchemaMismatch(
                f"{what} {words} column {', '.join(names[:5])}",
                "Compare the header with the contract, and with `fields` and `ignored` of the resource.",
            )
    return [header.index(name) if name in header else None for name in (*wanted, resource.operation)]
