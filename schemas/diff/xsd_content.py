"""Two content models as languages over names of elements, and how often each name may come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any

from schemas.diff.language import Pool, Term
from schemas.diff.xml import local, space_of
from schemas.diff.xsd_build import Builder
from schemas.diff.xsd_model import PROCESSED, Element, Particle, Wild

_ELSEWHERE = "##elsewhere"
Counts = dict[str, tuple[int, int | None]]


def each(particle: Particle | None) -> Iterator[Particle]:
    """Yield a particle and all within it."""
    waiting = [particle] if particle is not None else []
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(one.parts)


def elements(particle: Particle | None) -> dict[str, list[Element]]:
    """Return the elements of a content model by name; those of one name have one type, and may differ in what else is said."""
    found: dict[str, list[Element]] = {}
    for one in each(particle):
        if one.element is not None and not one.element.abstract:
            same = found.setdefault(one.element.name, [])
            if all(said(one.element) != said(other) for other in same):
                same.append(one.element)
    return found


def said(one: Element) -> tuple[Any, ...]:
    """Return what a declaration says beside its type."""
    return one.nillable, one.default, one.fixed, one.constraints


def wilds(particle: Particle | None) -> set[Wild]:
    """Return the wildcards of a content model."""
    return {one.wild for one in each(particle) if one.wild is not None}


def unknown(particle: Particle | None) -> bool:
    """Tell whether a part of a content model is not here."""
    return any(one.kind == "unknown" for one in each(particle))


def kinds(particle: Particle | None) -> Counter[str]:
    """Return how often each way of combining parts is used where it combines any."""
    return Counter(one.kind for one in each(particle) if len(one.parts) > 1)


def counts(particle: Particle | None) -> Counts:
    """Return the least and the greatest number of times that each element comes."""
    if particle is None:
        return {}
    if particle.kind == "element" and particle.element is not None:
        inner: Counts = {} if particle.element.abstract else {particle.element.name: (1, 1)}
    else:
        inner = _combined(particle)
    return {
        name: (low * particle.least, None if high is None or particle.most is None else high * particle.most)
        for name, (low, high) in inner.items()
    }


def _combined(particle: Particle) -> Counts:
    found: Counts = {}
    parts = [counts(part) for part in particle.parts]
    for one in parts:
        for name, (low, high) in one.items():
            if particle.kind == "choice":
                least = low if all(name in other for other in parts) else 0
                before = found.get(name, (least, high))
                most = None if high is None or before[1] is None else max(high, before[1])
                found[name] = (min(least, before[0]), most)
            else:
                before = found.get(name, (0, 0))
                found[name] = (before[0] + low, None if high is None or before[1] is None else before[1] + high)
    return found


class Models:
    """Makes terms of two content models that can be compared."""

    def __init__(self, old: Particle | None, new: Particle | None, builders: tuple[Builder, Builder]) -> None:
        """Look which names and namespaces they tell apart."""
        self.pool = Pool()
        self._sides = old, new
        self._builders = builders
        self._known = [set(elements(side)) for side in self._sides]
        self._wilds = [wilds(side) for side in self._sides]
        self._wild = any(self._wilds)
        names = set().union(*self._known)
        self._names: dict[str, set[str]] = {}
        for name in names:
            self._names.setdefault(space_of(name), set()).add(name)
        for wild in set().union(*self._wilds):
            for space in wild.spaces:
                self._names.setdefault(space, set())

    def term(self, side: int, *, ignored: bool = False) -> Term:
        """Return a side's language; `ignored`: without the names that the other side does not know."""
        return self._term(self._sides[side], side, ignored=ignored)

    def _term(self, particle: Particle | None, side: int, *, ignored: bool) -> Term:
        pool = self.pool
        if particle is None:
            return pool.empty
        if particle.kind == "all":
            return self._all(particle, side, ignored=ignored)
        if particle.kind == "element":
            inner = self._element(particle.element, side, ignored=ignored)
        elif particle.kind == "any":
            assert particle.wild is not None
            inner = (
                pool.empty if ignored and not self._wilds[1 - side] else pool.atoms(self._taken(particle.wild, side))
            )
        elif particle.kind == "unknown":
            inner = pool.atoms(frozenset({("unknown", particle.name)}))
        else:
            terms = [self._term(part, side, ignored=ignored) for part in particle.parts]
            inner = pool.alt(terms) if particle.kind == "choice" else pool.seq(terms)
        return pool.rep(inner, particle.least, particle.most)

    def _all(self, particle: Particle, side: int, *, ignored: bool) -> Term:
        items = [(self._term(_once(part), side, ignored=ignored), part.least, part.most) for part in particle.parts]
        if any(term.kind not in {"set", "empty", "none"} for term, _, _ in items):
            inner = self.pool.atoms(frozenset({("unknown", "all")}))  # a group within all, of XML Schema 1.1
        else:
            inner = self.pool.all(items)
        return self.pool.alt((inner, self.pool.empty)) if particle.least == 0 else inner

    def _element(self, element: Element | None, side: int, *, ignored: bool) -> Term:
        if element is None or element.abstract:
            return self.pool.none
        if ignored and element.name not in self._known[1 - side] and not self._wilds[1 - side]:
            return self.pool.empty
        return self.pool.atoms(frozenset({(element.name, "typed") if self._wild else element.name}))

    def _taken(self, wild: Wild, side: int) -> frozenset[Hashable]:
        levels, found = PROCESSED.get(wild.process, ("strict",)), set[Hashable]()
        declared = self._builders[side].components.elements
        if wild.others:
            found.update((_ELSEWHERE, level) for level in levels)
        for space, names in self._names.items():
            if wild.takes(space):
                found.update((f"{{{space}}}*", level) for level in levels)
                found.update((name, level) for name in names for level in levels)
                found.update((name, "typed") for name in names if wild.process != "strict" or name in declared)
        return frozenset(found)


def _once(particle: Particle) -> Particle:
    return Particle(particle.kind, 1, 1, particle.parts, particle.element, particle.wild, particle.name)


def words(word: tuple[Hashable, ...]) -> str:
    """Return a sequence of elements for people, without namespaces."""
    names = [atom[0] if isinstance(atom, tuple) else atom for atom in word]
    return " ".join(local(str(name)) for name in names)
