"""Compare what two snapshots say of a map service: properties by their values, geometry, reference systems, limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.diff.model import UNDECIDED, BadDocument, Change, Effect, Policy
from schemas.diff.xsd_builtin import COLLAPSE, PRESERVE
from schemas.diff.xsd_simple import Simple
from schemas.diff.xsd_values import included
from schemas.snapshot.ogc import WORDS, collections

NONE, INFO, WARN, BREAKING = Effect.none, Effect.info, Effect.warn, Effect.breaking
Facts = Mapping[str, Any]
_ABOVE = {
    "Point": "MultiPoint", "LineString": "MultiLineString", "Polygon": "MultiPolygon", "MultiPoint": "GeometryCollection",
    "MultiLineString": "GeometryCollection", "MultiPolygon": "GeometryCollection", "GeometryCollection": "Geometry",
}  # fmt: skip
_TEMPORAL = {"date": "date", "date-time": "dateTime", "time": "time"}


def diff(old: Any, new: Any, policy: Policy) -> Iterable[Change]:
    """Return what differs between two snapshots of services; BadDocument when one of them is none."""
    left, right = collections(old, "old"), collections(new, "new")
    for name in sorted({*left, *right}):
        if name not in right:
            yield Change("collection_removed", name, name, None, BREAKING, BREAKING, "ogc.collection.remove")
        elif name not in left:
            yield Change("collection_added", name, None, name, INFO, NONE, "ogc.collection.add")
        else:
            yield from _properties(name, left[name].get("properties", {}), right[name].get("properties", {}), policy)
            yield from _geometry(name, left[name].get("geometry") or {}, right[name].get("geometry") or {})
            yield from _besides(name, left[name].get("geometry") or {}, right[name].get("geometry") or {})
            yield from _service(name, left[name], right[name])


def _properties(path: str, left: Facts, right: Facts, policy: Policy) -> Iterator[Change]:
    spared = policy.content_model == "open"
    for name in sorted({*left, *right}):
        where = f"{path}/{name}"
        if name not in left:
            needed = bool(right[name].get("required"))
            reader = INFO if spared else BREAKING
            rule = f"ogc.property.add{'.required' if needed else ''}"
            yield Change(
                "property_added", where, None, right[name].get("type"), reader, BREAKING if needed else NONE, rule
            )
        elif name not in right:
            reader = BREAKING if left[name].get("required") else NONE
            writer = INFO if spared else BREAKING
            yield Change("property_removed", where, left[name].get("type"), None, reader, writer, "ogc.property.remove")
        else:
            yield from _property(where, left[name], right[name], policy)


def _property(path: str, old: Facts, new: Facts, policy: Policy) -> Iterator[Change]:
    for word, more in (("required", False), ("nullable", True), ("many", True)):
        before, after = bool(old.get(word)), bool(new.get(word))
        if before != after:
            reader, writer = (BREAKING, NONE) if after == more else (NONE, BREAKING)
            yield Change(f"{word}_changed", path, before, after, reader, writer, f"ogc.{word}")
    shown = [{word: facts[word] for word in WORDS if word in facts} for facts in (old, new)]
    if shown[0] == shown[1]:
        return
    left, right = _simple(path, old), _simple(path, new)
    fits = _fits(right, new, left, old), _fits(left, old, right, new)
    reader, writer = (NONE if fit else WARN if fit is None else BREAKING for fit in fits)
    values = "enum" in old and "enum" in new and fits[0] is False
    if values and policy.enum == "extensible" and left is not None and right is not None and _alike(old, new):
        reader = WARN
    if reader or writer:
        yield Change(
            "type_changed", path, shown[0], shown[1], reader, writer, f"ogc.type{UNDECIDED if None in fits else ''}"
        )


def _fits(sub: Simple | None, one: Facts, sup: Simple | None, other: Facts) -> bool | None:
    """Tell whether each value of one property is one of another's: a number is no text, however it is written."""
    if sub is None or sup is None:
        return None
    kinds = one.get("type"), other.get("type")
    return included(sub, sup) if kinds[0] == kinds[1] or kinds == ("integer", "number") else False


def _alike(old: Facts, new: Facts) -> bool:
    return {w: old.get(w) for w in WORDS if w != "enum"} == {w: new.get(w) for w in WORDS if w != "enum"}


