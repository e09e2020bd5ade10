"""What every untyped source behind HTTP says of itself: its clock, and how its records differ from the contract."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from connectors.http_peer import date_of
from connectors.options import Path
from gateway.model import Dataset
from gateway.ports import Probe, Shape


def probed(dataset: Dataset, identity: str, ask: Callable[[], Mapping[str, str]]) -> Probe:
    """Return a probe by the clock in the head of an answer, or by ours when it shows none."""
    before = datetime.now(UTC)
    headers = ask()
    after = datetime.now(UTC)
    now = date_of(headers) or after
    return Probe(
        at=before + (after - before) / 2, now=now, upper=now - timedelta(seconds=dataset.lag_seconds), identity=identity
    )  # fmt: skip


def shape(
    dataset: Dataset, paths: Mapping[str, Path], ignored: Collection[str], found: Collection[str] | None, names: Iterable[str]
) -> Shape:  # fmt: skip
    """Return the contract's fields that a sample has, and its names that nothing explains.

    `found` holds the fields that some record of the sample has, None when it has no record. An optional field counts as
    there: interfaces leave out what is null.
    """
    columns = {f.name: f.type for f in dataset.fields if found is None or not f.required or f.name in found}
    explained = {path[0] for path in paths.values()} | set(ignored)
    for name in dict.fromkeys(names):
        if name not in explained:
            # the name of a field that is read from elsewhere must not pass for that field
            columns[f"$.{name}" if name in dataset.columns else name] = "unknown"
    return Shape(columns=columns, checked_text=False)
