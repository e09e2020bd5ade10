"""The relations that a statement may name, as a snapshot of their database has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.model import Dataset

_VIEWS = {"v", "m"}


@dataclass(frozen=True, slots=True)
class Shape:
    """Columns of relations in their order, and what views select; names as the server writes them."""

    columns: Mapping[str, tuple[str, ...]]
    views: Mapping[str, str]

    @classmethod
    def of(cls, snapshot: Mapping[str, Any]) -> Shape:
        """Return the relations of a snapshot of a PostgreSQL database."""
        relations = {f"{r['schema']}.{r['name']}": r for r in snapshot["relations"]}
        return cls(
            {path: tuple(str(c["name"]) for c in r["columns"]) for path, r in relations.items()},
            {path: str(r["view"]) for path, r in relations.items() if r["kind"] in _VIEWS and r.get("view")},
        )

    @classmethod
    def of_hub(cls, datasets: Iterable[Dataset]) -> Shape:
        """Return the hub's tables, which follow the contracts."""
        columns = {f"hub.{d.hub_name}": (*d.columns, "gw_source", "gw_batch", "gw_since") for d in datasets}
        return cls(columns, {})

    def find(self, schema: str, name: str) -> str | None:
        """Return the relation that a name means: without schema that of `public`, else the only one so called."""
        if schema:
            return path if (path := f"{schema}.{name}") in self.columns else None
        if (path := f"public.{name}") in self.columns:
            return path
        alike = [path for path in self.columns if path.partition(".")[2] == name]
        return alike[0] if len(alike) == 1 else None
