"""Trees of patterns as languages over classes of characters that all of them tell apart."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterator
from functools import lru_cache
from typing import Any

from schemas.diff.language import Pool, Term
from schemas.diff.xsd_chars import XML, Ranges
from schemas.diff.xsd_regex import tree


class Alphabet:
    """The classes of characters that some trees tell apart, and one sign of each."""

    def __init__(self, trees: list[Any]) -> None:
        """Look at every set of the trees."""
        self.pool = Pool()
        sets = sorted({ranges for tree in trees for ranges in _sets(tree)} | {XML})
        edges = sorted({edge for ranges in sets for low, high in ranges for edge in (low, high + 1)})
        self._sets = sets
        self._classes = classes = dict[tuple[bool, ...], int]()
        members: dict[Ranges, set[Hashable]] = {ranges: set() for ranges in sets}
        self._signs: list[str] = []
        for start in edges[:-1]:
            held = tuple(_has(ranges, start) for ranges in sets)
            if not any(held) or not _has(XML, start):
                continue
            if held not in classes:
                classes[held] = len(classes)
                self._signs.append(chr(start))
            for ranges, inside in zip(sets, held, strict=True):
                if inside:
                    members[ranges].add(classes[held])
        self._members = {ranges: frozenset(found) for ranges, found in members.items()}

    def atom(self, sign: str) -> Hashable:
        """Return the class of a character."""
        point = ord(sign)
        return self._classes.get(tuple(_has(ranges, point) for ranges in self._sets))

    def term(self, tree: Any) -> Term:
        """Return the language of one of the trees."""
        kind = tree[0]
        if kind == "set":
            return self.pool.atoms(self._members[tree[1]])
        if kind == "rep":
            return self.pool.rep(self.term(tree[1]), tree[2], tree[3])
        terms = [self.term(one) for one in tree[1]]
        if kind == "and":
            return self.pool.both(terms)
        return self.pool.seq(terms) if kind == "seq" else self.pool.alt(terms)

    def text(self, word: tuple[Hashable, ...]) -> str:
        """Return a text for a word."""
        return "".join(self._signs[atom] for atom in word if isinstance(atom, int))


def _sets(tree: Any) -> Iterator[Ranges]:
    if tree[0] == "set":
        yield tree[1]
    elif tree[0] == "rep":
        yield from _sets(tree[1])
    else:
        for one in tree[1]:
            yield from _sets(one)


def _has(ranges: Ranges, point: int) -> bool:
    at = bisect_right(ranges, (point, 0x110000)) - 1
    return at >= 0 and ranges[at][0] <= point <= ranges[at][1]


@lru_cache(maxsize=4096)
def _machine(step: frozenset[str]) -> tuple[Alphabet, Term] | None:
    trees = [tree(pattern) for pattern in sorted(step)]
    if any(one is None for one in trees):
        return None
    alphabet = Alphabet(trees)
    return alphabet, alphabet.term(("alt", trees))


def matched(step: frozenset[str], text: str) -> bool | None:
    """Tell whether one of some patterns matches a text; None when one of them is not understood."""
    machine = _machine(step)
    if machine is None:
        return None
    alphabet, term = machine
    for sign in text:
        term = alphabet.pool.after(term, alphabet.atom(sign))
    return term.nullable
