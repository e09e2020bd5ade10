"""Geometries in GML 3.2 as GeoJSON, in the order of their reference system."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from connectors import ogc_crs
from connectors.ogc_geometry import CRS, SHAPE, Geometry, Misshapen, judged

NAMESPACE = "http://www.opengis.net/gml/3.2"
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_DIMENSIONS = {"2", "3"}
_POINTS, _CURVES = ("Point",), ("LineString", "Curve")
_AREAS = ("Polygon", "Surface")
_MANY = {  # by the element: the members' kinds, and what the whole is in GeoJSON
    "MultiPoint": (_POINTS, "MultiPoint"),
    "MultiCurve": (_CURVES, "MultiLineString"),
    "MultiLineString": (_CURVES, "MultiLineString"),
    "MultiSurface": (_AREAS, "MultiPolygon"),
    "MultiPolygon": (_AREAS, "MultiPolygon"),
}
KINDS = frozenset({*_POINTS, *_CURVES, *_AREAS, *_MANY})


def local(element: Any) -> str:
    """Return the local name of an element."""
    return str(element.tag).rpartition("}")[2]


def is_geometry(element: Any) -> bool:
    """Tell whether an element is a geometry of GML."""
    return bool(str(element.tag).startswith(f"{{{NAMESPACE}}}")) and local(element) in KINDS


def read(element: Any, crs: str) -> tuple[str | None, Geometry | None]:
    """Return the fault of a geometry, and the geometry with longitude first when it could be read."""
    names = {ogc_crs.named(one.get("srsName")) for one in element.iter() if one.get("srsName") is not None}
    if names != {crs}:
        return CRS, None
    try:
        found = _geometry(element, _dimension(element))
    except Misshapen:
        return SHAPE, None
    return judged(found, latitude_first=ogc_crs.latitude_first(crs))


def _dimension(element: Any) -> int:
    told = {one.get("srsDimension") for one in element.iter() if one.get("srsDimension")} or {"2"}
    if len(told) > 1 or not told <= _DIMENSIONS:
        raise Misshapen("srsDimension")
    return int(told.pop())


def _geometry(element: Any, size: int) -> Geometry:
    name = local(element)
    if name in _POINTS:
        return {"type": "Point", "coordinates": _one(_positions(element, size))}
    if name in _CURVES:
        return {"type": "LineString", "coordinates": _curve(element, size)}
    if name in _AREAS:
        return _plain(_areas(element, size))
    kinds, made = _MANY[name]
    members = [one for held in element if "Member" in local(held) for one in held]
    if not members or any(local(one) not in kinds for one in members):
        raise Misshapen(name)
    if made == "MultiPolygon":
        return {"type": made, "coordinates": [area for one in members for area in _areas(one, size)]}
    return {"type": made, "coordinates": [_geometry(one, size)["coordinates"] for one in members]}


def _plain(areas: list[Any]) -> Geometry:
    if len(areas) == 1:
        return {"type": "Polygon", "coordinates": areas[0]}
    return {"type": "MultiPolygon", "coordinates": areas}


def _areas(element: Any, size: int) -> list[Any]:
    """Return the areas of a polygon, or of the patches of a surface."""
    if local(element) == "Polygon":
        return [_rings(element, size)]
    patches = [patch for held in _children(element, "patches") for patch in held]
    if not patches or any(local(patch) != "PolygonPatch" for patch in patches):
        raise Misshapen("Surface")
    return [_rings(patch, size) for patch in patches]


def _rings(element: Any, size: int) -> list[Any]:
    outer, inner = list(_children(element, "exterior")), list(_children(element, "interior"))
    if len(outer) != 1:
        raise Misshapen("exterior")
    return [_ring(_one(list(bound)), size) for bound in (*outer, *inner)]


def _ring(element: Any, size: int) -> list[Any]:
    name = local(element)
    if name == "LinearRing":
        return _positions(element, size)
    if name != "Ring":
        raise Misshapen(name)
    return _joined([_curve(_one(list(member)), size) for member in _children(element, "curveMember")])


def _curve(element: Any, size: int) -> list[Any]:
    name = local(element)
    if name == "LineString":
        return _positions(element, size)
    if name != "Curve":
        raise Misshapen(name)
    segments = [segment for held in _children(element, "segments") for segment in held]
    if any(
        local(segment) != "LineStringSegment" or segment.get("interpolation", "linear") != "linear"
        for segment in segments
    ):
        raise Misshapen("segments")
    return _joined([_positions(segment, size) for segment in segments])


def _joined(parts: list[list[Any]]) -> list[Any]:
    """Return pieces of a line as one: each begins where the one before it ends."""
    if not parts:
        raise Misshapen("no part")
    line = list(parts[0])
    for part in parts[1:]:
        if part[0] != line[-1]:
            raise Misshapen("a gap")
        line += part[1:]
    return line


def _positions(element: Any, size: int) -> list[Any]:
    """Return the positions written in `posList` or `pos`."""
    texts = [child.text or "" for name in ("posList", "pos") for child in _children(element, name)]
    numbers = [_number(word) for text in texts for word in text.split()]
    if not numbers or len(numbers) % size:
        raise Misshapen("positions")
    return [numbers[at : at + size] for at in range(0, len(numbers), size)]


def _number(word: str) -> Decimal:
    if not _NUMBER.fullmatch(word):
        raise Misshapen("number")
    return Decimal(word)


def _children(element: Any, name: str) -> Iterator[Any]:
    return (child for child in element if child.tag == f"{{{NAMESPACE}}}{name}")


def _one(found: list[Any]) -> Any:
    if len(found) != 1:
        raise Misshapen("not one")
    return found[0]