def _simple(path: str, facts: Facts) -> Simple | None:
    """Return a property's values as a simple type; None when its words say more than that."""
    kind, form = facts.get("type"), facts.get("format")
    if kind not in ("string", "integer", "number", "boolean"):
        return None
    base = _TEMPORAL.get(str(form), "string") if kind == "string" else {"number": "decimal"}.get(str(kind), str(kind))
    steps = frozenset[frozenset[str]]()
    if (pattern := facts.get("pattern")) is not None:
        if not isinstance(pattern, str):
            raise BadDocument(f"{path}: pattern: a text")
        body = pattern.removeprefix("^").removesuffix("$")
        whole = f"{'' if pattern.startswith('^') else '.*'}({_ungrouped(body)}){'' if pattern.endswith('$') else '.*'}"
        steps = frozenset({frozenset({whole})})
    values = facts.get("enum")
    return Simple(
        base=base, space=PRESERVE if base == "string" else COLLAPSE, steps=steps, low=_edge(facts.get("minimum")),
        high=_edge(facts.get("maximum")), least=facts.get("minLength") or 0, most=facts.get("maxLength"),
        values=None if values is None else frozenset("true" if v is True else "false" if v is False else str(v) for v in values),
    )  # fmt: skip


def _ungrouped(pattern: str) -> str:
    return pattern.replace("(?:", "(")


def _edge(value: Any) -> tuple[str, bool] | None:
    return None if value is None else (str(value), True)


def _geometry(path: str, old: Facts, new: Facts) -> Iterator[Change]:
    for word, rule in (("property", "ogc.geometry.property"), ("type", "ogc.geometry.type")):
        before, after = old.get(word), new.get(word)
        if before == after:
            continue
        reader = writer = BREAKING
        if word == "type" and before is not None and after is not None:
            reader = NONE if _within(after, before) else BREAKING
            writer = NONE if _within(before, after) else BREAKING
        yield Change(
            "geometry_changed",
            f"{path}/{old.get('property') or new.get('property')}",
            before,
            after,
            reader,
            writer,
            rule,
        )


def _besides(path: str, old: Facts, new: Facts) -> Iterator[Change]:
    """Yield what is said of a geometry besides its name and kind, its dimensions say; nobody knows what its change does."""
    for word in sorted({*old, *new} - {"property", "type"}):
        if old.get(word) != new.get(word):
            rule = f"ogc.geometry{UNDECIDED}"
            yield Change("geometry_changed", f"{path}/{word}", old.get(word), new.get(word), WARN, WARN, rule)


def _within(one: str | None, other: str) -> bool:
    while one is not None and one != other:
        one = _ABOVE.get(one)
    return one == other


def _service(path: str, old: Facts, new: Facts) -> Iterator[Change]:
    """Judge what is silent: another order of axes swaps longitude and latitude, and no request fails."""
    before, after = old.get("crs") or {}, new.get("crs") or {}
    for word, rule in (("default", "ogc.crs.default"), ("axis_order", "ogc.axis_order")):
        if before.get(word) != after.get(word):
            yield Change("crs_changed", path, before.get(word), after.get(word), BREAKING, BREAKING, rule)
    yield from _listed(path, "crs", before.get("supported", ()), after.get("supported", ()))
    yield from _listed(path, "format", old.get("formats", ()), new.get("formats", ()))
    yield from _listed(path, "queryable", old.get("queryables", ()), new.get("queryables", ()))
    if old.get("id") != new.get("id"):
        yield Change("id_changed", path, old.get("id"), new.get("id"), BREAKING, BREAKING, "ogc.id")
    limits = old.get("page_limit") or {}, new.get("page_limit") or {}
    for word in ("default", "maximum"):
        low, high = limits[0].get(word), limits[1].get(word)
        if low != high:
            effect = INFO if low is not None and (high is None or high > low) else WARN
            yield Change("page_limit_changed", path, low, high, effect, NONE, f"ogc.page_limit.{word}")


def _listed(path: str, word: str, left: Iterable[str], right: Iterable[str]) -> Iterator[Change]:
    before, after = set(left), set(right)
    for one in sorted(before - after):
        yield Change(f"{word}_removed", path, one, None, BREAKING, NONE, f"ogc.{word}.remove")
    for one in sorted(after - before):
        yield Change(f"{word}_added", path, None, one, INFO, NONE, f"ogc.{word}.add")
