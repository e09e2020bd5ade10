"""What registered uses mean: their statements followed to columns, on the newest structure that was kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from gateway.model import HUB, Catalog, Dataset, RegisteredUse
from schemas.use.model import Evidence, Places, Role
from schemas.use.shape import Shape

_READ: frozenset[Role] = frozenset({"read"})
_ANY: Places = {("", "*"): frozenset({"positional"})}


def shape_of(catalog: Catalog, at: str, snapshot: Mapping[str, Any] | None) -> Shape | None:
    """Return the relations at a place; None when none was ever looked at, or its language is not followed."""
    if at == HUB:
        return Shape.of_hub(catalog.datasets.values())
    return Shape.of(snapshot) if snapshot is not None and snapshot["kind"] == "pg" else None


def evidence(use: RegisteredUse, dataset: Dataset, shape: Shape | None) -> Evidence:
    """Return what a use says of a data set; one that cannot be followed is a use of everything."""
    if use.columns:
        return Evidence(use.unit, "declared", use.use, {("", column): _READ for column in use.columns})
    if not (use.sql or use.view):
        return Evidence(use.unit, "declared", use.use, unknown=f"no statement of account {use.account} was seen yet")
    text = use.sql or f"select * from {quoted(use.view)}"
    if shape is None:
        why = "no structure of the platform was kept" if use.at != HUB else "there is none"
        return Evidence(use.unit, "sql", use.use, starred(text), unknown=why)
    found, unknown = followed(text, shape)
    return Evidence(use.unit, "sql", use.use, at_home(found, use.at, dataset), unknown=unknown)


def followed(text: str, shape: Shape) -> tuple[Places, str]:
    """Return the columns of a statement, or why they cannot be told."""
    statement: Any = import_module("schemas.use.statement")  # its parser is large; most commands need it not
    try:
        found: Places = statement.columns(text, shape)
    except statement.Unresolved as error:
        return starred(text), str(error)
    return (found, "") if found else ({}, "it names no relation")


def starred(text: str) -> Places:
    """Return what is known of a statement that nobody followed: a star takes columns by their places."""
    return _ANY if "*" in text else {}


def at_home(found: Places, at: str, dataset: Dataset) -> Places:
    """Return the columns of a hub table under the data set's own name: what changes is named as its platform has it."""
    if at != HUB:
        return found
    own = f"hub.{dataset.hub_name}"
    return {("" if relation == own else relation, column): roles for (relation, column), roles in found.items()}


def at_platform(catalog: Catalog, platform: str) -> Iterator[RegisteredUse]:
    """Yield the uses that a change at a platform may touch: those there, and those of hub tables that it feeds."""
    fed = {r.dataset.name for r in catalog.routes.values() if not r.outbound and r.peer.platform == platform}
    for use in catalog.uses.values():
        if use.at == platform or (use.at == HUB and fed & set(use.datasets)):
            yield use


def quoted(relation: str) -> str:
    """Return a relation's name as a statement names it."""
    return ".".join(map(quoted_name, relation.split(".")))


def quoted_name(name: str) -> str:
    """Return a name in quotes."""
    return '"' + name.replace('"', '""') + '"'


def touches(text: str, shape: Shape) -> bool:
    """Tell whether a statement may use a relation of a shape."""
    statement: Any = import_module("schemas.use.statement")
    return bool(statement.touches(text, shape))
