"""Compare what two snapshots say of a map service: properties by their values, geometry, reference systems, limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.diff.model import UNDECIDED, Change, Effect, Policy
from schemas.diff.ogc_values import included
from schemas.snapshot.ogc import collections

NONE, INFO, WARN, BREAKING = Effect.none, Effect.info, Effect.warn, Effect.breaking
Facts = Mapping[str, Any]
_ABOVE = {
    "Point": "MultiPoint", "LineString": "MultiLineString", "Polygon": "MultiPolygon", "MultiPoint": "GeometryCollection",
    "MultiLineString": "GeometryCollection", "MultiPolygon": "GeometryCollection",
}  # fmt: skip
_COUNTED = {"required", "nullable", "many"}
_KNOWN = {"properties", "geometry", "crs", "formats", "queryables", "id", "page_limit", "title", "description"}


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
            yield from _unknown(name, left[name], right[name])


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
    shown = [{word: facts[word] for word in sorted(facts) if word not in _COUNTED} for facts in (old, new)]
    if shown[0] == shown[1]:
        return
    fits = included(path, shown[1], shown[0]), included(path, shown[0], shown[1])
    reader, writer = (NONE if fit else WARN if fit is None else BREAKING for fit in fits)
    if policy.enum == "extensible" and fits[0] is False and _values_alone(*shown):
        reader = WARN
    if reader or writer:
        rule = f"ogc.type{UNDECIDED if None in fits else ''}"
        yield Change("type_changed", path, shown[0], shown[1], reader, writer, rule)


def _values_alone(old: Facts, new: Facts) -> bool:
    return "enum" in old and "enum" in new and {**old, "enum": ()} == {**new, "enum": ()}


def _geometry(path: str, old: Facts, new: Facts) -> Iterator[Change]:
    for word, rule in (("property", "ogc.geometry.property"), ("type", "ogc.geometry.type")):
        before, after = old.get(word), new.get(word)
        if before == after:
            continue
        fits: tuple[bool | None, bool | None] = False, False
        if word == "type" and before is not None and after is not None:
            fits = _within(after, before), _within(before, after)
        reader, writer = (NONE if fit else WARN if fit is None else BREAKING for fit in fits)
        known = f"{rule}{UNDECIDED if None in fits else ''}"
        where = f"{path}/{old.get('property') or new.get('property')}"
        yield Change("geometry_changed", where, before, after, reader, writer, known)


def _besides(path: str, old: Facts, new: Facts) -> Iterator[Change]:
    """Yield what is said of a geometry besides its name and kind, its dimensions say; nobody knows what its change does."""
    for word in sorted({*old, *new} - {"property", "type"}):
        if old.get(word) != new.get(word):
            rule = f"ogc.geometry{UNDECIDED}"
            yield Change("geometry_changed", f"{path}/{word}", old.get(word), new.get(word), WARN, WARN, rule)


def _within(one: str, other: str) -> bool | None:
    """Tell whether a geometry of one kind is one of another; whether a point is taken for many is for each program to say."""
    if other in (one, "Geometry"):
        return True
    above = _ABOVE.get(one)
    while above is not None and above != other:
        above = _ABOVE.get(above)
    return False if above is None else None


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


def _unknown(path: str, old: Facts, new: Facts) -> Iterator[Change]:
    """Yield what a collection says besides; nobody knows what its change does."""
    for word in sorted({*old, *new} - _KNOWN):
        if old.get(word) != new.get(word):
            yield Change("fact_changed", path, old.get(word), new.get(word), WARN, WARN, f"ogc.fact{UNDECIDED}")


def _listed(path: str, word: str, left: Iterable[str], right: Iterable[str]) -> Iterator[Change]:
    before, after = set(left), set(right)
    for one in sorted(before - after):
        yield Change(f"{word}_removed", path, one, None, BREAKING, NONE, f"ogc.{word}.remove")
    for one in sorted(after - before):
        yield Change(f"{word}_added", path, None, one, INFO, NONE, f"ogc.{word}.add")
