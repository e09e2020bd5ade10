"""The words of the search: signed schemas, what is said of one type of document, and what was found.

A claim is True, False, ("and", claims), ("or", claims), ("node", node, sign) for a schema that accepts (or refuses)
the document itself, or ("fact", word, ...) for one limit that the document obeys. Facts:

in/out VALUES | whole Q SIGN | plain SIGN (written without a fraction) | over N STRICT | under N STRICT
least N | most N (length, items, properties)
pattern P SIGN | format F SIGN | every KEYS GOAL | some KEYS GOAL (values under keys of a set)
items FROM TO GOAL | item FROM TO GOAL (all, one at these places) | atleast N NODE | atmost N NODE | unique SIGN
opaque TEXT SIGN (a limit that is not understood)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from typing import Any, NamedTuple

from schemas.diff.inclusion.document import Document, Place
from schemas.diff.model import BadDocument

Claim = Any  # see above
TYPES = ("object", "array", "string", "number", "boolean", "null")


@dataclass(eq=False, slots=True)
class Node:
    """A schema of either document; equal ones are one object."""

    document: Document
    place: Place
    number: int  # by which it is found in sets: where it lies in memory must not decide what is tried first
    claims: dict[tuple[str, bool], Claim] = field(default_factory=dict)

    def __hash__(self) -> int:
        """Return what is the same in every run."""
        return self.number


Goal = tuple[Node, bool]  # a schema, and whether it accepts or refuses
State = frozenset[Goal]


class Keys(NamedTuple):
    """A set of property names: these, those that match a pattern, those a schema accepts; or all others."""

    names: frozenset[str] = frozenset()
    patterns: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    others: bool = False

    @property
    def single(self) -> str | None:
        """Return the name when there is but one."""
        if self.others or self.patterns or self.nodes or len(self.names) != 1:
            return None
        return next(iter(self.names))


class Status(IntEnum):
    """What is known of a set of documents."""

    empty = 0
    unknown = 1
    found = 2


class Found(NamedTuple):
    """The outcome of a search; of an unknown one the value is a guess worth checking, or MISSING."""

    status: Status
    value: Any = None


MISSING = object()
EMPTY = Found(Status.empty)
UNKNOWN = Found(Status.unknown, MISSING)


def found(value: Any, *, sure: bool = True) -> Found:
    """Return a document of the set; unsure when some limit on it was not understood."""
    return Found(Status.found if sure else Status.unknown, value)


def both(claims: Iterable[Claim]) -> Claim:
    """Return the claim that all of these hold."""
    parts = [c for c in claims if c is not True]
    if False in parts:
        return False
    if not parts:
        return True
    return parts[0] if len(parts) == 1 else ("and", tuple(parts))


def either(claims: Iterable[Claim]) -> Claim:
    """Return the claim that one of these holds."""
    parts = [c for c in claims if c is not False]
    if any(c is True for c in parts):
        return True
    if not parts:
        return False
    return parts[0] if len(parts) == 1 else ("or", tuple(parts))


def number(value: float) -> Fraction:
    """Return a JSON number exactly as it was written."""
    try:
        return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
    except ValueError:
        raise BadDocument(f"{value} is no JSON number") from None


def kind_of(value: Any) -> str:
    """Return the type of a document."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array"


def atom(value: Any) -> Any:
    """Return a scalar so that equal documents are equal: numbers exactly."""
    return number(value) if kind_of(value) == "number" else value


def written(value: Fraction, *, plain: bool = True) -> int | float | None:
    """Return a number as JSON writes it, or None where it cannot be written exactly; not `plain`: 1 as 1.0."""
    if value.denominator == 1 and plain:
        return int(value)
    try:
        near = float(value)
    except OverflowError:
        return None
    return near if Fraction(repr(near)) == value else None


def same_text(value: Any) -> str:
    """Return a text that is equal for equal documents."""
    if kind_of(value) == "number":
        return str(number(value))
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(k)}:{same_text(v)}" for k, v in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(same_text, value)) + "]"
    return json.dumps(value)
