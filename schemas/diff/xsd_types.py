"""Changes between two simple types: what differs is named, and what it does is what inclusion says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from schemas.diff.model import UNDECIDED, Effect
from schemas.diff.xsd_simple import Simple
from schemas.diff.xsd_values import included

if TYPE_CHECKING:
    from schemas.diff.xsd_compare import Comparison

_SHOWN = ("variety", "base", "steps", "values", "low", "high", "least", "most", "total", "fraction", "space")


def compare(found: Comparison, path: str, old: Simple, new: Simple) -> None:
    """Judge one type against another."""
    writer, reader = included(old, new), included(new, old)
    if writer and reader:
        return
    if old.values is not None and new.values is not None and _alike(old, new):
        _enumerations(found, path, old, new, writer=writer, reader=reader)
        return
    rule = _rule(old, new)
    if _spared(found, old, new, reader) and included(replace(new, values=None), replace(old, values=None)):
        effect = Effect.none if writer else Effect.warn if writer is None else Effect.breaking
        suffix = UNDECIDED if writer is None else ""
        found.add("type_changed", path, shown(old), shown(new), Effect.warn, effect, f"{rule}{suffix}")
        return
    found.judged("type_changed", path, shown(old), shown(new), writer, reader, rule)


def _spared(found: Comparison, old: Simple, new: Simple, reader: bool | None) -> bool:  # noqa: FBT001 - a verdict
    """Tell whether a reader bears values that its enumeration lacks, and nothing else may trouble it."""
    return (
        found.policy.enum == "extensible"
        and reader is False
        and old.values is not None
        and _rule(old, new) == "xsd.enum"
    )


def _alike(old: Simple, new: Simple) -> bool:
    bare = [replace(one, values=None) for one in (old, new)]
    return bool(included(bare[0], bare[1])) and bool(included(bare[1], bare[0]))


def _enumerations(
    found: Comparison, path: str, old: Simple, new: Simple, *, writer: bool | None, reader: bool | None
) -> None:
    assert old.values is not None
    assert new.values is not None
    more = [value for value in sorted(new.values) if not included(replace(new, values=frozenset({value})), old)]
    less = [value for value in sorted(old.values) if not included(replace(old, values=frozenset({value})), new)]
    if more:
        effect = Effect.warn if found.policy.enum == "extensible" or reader is None else Effect.breaking
        rule = "xsd.enum.add" + (UNDECIDED if reader is None else "")
        found.add("enum_added", path, None, more, effect, Effect.none, rule)
    if less:
        effect = Effect.warn if writer is None else Effect.breaking
        found.add(
            "enum_removed",
            path,
            less,
            None,
            Effect.none,
            effect,
            "xsd.enum.remove" + (UNDECIDED if writer is None else ""),
        )


def _rule(old: Simple, new: Simple) -> str:
    if (old.variety, old.base) != (new.variety, new.base):
        return "xsd.type"
    if old.values != new.values:
        return "xsd.enum"
    if old.steps != new.steps:
        return "xsd.pattern"
    if old.space != new.space:
        return "xsd.space"
    return "xsd.facet" if old.parts == new.parts else "xsd.type"


def shown(one: Simple) -> dict[str, Any]:
    """Return a type's facts for people and machines."""
    facts: dict[str, Any] = {}
    for fact in _SHOWN:
        value = getattr(one, fact)
        if fact == "steps":
            value = [sorted(step) for step in sorted(value, key=sorted)]
        elif isinstance(value, frozenset):
            value = sorted(value)
        if value not in (None, [], 0) or fact == "base":
            facts[fact] = list(value) if isinstance(value, tuple) else value
    if one.parts:
        facts["parts"] = [shown(part) for part in one.parts]
    return facts
