"""Changes between the attributes of two complex types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.diff import xsd_types
from schemas.diff.model import Effect
from schemas.diff.xml import space_of
from schemas.diff.xsd_facets import ANY_SIMPLE
from schemas.diff.xsd_model import PROCESSED, Attribute, Complex, Wild
from schemas.diff.xsd_values import included

if TYPE_CHECKING:
    from schemas.diff.xsd_compare import Comparison


def compare(found: Comparison, path: str, old: Complex, new: Complex) -> None:
    """Judge the attributes that one type has against those of the other."""
    for name in sorted({*old.attributes, *new.attributes}):
        left, right, where = old.attributes.get(name), new.attributes.get(name), f"{path}/@{name}"
        if left is not None and right is not None:
            _both(found, where, left, right)
        elif right is not None:
            reader, writer = _one_sided(found, name, right, old.wild, 0)
            found.add(
                "attribute_added", where, None, use(right), reader, writer, f"xsd.attribute.add{_required(right)}"
            )
        elif left is not None:
            writer, reader = _one_sided(found, name, left, new.wild, 1)
            found.add(
                "attribute_removed", where, use(left), None, reader, writer, f"xsd.attribute.remove{_required(left)}"
            )
    _wildcards(found, f"{path}/@*", old.wild, new.wild)


def use(one: Attribute) -> str:
    """Return whether an attribute is required, in a word."""
    return "required" if one.required else "optional"


def _required(one: Attribute) -> str:
    return ".required" if one.required else ""


def _one_sided(found: Comparison, name: str, one: Attribute, wild: Wild | None, side: int) -> tuple[Effect, Effect]:
    """Return what an attribute does to the side that does not declare it and gets it, and to the side that must heed it."""
    declared = name in found.builders[side].components.attributes
    unread = ("skip",) if declared else ("skip", "lax")
    taken = wild is not None and wild.takes(space_of(name)) and wild.process in unread
    ignoring = found.policy.content_model == "open"
    getting = Effect.none if taken else Effect.info if ignoring else Effect.breaking
    bound = one.required or (taken and (one.fixed is not None or not included(ANY_SIMPLE, one.type)))
    return getting, Effect.breaking if bound else Effect.none


def _both(found: Comparison, where: str, old: Attribute, new: Attribute) -> None:
    if old.required != new.required:
        reader, writer = (Effect.none, Effect.breaking) if new.required else (Effect.breaking, Effect.none)
        rule = f"xsd.attribute.{use(new)}"
        found.add("attribute_use_changed", where, use(old), use(new), reader, writer, rule)
    preset(found, where, (old.default, old.fixed), (new.default, new.fixed))
    xsd_types.compare(found, where, old.type, new.type)


def preset(
    found: Comparison, where: str, old: tuple[str | None, str | None], new: tuple[str | None, str | None]
) -> None:
    """Judge defaults and fixed values: a fixed value narrows what may be sent, a default is another value for nothing."""
    if old[1] != new[1]:
        writer = Effect.breaking if new[1] is not None else Effect.none
        reader = Effect.breaking if old[1] is not None else Effect.none
        found.add("fixed_changed", where, old[1], new[1], reader, writer, "xsd.fixed")
    if old[0] != new[0]:
        found.add("default_changed", where, old[0], new[0], Effect.warn, Effect.warn, "xsd.default")


def _wildcards(found: Comparison, where: str, old: Wild | None, new: Wild | None) -> None:
    if old == new:
        return
    writer, reader = _within(old, new), _within(new, old) or found.policy.content_model == "open"
    kind = "wildcard_changed" if old and new else "wildcard_removed" if old else "wildcard_added"
    found.judged(kind, where, _shown(old), _shown(new), writer, reader, "xsd.attribute.any")


def _within(sub: Wild | None, sup: Wild | None) -> bool:
    if sub is None:
        return True
    if sup is None or not set(PROCESSED.get(sub.process, ())) <= set(PROCESSED.get(sup.process, ())):
        return False
    if sub.others:
        return sup.others and sup.spaces <= sub.spaces
    return all(sup.takes(space) for space in sub.spaces)


def _shown(one: Wild | None) -> str | None:
    if one is None:
        return None
    spaces = " ".join(sorted(space or "##local" for space in one.spaces))
    return f"{'all but' if one.others else 'only'} ({spaces}), {one.process}"
