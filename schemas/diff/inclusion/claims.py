"""What a schema claims of a document of one type, keyword by keyword, and what its refusal claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from schemas.diff.inclusion.containers import of_array, of_object
from schemas.diff.inclusion.disjoint import apart
from schemas.diff.inclusion.formats import NUMBERS, TEXTS
from schemas.diff.inclusion.terms import Claim, Node, atom, both, either, kind_of, number
from schemas.diff.inclusion.vocabulary import REFERENCES
from schemas.diff.model import BadDocument

if TYPE_CHECKING:
    from schemas.diff.inclusion.search import Search

_WRITTEN = 4  # the draft in which 1.0 is no integer: later ones ask for the value, it asked for how it is written
Pair = tuple[Claim, Claim]  # what holds when a keyword is obeyed, and when it is not


def claim(search: Search, node: Node, kind: str, sign: bool) -> Claim:  # noqa: FBT001 - a sign is a value
    """Return what is claimed of a document of a type that a schema accepts, or refuses."""
    known = node.claims.get((kind, sign))
    if known is None:
        raw = node.place.raw
        if isinstance(raw, bool):
            known = raw is sign
        else:
            pairs = [p for p in _pairs(search, node, kind) if p[0] is not True]
            known = both(p[0] for p in pairs) if sign else either(p[1] for p in pairs)
        node.claims[kind, sign] = known
    return known


def _pairs(search: Search, node: Node, kind: str) -> Iterator[Pair]:
    raw, document = node.place.raw, node.document
    for word, rule in _RULES.items():
        if document.active(raw, word):
            yield rule(search, node, kind, raw[word])
    yield from _references(search, node)
    if kind in _OF_TYPE:
        yield from _OF_TYPE[kind](search, node)


def opaque(text: str) -> Pair:
    """Return the claims of a limit that is not understood: only its equal contradicts it."""
    return ("fact", "opaque", text, True), ("fact", "opaque", text, False)


def of_node(node: Node) -> Pair:
    """Return the claims of a schema that judges the document itself."""
    return ("node", node, True), ("node", node, False)


def _references(search: Search, node: Node) -> Iterator[Pair]:
    raw, document = node.place.raw, node.document
    for word in REFERENCES:
        if document.active(raw, word):
            target = document.follow(word, raw[word], node.place.base)
            if target is None:
                yield opaque(f"{word} {raw[word]}")
            else:
                yield of_node(search.node(document, target.raw, target.base))


def _type(_search: Search, node: Node, kind: str, word: Any) -> Pair:
    words = {word} if isinstance(word, str) else set(word)
    if node.document.dialect == "openapi" and node.place.raw.get("nullable") is True:
        words.add("null")
    if "any" in words or kind in words:
        return True, False
    if kind == "number" and "integer" in words:
        whole = ("fact", "whole", number(1))
        if node.document.draft == _WRITTEN:
            return both([(*whole, True), ("fact", "plain", True)]), ("fact", "plain", False)
        return (*whole, True), (*whole, False)
    return False, True


def _enum(search: Search, node: Node, kind: str, values: Any) -> Pair:
    if not isinstance(values, list):
        raise BadDocument(f"{node.place.address}/enum: a list of values")
    mine = [v for v in values if kind_of(v) == kind]
    if not mine:
        return False, True
    if kind not in {"object", "array"}:
        atoms = frozenset(map(atom, mine))
        return ("fact", "in", atoms), ("fact", "out", atoms)
    equal = [_equal(search, kind, v) for v in mine]
    return either(e[0] for e in equal), both(e[1] for e in equal)


def _const(search: Search, node: Node, kind: str, value: Any) -> Pair:
    return _enum(search, node, kind, [value])


def _equal(search: Search, kind: str, value: Any) -> Pair:
    """Return the claims of being one object or list: its size, and each of its values."""
    if kind == "object":
        raw = {
            "required": list(value),
            "properties": {k: {"const": v} for k, v in value.items()},
            "additionalProperties": False,
        }
    else:
        raw = {"minItems": len(value), "maxItems": len(value), "prefixItems": [{"const": v} for v in value]}
    return of_node(search.made(raw))


def _all(search: Search, node: Node, _kind: str, branches: Any) -> Pair:
    parts = [of_node(search.below(node, b)) for b in branches]
    return both(p[0] for p in parts), either(p[1] for p in parts)


def _any(search: Search, node: Node, _kind: str, branches: Any) -> Pair:
    parts = [of_node(search.below(node, b)) for b in branches]
    return either(p[0] for p in parts), both(p[1] for p in parts)


def _one(search: Search, node: Node, _kind: str, branches: Any) -> Pair:
    parts = [of_node(search.below(node, b)) for b in branches]
    pairs = [] if apart(node, branches) else [(i, j) for j in range(len(parts)) for i in range(j)]
    alone = both(either([parts[i][1], parts[j][1]]) for i, j in pairs)
    two = either(both([parts[i][0], parts[j][0]]) for i, j in pairs)
    return both([either(p[0] for p in parts), alone]), either([both(p[1] for p in parts), two])


def _not(search: Search, node: Node, _kind: str, word: Any) -> Pair:
    accepted, refused = of_node(search.below(node, word))
    return refused, accepted


def _if(search: Search, node: Node, _kind: str, word: Any) -> Pair:
    raw = node.place.raw
    holds, fails = of_node(search.below(node, word))
    then, not_then = of_node(search.below(node, raw.get("then", True)))
    other, not_other = of_node(search.below(node, raw.get("else", True)))
    return (
        both([either([fails, then]), either([holds, other])]),
        either([both([holds, not_then]), both([fails, not_other])]),
    )


_RULES: Mapping[str, Callable[[Search, Node, str, Any], Pair]] = {
    "type": _type, "enum": _enum, "const": _const, "allOf": _all, "anyOf": _any, "oneOf": _one, "not": _not, "if": _if,
}  # fmt: skip


def _of_number(_search: Search, node: Node) -> Iterator[Pair]:
    raw = node.place.raw
    for word, other, low in (("minimum", "exclusiveMinimum", True), ("maximum", "exclusiveMaximum", False)):
        mine, theirs = ("over", "under") if low else ("under", "over")
        strict = raw.get(other)
        if word in raw and node.document.active(raw, word):
            limit = number(raw[word])
            yield ("fact", mine, limit, strict is True), ("fact", theirs, limit, strict is not True)
        if other in raw and not isinstance(strict, bool) and node.document.active(raw, other):
            yield ("fact", mine, number(raw[other]), True), ("fact", theirs, number(raw[other]), False)
    if node.document.active(raw, "multipleOf"):
        step = number(raw["multipleOf"])
        if step > 0:
            yield ("fact", "whole", step, True), ("fact", "whole", step, False)
    if node.document.typed and raw.get("format") in NUMBERS and node.document.active(raw, "format"):
        least, most = NUMBERS[raw["format"]]
        yield ("fact", "over", least, False), ("fact", "under", least, True)
        yield ("fact", "under", most, False), ("fact", "over", most, True)


def sized(node: Node, least: str, most: str) -> Iterator[Pair]:
    """Yield the claims of a smallest and a largest length."""
    raw, document = node.place.raw, node.document
    if document.active(raw, least) and (low := -(-number(raw[least]) // 1)) > 0:
        yield ("fact", "least", low), ("fact", "most", low - 1)
    if document.active(raw, most):
        high = number(raw[most]) // 1
        yield (("fact", "most", high) if high >= 0 else False), ("fact", "least", high + 1)


def _of_string(_search: Search, node: Node) -> Iterator[Pair]:
    raw = node.place.raw
    yield from sized(node, "minLength", "maxLength")
    for word in ("pattern", "format"):
        if node.document.active(raw, word) and (word == "pattern" or node.document.formats):
            yield ("fact", word, raw[word], True), ("fact", word, raw[word], False)
    if node.document.typed and raw.get("format") in TEXTS and node.document.active(raw, "format"):
        yield ("fact", "pattern", TEXTS[raw["format"]], True), ("fact", "pattern", TEXTS[raw["format"]], False)


def _of_array(search: Search, node: Node) -> Iterator[Pair]:
    yield from sized(node, "minItems", "maxItems")
    yield from of_array(search, node)


def _of_object(search: Search, node: Node) -> Iterator[Pair]:
    yield from sized(node, "minProperties", "maxProperties")
    yield from of_object(search, node)


_OF_TYPE: Mapping[str, Callable[[Search, Node], Iterator[Pair]]] = {
    "number": _of_number, "string": _of_string, "array": _of_array, "object": _of_object,
}  # fmt: skip
