"""What a schema's components mean once every name in them is resolved; types of elements are resolved when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.diff.xsd_schema import Home
from schemas.diff.xsd_simple import Simple

# How strictly what a wildcard takes is validated, and what such a wildcard takes of what was validated so.
PROCESSED: Mapping[str, tuple[str, ...]] = {
    "skip": ("skip", "lax", "strict"), "lax": ("lax", "strict"), "strict": ("strict",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wild:
    """A wildcard: namespaces that it takes, or all but those; the empty text is no namespace."""

    spaces: frozenset[str]
    others: bool
    process: str

    def takes(self, space: str) -> bool:
        """Tell whether it takes a namespace."""
        return (space in self.spaces) != self.others


@dataclass(slots=True, eq=False)
class Element:
    """An element's declaration; `node` and `home` are what its type is found from."""

    name: str
    node: Any
    home: Home
    nillable: bool = False
    default: str | None = None
    fixed: str | None = None
    abstract: bool = False
    constraints: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Particle:
    """A part of a content model; `unknown` is a group that is not here, `element` may stand for several (substitution)."""

    kind: Literal["element", "any", "sequence", "choice", "all", "unknown"]
    least: int = 1
    most: int | None = 1
    parts: tuple[Particle, ...] = ()
    element: Element | None = None
    wild: Wild | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute as a complex type uses it."""

    type: Simple
    required: bool
    default: str | None = None
    fixed: str | None = None


@dataclass(slots=True, eq=False)
class Complex:
    """A complex type; `simple` is its content's type where that is no elements."""

    name: str = ""
    simple: Simple | None = None
    mixed: bool = False
    particle: Particle | None = None
    attributes: dict[str, Attribute] = field(default_factory=dict)
    wild: Wild | None = None
    abstract: bool = False
    odd: frozenset[str] = frozenset()
    items: tuple[str, str] | None = None


Type = Simple | Complex
ANY = Complex(
    mixed=True, wild=Wild(frozenset(), others=True, process="lax"),
    particle=Particle("any", 0, None, wild=Wild(frozenset(), others=True, process="lax")),
)  # fmt: skip
