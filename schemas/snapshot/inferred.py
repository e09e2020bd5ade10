"""A JSON Schema inferred from some records, where a platform publishes none: names and types, never a value.

It knows what the sample shows and no more: a property that every record had is required, and one that was null throughout
keeps the type that an earlier sample showed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

_DEEPEST = 20
_TYPES: tuple[tuple[type, str], ...] = ((bool, "boolean"), (int, "number"), (float, "number"), (Decimal, "number"))
Schema = dict[str, Any]


def schema(records: Sequence[Mapping[str, Any]], before: Mapping[str, Any] | None = None) -> Schema:
    """Return the schema of one record; `before` is what an earlier sample gave."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_of(list(records), before or {}, _DEEPEST)}


def _of(values: Sequence[Any], before: Any, deepest: int) -> Schema:
    """Return what values have in common; nothing is said where nothing but null was seen before and now."""
    known = [value for value in values if value is not None]
    before = before if isinstance(before, Mapping) else {}
    if not known or deepest == 0:
        return dict(before) if not known else {}
    objects = [value for value in known if isinstance(value, Mapping)]
    lists = [value for value in known if isinstance(value, list | tuple)]
    names = {_name(value) for value in known if not isinstance(value, Mapping | list | tuple)}
    names |= ({"object"} if objects else set()) | ({"array"} if lists else set())
    found: Schema = {"type": names.pop() if len(names) == 1 else sorted(names)}
    if objects:
        found |= _object(objects, before, deepest)
    if lists and (inner := _of([one for value in lists for one in value], before.get("items"), deepest - 1)):
        found["items"] = inner
    return found


def _object(objects: Sequence[Mapping[str, Any]], before: Mapping[str, Any], deepest: int) -> Schema:
    earlier = before.get("properties", {})
    names = sorted({str(name) for one in objects for name in one})
    return {
        "properties": {n: _of([one.get(n) for one in objects], earlier.get(n), deepest - 1) for n in names},
        "required": [n for n in names if all(n in one for one in objects)],
    }  # fmt: skip


def _name(value: Any) -> str:
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "string")
