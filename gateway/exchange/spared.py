"""A source whose rows keep the platform's rate, whatever its connector: the same reads, each stream slowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Literal

from gateway.exchange.pace import Pace
from gateway.model import Dataset
from gateway.ports import Brought, Decided, Hashing, Probe, Receipting, Repairing, Shape, Snapshot, Source, Window


class Spared:
    """Raises what its source does, and HubUnavailable."""

    def __init__(self, source: Source, pace: Pace) -> None:
        """Keep both; `close` closes both."""
        self._source, self._pace = source, pace
        self.format: Literal["binary", "text"] = source.format
        self.typed = source.typed

    def __repr__(self) -> str:
        """Name the source, which names no DSN."""
        return f"Spared({self._source!r})"

    @property
    def spared(self) -> Source:
        """Return the source itself, for what costs it no rows."""
        return self._source

    def probe(self, dataset: Dataset) -> Probe:
        """Return what the source says."""
        return self._source.probe(dataset)

    def describe(self, dataset: Dataset) -> Shape:
        """Return what the source says."""
        return self._source.describe(dataset)

    @contextmanager
    def snapshot(self, parts: int = 1) -> Iterator[Snapshot]:
        """Yield the source's view; it can do what that can."""
        with self._source.snapshot(parts) as snapshot:
            kind = SparedTyped if isinstance(snapshot, Hashing) and isinstance(snapshot, Repairing) else SparedSnapshot
            yield kind(snapshot, self._pace, self.format)

    def close(self) -> None:
        """Release what is held; may be called twice."""
        self._source.close()
        self._pace.close()


class SparedReceipting(Spared):
    """A source whose platform gets receipts."""

    def __init__(self, source: Source, pace: Pace) -> None:
        """Keep both."""
        super().__init__(source, pace)
        assert isinstance(source, Receipting)
        self._receipting: Receipting = source

    def brought(self, dataset: Dataset) -> Sequence[Brought]:
        """Return what the source returns."""
        return self._receipting.brought(dataset)

    def holds(self, dataset: Dataset, name: str) -> bool:
        """Tell what the source tells."""
        return self._receipting.holds(dataset, name)

    def records(self, dataset: Dataset, name: str, out: BinaryIO) -> int:
        """Write the records of one delivery and return their number."""
        return self._pace.rows(lambda spared: self._receipting.records(dataset, name, spared), self.format)(out)

    def tell(self, dataset: Dataset, name: str, decided: Decided) -> None:
        """Have the source write the receipt."""
        self._receipting.tell(dataset, name, decided)


class SparedSnapshot:
    """A view whose rows wait for their turns."""

    def __init__(self, snapshot: Any, pace: Pace, format_: Literal["binary", "text"]) -> None:
        """Keep the view."""
        self._snapshot, self._pace, self._format = snapshot, pace, format_
        self.parts: int = snapshot.parts

    def copy(self, dataset: Dataset, window: Window, out: BinaryIO, part: int = 0) -> int:
        """Write the projection's rows and return their number."""
        return self._pace.rows(lambda spared: self._snapshot.copy(dataset, window, spared, part), self._format)(out)


class SparedTyped(SparedSnapshot):
    """A view that also hashes and repairs in place. Sums cost the platform no rows."""

    def hashes_like_hub(self, expected: int) -> bool:
        """Tell what the source tells."""
        return bool(self._snapshot.hashes_like_hub(expected))

    def totals(self, dataset: Dataset) -> tuple[int, int]:
        """Return what the source returns."""
        rows, total = self._snapshot.totals(dataset)
        return int(rows), int(total)

    def copy_hashes(self, dataset: Dataset, out: BinaryIO) -> int:
        """Write keys and record hashes and return their number."""
        return self._pace.rows(lambda spared: self._snapshot.copy_hashes(dataset, spared), self._format)(out)

    def copy_keys(self, dataset: Dataset, keys: Sequence[tuple[Any, ...]], out: BinaryIO) -> int:
        """Write the rows of these keys and return their number."""
        return self._pace.rows(lambda spared: self._snapshot.copy_keys(dataset, keys, spared), self._format)(out)

    def copy_repairs(
        self, dataset: Dataset, out: BinaryIO, window: Window, keys: Sequence[tuple[Any, ...]] | None = None
    ) -> int:
        """Write the originals of repaired values: of rows that have taken their turns."""
        return int(self._snapshot.copy_repairs(dataset, out, window, keys))
