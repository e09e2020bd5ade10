"""A platform that is no PostgreSQL, in this process: it sends records as text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Literal

from gateway.model import Dataset
from gateway.ports import Probe, Shape, Window
from gateway.records import line

Record = tuple[str | None, ...]
NOON = "2026-11-24T12:00:00+08:00"


def person(number: int, **values: str | None) -> Record:
    """Return a good record of the test contract as text."""
    good = {"id": f"P{number:08d}", "name": f"张{number}", "sex": "1", "amount": "1.5", "updated_at": NOON}
    return tuple({**good, **values}.values())


@dataclass
class Lines:
    """A platform that holds records and sends all of them whatever window it is asked for."""

    records: list[Record] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    now: datetime = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
    format: Literal["binary", "text"] = "text"
    typed: bool = False
    parts: int = 1
    slipped: list[set[int]] = field(default_factory=list)

    def probe(self, dataset: Dataset) -> Probe:
        """Tell a clock of its own."""
        return Probe(datetime.now(UTC), self.now, self.now - timedelta(seconds=dataset.lag_seconds), "lines")

    def describe(self, dataset: Dataset) -> Shape:
        """Have what the contract says."""
        return Shape({f.name: f.type for f in dataset.fields}, checked_text=False)

    @contextmanager
    def snapshot(self, parts: int = 1) -> Iterator[Lines]:  # noqa: ARG002
        """See itself."""
        yield self

    def copy(self, dataset: Dataset, window: Window, out: BinaryIO, part: int = 0) -> int:  # noqa: ARG002
        """Send every record but those that slip past this read."""
        missed = self.slipped.pop(0) if self.slipped else set()
        sent = [(number, record) for number, record in enumerate(self.records) if number not in missed]
        out.writelines(line(self.faults.get(number), record) for number, record in sent)
        return len(sent)

    def close(self) -> None:
        """Hold nothing."""
