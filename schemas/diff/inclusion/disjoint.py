"""Branches that exclude each other at sight: objects told apart by a property that each requires with its own value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.diff.inclusion.document import Document
from schemas.diff.inclusion.terms import Node, kind_of, same_text


def apart(node: Node, branches: list[Any]) -> bool:
    """Tell whether some property shows which one branch an object may belong to; False when that is not plain to see."""
    values = [_marks(node.document, branch, node.place.base) for branch in branches]
    names = set(values[0]) if values else set[str]()
    return any(_distinct([marks.get(name, []) for marks in values]) for name in names)


def _distinct(sets: list[list[str]]) -> bool:
    every = [value for values in sets for value in set(values)]
    return all(sets) and len(set(every)) == len(every)


def _marks(document: Document, raw: Any, base: str) -> dict[str, list[str]]:
    """Return the properties an object must have with the few values each may take."""
    raw, base = _followed(document, raw, base)
    if not isinstance(raw, Mapping) or raw.get("type") != "object" or raw.get("nullable") is True or document.foreign:
        return {}
    required, properties = raw.get("required"), raw.get("properties")
    if not isinstance(required, list) or not isinstance(properties, Mapping) or not document.active(raw, "required"):
        return {}
    found = {}
    for name in required:
        item, _ = _followed(document, properties.get(name), base)
        if isinstance(item, Mapping) and (values := _values(document, item)):
            found[name] = values
    return found


def _followed(document: Document, raw: Any, base: str) -> tuple[Any, str]:
    for _ in range(20):
        if not isinstance(raw, Mapping) or not document.active(raw, "$ref"):
            break
        target = document.follow("$ref", raw["$ref"], document.place(raw, base).base)
        if target is None:
            break
        raw, base = target.raw, target.base
    return raw, base


def _values(document: Document, raw: Mapping[str, Any]) -> list[str]:
    values = raw["enum"] if document.active(raw, "enum") else []
    if document.active(raw, "const"):
        values = [raw["const"]]
    return [same_text(v) for v in values] if all(kind_of(v) == "string" for v in values) else []
