"""What the parts of a comparison of two catalogues share: the two documents, how to match them, and how to tell a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.diff.model import Change, Effect, Policy
from schemas.diff.sql_types import Type

NONE, INFO, WARN, BREAKING = Effect
Relation = Mapping[str, Any]
Column = Mapping[str, Any]
_DONE = {
    "add": "added", "drop": "dropped", "rename": "renamed", "move": "moved", "change": "changed", "swap": "swapped",
    "widen": "widened", "narrow": "narrowed", "revoke": "revoked", "grant": "granted", "remove": "removed",
}  # fmt: skip
_VIEWS = {"v", "m"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One comparison. `numbered` is whether numbers of relations and columns mean the same on both sides."""

    dialect: str
    policy: Policy
    numbered: bool
    parse: Callable[[str], Type]
    old: Mapping[str, Any] = field(repr=False)
    new: Mapping[str, Any] = field(repr=False)

    def change(self, rule: str, path: str, before: Any, after: Any, reader: Effect, writer: Effect) -> Change:
        """Return a change by a rule's name after the dialect's; its kind is the rule in the past."""
        *words, last = rule.removesuffix(".undecided").split(".")
        return Change(
            "_".join([*words, _DONE.get(last, last)]), path, before, after, reader, writer, f"{self.dialect}.{rule}"
        )


def path(relation: Relation) -> str:
    """Return a relation's name with its schema."""
    return f"{relation['schema']}.{relation['name']}"


def is_view(relation: Relation) -> bool:
    """Tell whether a relation holds no rows of its own."""
    return relation["kind"] in _VIEWS


def fills(column: Column) -> bool:
    """Tell whether the server finds a value when a writer leaves the column out."""
    return any(column.get(key) is not None for key in ("identity", "generated")) or default(column) is not None


def default(column: Column) -> str | None:
    """Return the expression that fills the column: its own, or that of its domain."""
    found = column.get("default")
    return found if found is not None else (column.get("domain") or {}).get("default")


def required(column: Column) -> bool:
    """Tell whether the column refuses NULL, by itself or by its domain."""
    return bool(column.get("notnull") or (column.get("domain") or {}).get("notnull"))
