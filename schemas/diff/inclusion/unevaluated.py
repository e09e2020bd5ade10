"""unevaluatedProperties and unevaluatedItems: what is left over depends on which sub-schemas hold, so cases are split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.diff.inclusion import containers
from schemas.diff.inclusion.terms import Claim, Keys, Node, both, either
from schemas.diff.inclusion.vocabulary import REFERENCES

if TYPE_CHECKING:
    from schemas.diff.inclusion.search import Search

CASES = 32


class _Case(NamedTuple):
    """What holds in one case, and what has been looked at then: None is everything."""

    holds: tuple[Claim, ...] = ()
    keys: Keys | None = Keys()
    first: int | None = 0
    contained: tuple[Node, ...] = ()


class _TooMany(Exception):
    """Raised when the cases are too many, or lead out of the document."""


def properties(search: Search, node: Node, raw: Any) -> tuple[Claim, Claim]:
    """Return the claims that properties nobody looked at obey a schema."""
    rest = search.below(node, raw)
    pairs = []
    for case in _split(search, node):
        if case is None:
            return _opaque(node)
        obeyed: tuple[Claim, Claim] = (True, False)
        if case.keys is not None:
            obeyed = containers.every(search, case.keys._replace(others=True), rest)
        pairs.append((case, obeyed))
    return _joined(pairs)


def items(search: Search, node: Node, raw: Any) -> tuple[Claim, Claim]:
    """Return the claims that items nobody looked at obey a schema."""
    pairs = []
    for case in _split(search, node):
        if case is None:
            return _opaque(node)
        rest = search.below(node, raw)
        if case.contained:
            rest = search.union([rest, *case.contained])
        obeyed: tuple[Claim, Claim] = (True, False)
        if case.first is not None:
            obeyed = containers.items(search, case.first, None, rest)
        pairs.append((case, obeyed))
    return _joined(pairs)


def _joined(pairs: list[tuple[_Case, tuple[Claim, Claim]]]) -> tuple[Claim, Claim]:
    """Return unions over the cases: they exclude each other and leave none out."""
    return (
        either(both([*case.holds, obeyed[0]]) for case, obeyed in pairs),
        either(both([*case.holds, obeyed[1]]) for case, obeyed in pairs),
    )


def _opaque(node: Node) -> tuple[Claim, Claim]:
    text = f"unevaluated {node.document.text(node.place.raw, node.place.base)}"
    return ("fact", "opaque", text, True), ("fact", "opaque", text, False)


def _split(search: Search, node: Node) -> list[_Case | None]:
    try:
        return list(_cases(search, node, own=True, depth=0))
    except _TooMany:
        return [None]


def _cases(search: Search, node: Node, *, own: bool, depth: int) -> list[_Case]:
    raw, document = node.place.raw, node.document
    if isinstance(raw, bool):
        return [_Case()]
    if depth > CASES:
        raise _TooMany
    cases = [_looked_at(search, node, own=own)]
    for parts in _applied(search, node, depth):
        cases = [_merged(a, b) for a in cases for b in parts]
        if len(cases) > CASES:
            raise _TooMany
    if any(document.active(raw, word) for word in ("dependentSchemas", "dependencies")):
        raise _TooMany
    return cases


def _looked_at(search: Search, node: Node, *, own: bool) -> _Case:
    raw, document = node.place.raw, node.document
    swallows = not own and document.active(raw, "unevaluatedProperties")
    keys = None if containers.additional(node) is not None or swallows else containers.declared(node)
    first: int | None = len(containers.prefix(node))
    if containers.remaining(node) is not None or (not own and document.active(raw, "unevaluatedItems")):
        first = None
    contains = document.active(raw, "contains") and document.draft in {None, 2020}
    return _Case((), keys, first, (search.below(node, raw["contains"]),) if contains else ())


def _applied(search: Search, node: Node, depth: int) -> Iterator[list[_Case]]:
    """Yield the cases of each part that judges the same document."""
    raw, document = node.place.raw, node.document
    for word in REFERENCES:
        if document.active(raw, word):
            target = document.follow(word, raw[word], node.place.base)
            if target is None:
                raise _TooMany
            yield _cases(search, search.node(document, target.raw, target.base), own=False, depth=depth + 1)
    for branch in raw["allOf"] if document.active(raw, "allOf") else ():
        yield _cases(search, search.below(node, branch), own=False, depth=depth + 1)
    for word in ("anyOf", "oneOf"):
        for branch in raw[word] if document.active(raw, word) else ():
            part = search.below(node, branch)
            yield [*_when(part, _cases(search, part, own=False, depth=depth + 1)), _Case((("node", part, False),))]
    if document.active(raw, "if"):
        yield _conditional(search, node, depth)


def _conditional(search: Search, node: Node, depth: int) -> list[_Case]:
    raw = node.place.raw
    test = search.below(node, raw["if"])
    then, other = (search.below(node, raw.get(word, True)) for word in ("then", "else"))
    tested = _cases(search, test, own=False, depth=depth + 1)
    thens = _cases(search, then, own=False, depth=depth + 1)
    others = _cases(search, other, own=False, depth=depth + 1)
    fails = _Case((("node", test, False),))
    return [*_when(test, [_merged(a, b) for a in tested for b in thens]), *(_merged(fails, b) for b in others)]


def _when(node: Node, cases: list[_Case]) -> list[_Case]:
    return [case._replace(holds=(("node", node, True), *case.holds)) for case in cases]


def _merged(one: _Case, two: _Case) -> _Case:
    keys = None
    if one.keys is not None and two.keys is not None:
        patterns = tuple(sorted({*one.keys.patterns, *two.keys.patterns}))
        keys = Keys(one.keys.names | two.keys.names, patterns)
    first = None if one.first is None or two.first is None else max(one.first, two.first)
    return _Case(one.holds + two.holds, keys, first, one.contained + two.contained)
