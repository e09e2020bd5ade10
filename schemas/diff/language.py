"""Regular languages by derivatives: whether every word of one is a word of another, and a word that is not.

A term is a node of a pool, so that equal terms are the same object. Atoms are what words are made of: names of elements
in a content model, classes of characters in a pattern. Bounds are counted down and never expanded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from typing import Any, Literal

Kind = Literal["none", "empty", "set", "seq", "alt", "rep", "all", "and"]
STEPS = 25_000


class Term:
    """One node; made by a pool only."""

    __slots__ = ("first", "kind", "nullable", "parts", "plain")

    def __init__(self, kind: Kind, parts: Any, first: frozenset[Hashable], *, nullable: bool, plain: bool) -> None:
        """Keep what it is made of, whether it has the empty word, which atoms begin its words, and that no `and` is in it."""
        self.kind, self.parts, self.first, self.nullable, self.plain = kind, parts, first, nullable, plain


class Pool:
    """Makes terms, and answers questions about them."""

    def __init__(self) -> None:
        """Begin with the languages of no word and of the empty word."""
        self._known: dict[tuple[Any, ...], Term] = {}
        self._derived: dict[tuple[Term, Hashable], Term] = {}
        self.none = Term("none", (), frozenset(), nullable=False, plain=True)
        self.empty = Term("empty", (), frozenset(), nullable=True, plain=True)

    def _make(self, kind: Kind, parts: Any, first: frozenset[Hashable], *, nullable: bool, plain: bool) -> Term:
        key = (kind, parts)
        if (found := self._known.get(key)) is None:
            found = self._known[key] = Term(kind, parts, first, nullable=nullable, plain=plain)
        return found

    def atoms(self, atoms: frozenset[Hashable]) -> Term:
        """Return the language of one atom out of a set."""
        return self._make("set", atoms, atoms, nullable=False, plain=True) if atoms else self.none

    def seq(self, terms: Iterable[Term]) -> Term:
        """Return one after the other."""
        flat: list[Term] = []
        for term in terms:
            if term is self.none:
                return term
            if term.kind == "seq":
                flat.extend(term.parts)
            elif term is not self.empty:
                flat.append(term)
        if len(flat) < 2:  # noqa: PLR2004 - one is itself
            return flat[0] if flat else self.empty
        return self._sequence(tuple(flat))

    def _sequence(self, parts: tuple[Term, ...]) -> Term:
        key = ("seq", parts)
        if found := self._known.get(key):
            return found
        first: frozenset[Hashable] = frozenset()
        for part in parts:
            first = first | part.first if first else part.first
            if not part.nullable:
                break
        nullable, plain = all(p.nullable for p in parts), all(p.plain for p in parts)
        return self._make("seq", parts, first, nullable=nullable, plain=plain)

    def alt(self, terms: Iterable[Term]) -> Term:
        """Return any of them."""
        flat: set[Term] = set()
        for term in terms:
            flat.update(term.parts if term.kind == "alt" else (term,))
        flat.discard(self.none)
        if any(t.nullable for t in flat if t is not self.empty):
            flat.discard(self.empty)
        sets = [t for t in flat if t.kind == "set"]
        if len(sets) > 1:
            flat.difference_update(sets)
            flat.add(self.atoms(frozenset().union(*(t.parts for t in sets))))
        if len(flat) < 2:  # noqa: PLR2004 - one is itself
            return next(iter(flat), self.none)
        first = frozenset[Hashable]().union(*(t.first for t in flat))
        nullable, plain = any(t.nullable for t in flat), all(t.plain for t in flat)
        return self._make("alt", frozenset(flat), first, nullable=nullable, plain=plain)

    def rep(self, term: Term, least: int, most: int | None) -> Term:
        """Return it `least` to `most` times; None is without end."""
        if term is self.empty or most == 0:
            return self.empty
        if term is self.none:
            return self.empty if least == 0 else self.none
        if term.nullable:
            least = 0
        if (least, most) == (1, 1):
            return term
        if (least, most) == (0, 1) and term.nullable:
            return term
        if term.kind == "rep" and term.parts[1] in (0, 1) and term.parts[2] is None and (least in (0, 1)):
            return self.rep(term.parts[0], min(least, term.parts[1]), None)
        return self._make("rep", (term, least, most), term.first, nullable=least == 0, plain=term.plain)

    def all(self, items: Iterable[tuple[Term, int, int | None]]) -> Term:
        """Return items in any order, each `least` to `most` times, between each other."""
        kept = frozenset(i for i in items if i[2] != 0 and i[0] not in (self.none, self.empty))
        if not kept:
            return self.empty
        first = frozenset[Hashable]().union(*(t.first for t, _, _ in kept))
        return self._make("all", kept, first, nullable=all(low == 0 for _, low, _ in kept), plain=True)

    def both(self, terms: Iterable[Term]) -> Term:
        """Return the words that all of them have."""
        flat: set[Term] = set()
        for term in terms:
            flat.update(term.parts if term.kind == "and" else (term,))
        if self.none in flat or not flat:
            return self.none
        if len(flat) == 1:
            return next(iter(flat))
        first = frozenset.intersection(*(t.first for t in flat))
        nullable = all(t.nullable for t in flat)
        if not first:
            return self.empty if nullable else self.none
        return self._make("and", frozenset(flat), first, nullable=nullable, plain=False)

    def after(self, term: Term, atom: Hashable) -> Term:
        """Return what may follow an atom."""
        if atom not in term.first:
            return self.none
        key = (term, atom)
        if (found := self._derived.get(key)) is None:
            found = self._derived[key] = self._after(term, atom)
        return found

    def _after(self, term: Term, atom: Hashable) -> Term:
        kind, parts = term.kind, term.parts
        if kind == "set":
            return self.empty
        if kind == "alt":
            return self.alt(self.after(t, atom) for t in parts)
        if kind == "and":
            return self.both(self.after(t, atom) for t in parts)
        if kind == "rep":
            inner, least, most = parts
            rest = self.rep(inner, max(least - 1, 0), None if most is None else most - 1)
            return self.seq((self.after(inner, atom), rest))
        if kind == "all":
            return self.alt(
                self.all((parts - {item}) | {(item[0], max(item[1] - 1, 0), None if item[2] is None else item[2] - 1)})
                for item in parts if atom in item[0].first
            )  # fmt: skip
        found = list[Term]()
        for at, part in enumerate(parts):
            if atom in part.first:
                found.append(self.seq((self.after(part, atom), *parts[at + 1 :])))
            if not part.nullable:
                break
        return found[0] if len(found) == 1 else self.alt(found)

    def within(self, sub: Term, sup: Term, steps: int = STEPS) -> tuple[bool | None, tuple[Hashable, ...]]:
        """Tell whether each word of `sub` is one of `sup`; if not, with one that is not.

        None: nobody knows after so many steps.
        """
        if surely(sub, sup):
            return True, ()
        waiting: deque[tuple[Term, Term]] = deque([(sub, sup)])
        came: dict[tuple[Term, Term], tuple[tuple[Term, Term], Hashable] | None] = {(sub, sup): None}
        while waiting:
            here = waiting.popleft()
            left, right = here
            if (left.nullable and not right.nullable) or (right is self.none and left.plain and left is not self.none):
                return False, _word(came, here) + (self.shortest(left) if right is self.none else ())
            for atom in left.first:
                steps -= 1
                if steps < 0:
                    return None, ()
                there = (self.after(left, atom), self.after(right, atom))
                if there not in came and there[0] is not self.none and there[0] is not there[1]:
                    came[there] = (here, atom)
                    waiting.append(there)
        return True, ()

    def shortest(self, term: Term, steps: int = STEPS) -> tuple[Hashable, ...]:
        """Return the shortest word of a language that has one; what was found of it when it takes too many steps."""
        waiting: deque[Term] = deque([term])
        came: dict[Any, Any] = {term: None}
        here = term
        while waiting and steps > 0:
            here = waiting.popleft()
            if here.nullable:
                break
            for atom in sorted(here.first, key=repr):
                steps -= 1
                there = self.after(here, atom)
                if there not in came:
                    came[there] = (here, atom)
                    waiting.append(there)
        return _word(came, here)


def _word(came: dict[Any, Any], here: Any) -> tuple[Hashable, ...]:
    atoms = list[Hashable]()
    while (step := came[here]) is not None:
        here, atom = step
        atoms.append(atom)
    return tuple(reversed(atoms))


def surely(sub: Term, sup: Term) -> bool:  # noqa: PLR0911 - one answer a kind
    """Tell whether the build of two terms alone proves that one lies within the other; False proves nothing."""
    if sub is sup or sub.kind == "none":
        return True
    if sub.kind == "empty":
        return sup.nullable
    if sub.kind == "alt":
        return all(surely(one, sup) for one in sub.parts)
    if sub.kind == "set" and sup.kind == "set":
        return bool(sub.parts <= sup.parts)
    if sup.kind == "alt":
        return any(surely(sub, one) for one in sup.parts)
    if sup.kind == "rep":
        return _repeated(sub, sup)
    if sup.kind == "seq":
        return _aligned(sub.parts if sub.kind == "seq" else (sub,), sup.parts)
    if sup.kind == "all" and sub.kind == "all":
        return _beside(sub.parts, sup.parts)
    return False


def _repeated(sub: Term, sup: Term) -> bool:
    inner, least, most = sup.parts
    if sub.kind == "rep":
        one, low, high = sub.parts
        fits = least <= low and (most is None or (high is not None and high <= most))
        return bool(fits) and surely(one, inner)
    return bool(least <= 1) and surely(sub, inner)


def _aligned(sub: tuple[Term, ...], sup: tuple[Term, ...]) -> bool:
    at = 0
    for one in sub:
        while at < len(sup) and not surely(one, sup[at]):
            if not sup[at].nullable:
                return False
            at += 1
        if at == len(sup):
            return False
        at += 1
    return all(rest.nullable for rest in sup[at:])


def _beside(sub: frozenset[Any], sup: frozenset[Any]) -> bool:
    offered = {term: (low, high) for term, low, high in sup}
    if len(offered) < len(sup):
        return False
    for term, low, high in sub:
        if term not in offered:
            return False
        least, most = offered.pop(term)
        if low < least or (most is not None and (high is None or high > most)):
            return False
    return all(low == 0 for low, _ in offered.values())
