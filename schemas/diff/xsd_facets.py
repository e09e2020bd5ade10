"""Simple types made from their declarations: derivation followed down to a built-in type, facets gathered on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from schemas.diff.model import BadDocument
from schemas.diff.xml import children
from schemas.diff.xsd_builtin import COLLAPSE, FORMS, LISTS, PRESERVE, SPACES, SPACING, XSD, integers, number
from schemas.diff.xsd_simple import Bound, Simple, treated

ANY_SIMPLE = Simple(space=PRESERVE)
_LARGEST = 1_000_000_000


def builtin(name: str) -> Simple | None:
    """Return the built-in type of a Clark name, None when there is none such."""
    space, _, local = name[1:].partition("}")
    if space != XSD or not name.startswith("{"):
        return None
    if local in {"anySimpleType", "anyAtomicType"}:
        return ANY_SIMPLE
    if local in LISTS:
        return Simple(variety="list", parts=(Simple(base=LISTS[local]),), least=1)
    if (bounds := integers(local)) is not None:
        low, high = ((str(edge), True) if edge is not None else None for edge in bounds)
        return Simple(base="integer", low=low, high=high)
    return Simple(base=local, space=SPACING.get(local, COLLAPSE)) if local in FORMS else None


def restricted(base: Simple, node: Any) -> Simple:
    """Return a type with the facets of a restriction; BadDocument for a facet that is none."""
    if base.variety == "unknown":
        return replace(base, base=f"{base.base} restricted: {_spelled(node)}")
    step, values = set[str](), set[str]()
    for facet, child in children(node, XSD):
        value = child.get("value", "")
        if facet == "pattern":
            step.add(value)
        elif facet == "enumeration":
            values.add(value)
        elif facet in _PLACES or facet in _BOUNDS or facet == "whiteSpace":
            base = _faceted(base, facet, value, child)
        elif facet == "assertion":
            base = replace(base, steps=base.steps | {frozenset({f"({value}"})})  # a pattern that nobody understands
    if step:
        base = replace(base, steps=base.steps | {frozenset(step)})
    return _listed(base, values) if values else base


_PLACES = {
    "length": "", "minLength": "least", "maxLength": "most", "totalDigits": "total", "fractionDigits": "fraction",
}  # fmt: skip
_BOUNDS = {
    "minInclusive": ("low", True), "minExclusive": ("low", False), "maxInclusive": ("high", True),
    "maxExclusive": ("high", False),
}  # fmt: skip


def _faceted(base: Simple, facet: str, value: str, node: Any) -> Simple:
    if facet == "whiteSpace":
        if value not in SPACES:
            raise BadDocument(f"line {node.sourceline}: whiteSpace {value!r}")
        return replace(base, space=SPACES[value])
    if facet in _BOUNDS:
        place, inclusive = _BOUNDS[facet]
        bound = _exact(base, (value.strip(), inclusive), upper=place == "high")
        return replace(base, **{place: bound})  # type: ignore[arg-type]
    text = value.strip()
    if not (text.isascii() and text.isdecimal()) or int(text) > _LARGEST:
        raise BadDocument(f"line {node.sourceline}: {facet} {value!r} is no number")
    if facet == "length":
        return replace(base, least=int(text), most=int(text))
    return replace(base, **{_PLACES[facet]: int(text)})  # type: ignore[arg-type]


def _exact(base: Simple, bound: Bound, *, upper: bool) -> Bound:
    """Return a bound in one spelling: an integer that is not reached gives way to the one before it."""
    value = number(bound[0]) if base.base in {"integer", "decimal", "double", "float"} else None
    if value is None or not value.is_finite():
        return bound
    if base.base == "integer" and value == value.to_integral_value():
        return str(int(value) + (0 if bound[1] else -1 if upper else 1)), True
    return f"{value.normalize():f}", bound[1]


def _listed(base: Simple, values: set[str]) -> Simple:
    """Return a type with an enumeration, each value in one spelling and once."""
    found = {_spelling(base, value) for value in values}
    return replace(base, values=frozenset(found))


def _spelling(base: Simple, value: str) -> str:
    text = treated(value, base.space)
    if base.variety == "atomic" and base.base in {"integer", "decimal"} and not base.steps:
        exact = number(text)
        return f"{exact.normalize():f}" if exact is not None and exact.is_finite() else text
    return text


def _spelled(node: Any) -> str:
    return ", ".join(
        sorted(f"{name}={child.get('value')}" for name, child in children(node, XSD) if name != "annotation")
    )


def listed(item: Simple) -> Simple:
    """Return the list type of an item type."""
    return Simple(variety="list", parts=(item,))


def united(members: list[Simple]) -> Simple:
    """Return the union of types; unions within it that hold nothing of their own are taken apart."""
    flat = list[Simple]()
    for member in members:
        flat.extend(
            member.parts if member.variety == "union" and not member.steps and member.values is None else (member,)
        )
    found = tuple(dict.fromkeys(flat))
    return Simple(variety="union", parts=found, space=PRESERVE) if found else Simple(variety="union", space=PRESERVE)


def missing(name: str, locations: list[str]) -> Simple:
    """Return what stands for a type whose document is not here."""
    return Simple(variety="unknown", base=" ".join([name, *locations]))
