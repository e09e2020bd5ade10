"""What one run of a route did, whichever way it carried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run did.

    Inbound, rows read = inserted + updated + unchanged + rejected, but for a comparison (see `kind`). A delivery reads
    rows and deletions, and tells what the platform made of them.
    """

    route: str
    dataset: str
    kind: str
    batch: int
    receipt: int | None
    read: int
    inserted: int
    updated: int
    deleted: int
    unchanged: int
    rejected: int
    waiting: int
    seconds: float
    rejects: Mapping[str, int] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)

    @property
    def landed(self) -> int:
        """Return the rows that the target holds or accepted by this run."""
        return self.inserted + self.updated + self.unchanged

    def after(self, earlier: Outcome) -> Outcome:
        """Return this outcome with the rows of one before it in the same run."""
        summed = ("read", "inserted", "updated", "deleted", "unchanged", "rejected")
        rejects, warnings = (
            dict(Counter(mine) + Counter(before))
            for mine, before in ((self.rejects, earlier.rejects), (self.warnings, earlier.warnings))
        )
        counts = {name: getattr(self, name) + getattr(earlier, name) for name in summed}
        return replace(self, rejects=rejects, warnings=warnings, **counts)

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome for machines."""
        return {**asdict(self), "landed": self.landed}


def utc(moment: datetime | None) -> str | None:
    """Return a moment as receipts write it."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds")
