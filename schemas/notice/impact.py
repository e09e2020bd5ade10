"""Whom a change touches: what each unit really uses of the data set, and what the change does to that use.

A unit that receives a data set reads the fields that its routes carry to it; the gateway reads all fields of the
contract where the rows come from, and writes them where they go to. What a unit may read but does not use is possibly
affected (可能涉及), never unaffected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.model import Dataset, Route
from schemas.diff.model import Change, Effect

_SHAPE = ("type", "null", "unique", "key", "collation")
_COLUMN = 3  # parts of a path that names a column: schema.table.column


@dataclass(frozen=True, slots=True)
class Use:
    """How a unit uses a data set at a platform: by which routes, which columns, and whether it writes."""

    unit: str
    routes: tuple[str, ...]
    columns: frozenset[str]
    key: frozenset[str]
    writes: bool


@dataclass(frozen=True, slots=True)
class Touched:
    """What the changes do to one unit: the level, and the effect of each change with the columns it uses."""

    unit: str
    level: Effect
    routes: tuple[str, ...]
    items: tuple[tuple[Change, Effect, bool], ...] = field(default=())

    def as_dict(self) -> list[dict[str, Any]]:
        """Return the items as the notice keeps them."""
        return [{**c.as_dict(), "effect": effect.name, "used": used} for c, effect, used in self.items]


def uses(routes: Mapping[str, Route], dataset: Dataset, platform: str) -> list[Use]:
    """Return how units use a data set whose shape a platform is about to change.

    Of a platform that rows come from: whoever receives the data set, and the owner of the routes that fetch it. Of one
    that rows go to: the unit that owns the data set, whose rows would be refused.
    """
    concerned = [r for r in routes.values() if r.dataset.name == dataset.name]
    at = [r for r in concerned if r.peer.platform == platform]
    if not any(not r.outbound for r in at):
        return [_use(dataset.owner, at, dataset, writes=True)] if at else []
    publisher = at[0].peer.unit
    units: dict[str, list[Route]] = {}
    for route in concerned:
        if route.outbound and route.peer.unit != publisher:
            units.setdefault(route.peer.unit, []).append(route)
    return [_use(unit, taken, dataset, writes=False) for unit, taken in sorted(units.items())]


def touched(use: Use, changes: Iterable[Change]) -> Touched:
    """Judge changes for a unit by what it uses."""
    items = tuple(_judge(use, change) for change in changes)
    return Touched(use.unit, max((effect for _, effect, _ in items), default=Effect.none), use.routes, items)


def _use(unit: str, routes: list[Route], dataset: Dataset, *, writes: bool) -> Use:
    carried = {f.name for route in routes for f in dataset.fields if f.name not in route.withhold}
    key = frozenset(dataset.key) | ({dataset.cursor} if dataset.cursor else set())
    return Use(unit, tuple(sorted(r.route for r in routes)), frozenset(carried), key, writes)


def _judge(use: Use, change: Change) -> tuple[Change, Effect, bool]:
    column = column_of(change)
    own = change.effect_writer if use.writes else change.effect_reader
    if column is None:
        return change, own, True
    if column in use.key:
        moved = any(word in change.rule for word in _SHAPE)
        return change, Effect.breaking if moved and own > Effect.none else max(own, change.effect_reader), True
    if column in use.columns:
        return change, own, True
    return change, min(own, Effect.info), False


def column_of(change: Change) -> str | None:
    """Return the column that a change is about, or None when it is about the whole."""
    parts = change.path.split(".")
    return parts[-1] if len(parts) == _COLUMN else None
