"""Whom a change touches: what each unit really uses of the data set, and what the change does to that use.

A unit that receives a data set reads the fields that its routes carry to it; the gateway reads all fields of the
contract where the rows come from, and writes them where they go to. Beside that stands what units do by themselves, by
every source that knows it. What a unit may read but does not use is possibly affected (可能涉及), never unaffected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.model import Dataset, Route
from schemas.diff.model import Change, Effect
from schemas.use.model import DEFINING, Evidence, Role, place_of

_SHAPE = {"type", "null", "unique", "key", "collation"}
_MOVING = ("column.add", "column.drop", "column.move", "column.swap", "column.recreated")
_OMITTED = ("column.add.required", "null.forbid", "default.drop")  # they harm who writes and leaves the column out
_NEVER: Mapping[str, datetime] = {}


@dataclass(frozen=True, slots=True)
class Use:
    """How a unit uses a data set at a platform: by which routes, and all that is known of it."""

    unit: str
    routes: tuple[str, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """What one change does to a unit, whether it touches what the unit uses, and by which knowledge that is judged."""

    change: Change
    effect: Effect
    used: bool
    by: tuple[Evidence, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as the notice keeps it."""
        return {
            **self.change.as_dict(), "effect": self.effect.name, "used": self.used, "by": [e.as_dict() for e in self.by],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Touched:
    """What the changes do to one unit: the level, and the effect of each change."""

    unit: str
    level: Effect
    routes: tuple[str, ...]
    items: tuple[Item, ...] = field(default=())

    def as_dict(self) -> list[dict[str, Any]]:
        """Return the items as the notice keeps them."""
        return [item.as_dict() for item in self.items]


def uses(
    routes: Mapping[str, Route], dataset: Dataset, platform: str, others: Iterable[Evidence] = (),
    last_used: Mapping[str, datetime] = _NEVER,
) -> list[Use]:  # fmt: skip
    """Return how units use a data set whose shape a platform is about to change.

    Of a platform that rows come from: whoever receives the data set, and the owner of the routes that fetch it. Of one
    that rows go to: the unit that owns the data set, whose rows would be refused. `others` is what units do by themselves,
    `last_used` when a route last carried something.
    """
    found: dict[str, tuple[list[Route], list[Evidence]]] = {}
    for unit, route, writes in _mapped(routes, dataset, platform):
        taken, evidence = found.setdefault(unit, ([], []))
        taken.append(route)
        evidence.append(_mapping(unit, route, dataset, last_used.get(route.route), writes=writes))
    for known in others:
        found.setdefault(known.unit, ([], []))[1].append(known)
    return [
        Use(unit, tuple(sorted(r.route for r in taken)), tuple(evidence))
        for unit, (taken, evidence) in sorted(found.items())
    ]


def touched(use: Use, changes: Iterable[Change]) -> Touched:
    """Judge changes for a unit by all that it uses; of what several sources say, the worst."""
    items = tuple(_worst(use, change) for change in changes)
    return Touched(use.unit, max((item.effect for item in items), default=Effect.none), use.routes, items)


def column_of(change: Change) -> str | None:
    """Return the column that a change is about, or None when it is about the whole."""
    return place_of(change)[1]


def _mapped(routes: Mapping[str, Route], dataset: Dataset, platform: str) -> Iterable[tuple[str, Route, bool]]:
    concerned = [r for r in routes.values() if r.dataset.name == dataset.name]
    at = [r for r in concerned if r.peer.platform == platform]
    if not any(not r.outbound for r in at):
        return [(dataset.owner, route, True) for route in at]
    publisher = at[0].peer.unit
    return [(r.peer.unit, r, False) for r in concerned if r.outbound and r.peer.unit != publisher]


def _mapping(unit: str, route: Route, dataset: Dataset, last_used: datetime | None, *, writes: bool) -> Evidence:
    columns: dict[tuple[str, str], frozenset[Role]] = {}
    for name in (f.name for f in dataset.fields if f.name not in route.withhold):
        roles: set[Role] = {"write" if writes else "read"}
        if name in dataset.key:
            roles.add("key")
        if name == dataset.cursor:
            roles.add("cursor")
        columns["", name] = frozenset(roles)
    return Evidence(unit, "mapping", route.route, columns, last_used=last_used)


def _worst(use: Use, change: Change) -> Item:
    judged = [(known, *judge(known, change)) for known in use.evidence]
    worst = max((effect for _, effect, _ in judged), default=Effect.none)
    used = any(touches for _, _, touches in judged)
    by = tuple(known for known, effect, touches in judged if effect == worst and (touches or not used))
    return Item(change, worst, used, by)


def judge(known: Evidence, change: Change) -> tuple[Effect, bool]:
    """Return what a change does to one use, and whether it touches it."""
    relation, column = place_of(change)
    relations = known.relations()
    if known.unknown:  # whoever may use everything: a star in its text takes columns by their places
        return Effect.breaking if known.columns and _moves(change) else _defining(change), True
    if relation is not None and "" not in relations and relation not in relations:
        return Effect.none, False
    if (relation or "", "*") in known.columns and _moves(change):
        return Effect.breaking, True
    if column is None:
        return _of_relation(known, change), True
    return _of_column(known, change, known.roles(relation, column))


def _of_relation(known: Evidence, change: Change) -> Effect:
    roles = frozenset[Role]().union(*known.columns.values())
    keyed = DEFINING & roles and change.rule.split(".")[1] in _SHAPE
    return max(_own(change, roles), _keyed(known, change) if keyed else Effect.none)


def _of_column(known: Evidence, change: Change, roles: frozenset[Role]) -> tuple[Effect, bool]:
    if roles:
        return max(_own(change, roles), _defining(change) if DEFINING & roles else Effect.none), True
    if known.writes and change.rule.partition(".")[2] in _OMITTED:
        return change.effect_writer, True
    return min(_own(change, frozenset[Role]().union(*known.columns.values())), Effect.info), False


def _own(change: Change, roles: frozenset[Role]) -> Effect:
    """Return what it does to who reads, or writes, or both."""
    reader = change.effect_reader if roles - {"write"} else Effect.none
    return max(reader, change.effect_writer if "write" in roles else Effect.none)


def _defining(change: Change) -> Effect:
    """Return what it does to a column that decides which rows come: the worse for both, and all that moves its meaning."""
    worse = max(change.effect_reader, change.effect_writer)
    moved = change.rule.split(".")[1] in _SHAPE
    return Effect.breaking if moved and worse > Effect.none else worse


def _keyed(known: Evidence, change: Change) -> Effect:
    """Return what a change of a unique rule does to who relies on one of its columns."""
    words = f"{change.before} {change.after}"
    relied = (column for (_, column), roles in known.columns.items() if {"key", "cursor"} & roles and column)
    return _defining(change) if any(column in words for column in relied) else Effect.none


def _moves(change: Change) -> bool:
    return change.rule.partition(".")[2].startswith(_MOVING)
