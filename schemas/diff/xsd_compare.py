"""Compares elements and types of two schemas, each pair once: what is assumed of a pair in progress is what is being found out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.diff import xsd_attributes, xsd_elements, xsd_types
from schemas.diff.model import UNDECIDED, Change, Effect, Policy
from schemas.diff.xml import clark, local, named
from schemas.diff.xsd_build import Builder
from schemas.diff.xsd_builtin import XSD
from schemas.diff.xsd_model import ANY, Complex, Element, Type
from schemas.diff.xsd_same import changed
from schemas.diff.xsd_schema import Components
from schemas.diff.xsd_simple import Simple

Fits = bool | None


class Comparison:
    """Gathers the changes between two schemas, for the sides that read or write what is compared at the time."""

    def __init__(self, old: Components, new: Components, policy: Policy) -> None:
        """Keep both sides."""
        self.builders = Builder(old), Builder(new)
        self.policy = policy
        self.found: list[Change] = []
        self.reads = self.writes = True
        self._changed = changed(old, new)
        self._seen: set[tuple[Any, ...]] = set()
        self._keep: list[Any] = []

    def add(self, kind: str, path: str, before: Any, after: Any, reader: Effect, writer: Effect, rule: str) -> None:
        """Take a change; effects on a side that does not see what is compared are none."""
        reader, writer = (reader if self.reads else Effect.none), (writer if self.writes else Effect.none)
        if reader or writer:
            self.found.append(Change(kind, path, before, after, reader, writer, rule))

    def judged(self, kind: str, path: str, before: Any, after: Any, writer: Fits, reader: Fits, rule: str) -> None:
        """Take a change by what is known of inclusion: old within new (writer), new within old (reader)."""
        to_reader, to_writer = (
            Effect.none if fits else Effect.warn if fits is None else Effect.breaking for fits in (reader, writer)
        )
        sides = [fits for fits, asked in ((reader, self.reads), (writer, self.writes)) if asked]
        self.add(kind, path, before, after, to_reader, to_writer, f"{rule}{UNDECIDED}" if None in sides else rule)

    def elements(self, path: str, old: Element, new: Element) -> None:
        """Compare two declarations, and their types."""
        if self._again("element", old, new):
            return
        xsd_elements.compare(self, path, old, new)
        if old.node is not None and new.node is not None and self._same_type(old.node, new.node):
            return
        self.types(path, self.builders[0].type_of(old), self.builders[1].type_of(new))

    def types(self, path: str, old: Type, new: Type) -> None:
        """Compare two types, and all that they hold."""
        if self._again("type", old, new) or (old is ANY and new is ANY):
            return
        if isinstance(old, Simple) and isinstance(new, Simple):
            xsd_types.compare(self, path, old, new)
            return
        left = old if isinstance(old, Complex) else Complex(simple=old)
        right = new if isinstance(new, Complex) else Complex(simple=new)
        if any(isinstance(one, Simple) and one.variety == "unknown" for one in (old, new)):
            self.judged("type_changed", path, name(old), name(new), None, None, "xsd.type")
            return
        if left.odd != right.odd:
            self.judged("type_changed", path, sorted(left.odd), sorted(right.odd), None, None, "xsd.type")
        if left.abstract != right.abstract:
            xsd_elements.abstract(self, path, old=left.abstract, new=right.abstract)
        xsd_attributes.compare(self, path, left, right)
        xsd_elements.content(self, path, left, right)
        self._items(path, left, right)
        self._extensions(path, left, right)

    def _same_type(self, old: Any, new: Any) -> bool:
        """Tell whether two declarations name one type that says the same on both sides."""
        if self._changed is None or old.get("type") is None or new.get("type") is None:
            return False
        left, right = named(old, old.get("type")), named(new, new.get("type"))
        return left == right and local(left) not in self._changed

    def _again(self, kind: str, old: Any, new: Any) -> bool:
        plain = isinstance(old, Simple) and isinstance(new, Simple)
        if plain and old == new:
            return True
        key = (kind, old if plain else id(old), new if plain else id(new), self.reads, self.writes)
        if key in self._seen and not plain:  # equal pairs of simple types are told at each of their places
            return True
        self._seen.add(key)
        self._keep.append((old, new))
        return False

    def _items(self, path: str, old: Complex, new: Complex) -> None:
        """Compare the items of arrays as SOAP encodes them."""
        if old.items is None or new.items is None or old.items[1] != new.items[1]:
            if old.items != new.items:
                self.judged("type_changed", path, _items(old), _items(new), False, False, "xsd.array")
            return
        left, right = (b.type(one.items[0]) for b, one in zip(self.builders, (old, new), strict=True) if one.items)
        self.types(f"{path}/*", left, right)

    def _extensions(self, path: str, old: Complex, new: Complex) -> None:
        """Compare the types that may stand for a named type: a document says so by xsi:type."""
        left, right = (
            b.families.extensions(t.name) if t.name else [] for b, t in zip(self.builders, (old, new), strict=True)
        )
        for one in sorted({*left, *right}):
            if one in left and one in right:
                self.types(f"{path}/({one})", self.builders[0].type(one), self.builders[1].type(one))
            else:
                self.judged(
                    "type_removed" if one in left else "type_added", f"{path}/({one})", one if one in left else None,
                    one if one in right else None, one not in left, one not in right, "xsd.type.extension",
                )  # fmt: skip

    def globals(self, names: Iterable[str]) -> None:
        """Compare global elements that both sides have."""
        for one in names:
            if self._changed is not None and local(one) not in self._changed:
                continue
            self.elements(f"/{one}", self.builders[0].top(one), self.builders[1].top(one))


def _items(one: Complex) -> str | None:
    return None if one.items is None else "".join(one.items)


def name(one: Type) -> str:
    """Return what a type is called in a change."""
    if isinstance(one, Complex):
        return one.name or "complex type"
    if one.variety != "atomic":
        return one.variety if one.variety != "unknown" else one.base
    return clark(XSD, one.base)
