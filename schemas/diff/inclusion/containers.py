"""What a schema claims of a list and of an object: of the values in it, and of its property names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from schemas.diff.inclusion import unevaluated
from schemas.diff.inclusion.terms import Claim, Keys, Node, both, either, number

if TYPE_CHECKING:
    from schemas.diff.inclusion.search import Search

Pair = tuple[Claim, Claim]


def every(search: Search, keys: Keys, node: Node) -> Pair:
    """Return the claims that all values under keys of a set obey a schema."""
    if node is search.anything:
        return True, False
    return ("fact", "every", keys, (node, True)), ("fact", "some", keys, (node, False))


def has(search: Search, name: str) -> Pair:
    """Return the claims that a property is there."""
    keys = Keys(frozenset([name]))
    return ("fact", "some", keys, (search.anything, True)), ("fact", "every", keys, (search.nothing, True))


def items(search: Search, start: int, end: int | None, node: Node) -> Pair:
    """Return the claims that all values between two places obey a schema."""
    if node is search.anything:
        return True, False
    return ("fact", "items", start, end, (node, True)), ("fact", "item", start, end, (node, False))


def of_array(search: Search, node: Node) -> Iterator[Pair]:
    """Yield the claims of a schema about a list, but for its length."""
    raw, document = node.place.raw, node.document
    first = prefix(node)
    for i, item in enumerate(first):
        yield items(search, i, i + 1, search.below(node, item))
    rest = remaining(node)
    if rest is not None:
        yield items(search, len(first), None, search.below(node, rest))
    if document.active(raw, "contains"):
        yield from _contains(search, node, search.below(node, raw["contains"]))
    if raw.get("uniqueItems") is True and document.active(raw, "uniqueItems"):
        yield ("fact", "unique", True), ("fact", "unique", False)
    if document.active(raw, "unevaluatedItems"):
        yield unevaluated.items(search, node, raw["unevaluatedItems"])


def prefix(node: Node) -> list[Any]:
    """Return the schemas of a list's first items."""
    raw, document = node.place.raw, node.document
    if isinstance(raw.get("items"), list) and document.active(raw, "items"):
        return list(raw["items"])
    return list(raw["prefixItems"]) if document.active(raw, "prefixItems") else []


def remaining(node: Node) -> Any:
    """Return the schema of all items after the first ones, or None."""
    raw, document = node.place.raw, node.document
    word = "additionalItems" if isinstance(raw.get("items"), list) else "items"
    return raw[word] if document.active(raw, word) else None


def _contains(search: Search, node: Node, wanted: Node) -> Iterator[Pair]:
    raw, new = node.place.raw, node.document.draft in {None, 2019, 2020}
    low = int(-(-number(raw.get("minContains", 1)) // 1)) if new else 1
    if low > 0:
        yield at_least(search, low, wanted), at_most(search, low - 1, wanted)
    if new and "maxContains" in raw:
        high = int(number(raw["maxContains"]) // 1)
        yield at_most(search, high, wanted), at_least(search, high + 1, wanted)


def at_least(search: Search, count: int, node: Node) -> Claim:
    """Return the claim that so many items or more obey a schema."""
    if node is search.anything:
        return ("fact", "least", count)
    return ("fact", "item", 0, None, (node, True)) if count == 1 else ("fact", "atleast", count, node)


def at_most(search: Search, count: int, node: Node) -> Claim:
    """Return the claim that so many items or fewer obey a schema."""
    if node is search.anything:
        return ("fact", "most", count)
    return ("fact", "items", 0, None, (node, False)) if count == 0 else ("fact", "atmost", count, node)


def of_object(search: Search, node: Node) -> Iterator[Pair]:
    """Yield the claims of a schema about an object, but for its size."""
    raw, document = node.place.raw, node.document
    for name, item in _named(node, "properties").items():
        yield every(search, Keys(frozenset([name])), search.below(node, item))
        if document.draft is None and isinstance(item, Mapping) and item.get("required") is True:
            yield has(search, name)  # as draft 3 had it, and many a document without a draft still has
    for pattern, item in _named(node, "patternProperties").items():
        yield every(search, Keys(patterns=(pattern,)), search.below(node, item))
    rest = additional(node)
    if rest is not None:
        yield every(search, declared(node)._replace(others=True), search.below(node, rest))
    required = raw.get("required")
    if isinstance(required, list) and document.active(raw, "required"):
        mine = node.place.raw.get("properties") if node.document.foreign else None
        known = mine if isinstance(mine, Mapping) else {}
        yield from (has(search, name) for name in required if not _foreign(node, known.get(name)))
    if document.active(raw, "propertyNames"):
        names = Keys(nodes=(search.below(node, raw["propertyNames"]),), others=True)
        yield every(search, names, search.nothing)
    yield from _dependent(search, node)
    if document.active(raw, "unevaluatedProperties"):
        yield unevaluated.properties(search, node, raw["unevaluatedProperties"])


def _named(node: Node, word: str) -> Mapping[str, Any]:
    found = node.place.raw.get(word)
    if not isinstance(found, Mapping) or not node.document.active(node.place.raw, word):
        return {}
    if word == "properties" and node.document.foreign:
        return {name: item for name, item in found.items() if not _foreign(node, item)}
    return found


def _foreign(node: Node, item: Any) -> bool:
    """Tell whether a property never travels this way, as it says itself or what it refers to says."""
    for _ in range(20):
        if not isinstance(item, Mapping) or item.get(node.document.foreign) is True:
            break
        if (target := node.document.follow("$ref", item.get("$ref"), node.place.base)) is None:
            return False
        item = target.raw
    return isinstance(item, Mapping) and item.get(node.document.foreign) is True


def declared(node: Node) -> Keys:
    """Return the property names that a schema speaks of itself."""
    return Keys(frozenset(_named(node, "properties")), tuple(sorted(_named(node, "patternProperties"))))


def additional(node: Node) -> Any:
    """Return the schema of all properties not spoken of, or None."""
    raw = node.place.raw
    if node.document.active(raw, "additionalProperties"):
        return raw["additionalProperties"]
    closes = node.document.closed and "properties" in raw and "unevaluatedProperties" not in raw
    return False if closes else None


def _dependent(search: Search, node: Node) -> Iterator[Pair]:
    for word in ("dependencies", "dependentRequired", "dependentSchemas"):
        for name, needs in _named(node, word).items():
            there, absent = has(search, name)
            if isinstance(needs, list):
                parts = [has(search, other) for other in needs]
                obeyed, broken = both(p[0] for p in parts), either(p[1] for p in parts)
            else:
                other = search.below(node, needs)
                obeyed, broken = ("node", other, True), ("node", other, False)
            yield either([absent, obeyed]), both([there, broken])
