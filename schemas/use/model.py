"""The words of use: by which role a column is used, and what one source of knowledge says of a unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from gateway import settings
from schemas.diff.model import Change

Role = Literal["read", "write", "filter", "key", "cursor", "positional"]
Source = Literal["mapping", "sql", "observed", "declared"]
Places = Mapping[tuple[str, str], frozenset[Role]]

DEFINING: frozenset[Role] = frozenset({"key", "cursor", "filter"})  # they decide which rows come
STALE = timedelta(days=120)
_COLUMN = 3  # parts of a path that names a column: schema.table.column


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one source says a unit uses of a data set. `unknown` is why nobody can tell which columns: then it is all of them.

    `columns` maps (relation, column) to roles; an empty relation is the data set wherever it lies, and the column `*` of a
    relation says that its columns are taken by their places. `name` is the route, the registered use or the statement.
    """

    unit: str
    source: Source
    name: str
    columns: Places = field(default_factory=dict)
    unknown: str = ""
    last_used: datetime | None = None

    @property
    def writes(self) -> bool:
        """Tell whether rows are written by it."""
        return any("write" in roles for roles in self.columns.values())

    @property
    def stale(self) -> bool:
        """Tell whether it was not seen for so long that it may have ended; its unit is told nevertheless."""
        return self.last_used is not None and settings.now() - self.last_used > STALE

    def as_dict(self) -> dict[str, Any]:
        """Return what a notice shows of it."""
        seen = self.last_used.isoformat() if self.last_used else None
        found: dict[str, Any] = {"source": self.source, "name": self.name, "last_used": seen, "stale": self.stale}
        return found | ({"unknown": self.unknown} if self.unknown else {})

    def relations(self) -> frozenset[str]:
        """Return the relations it touches; the empty one is the data set's own."""
        return frozenset(relation for relation, _ in self.columns)

    def roles(self, relation: str | None, column: str) -> frozenset[Role]:
        """Return by which roles it uses a column of a relation."""
        named = self.columns.get((relation or "", column), frozenset())
        return named | self.columns.get(("", column), frozenset())


def place_of(change: Change) -> tuple[str | None, str | None]:
    """Return the relation and the column that a change is about; None for what it does not name."""
    parts = change.path.split(".")
    if len(parts) > _COLUMN or len(parts) == 1:
        return None, None
    return ".".join(parts[:2]), parts[2] if len(parts) == _COLUMN else None
