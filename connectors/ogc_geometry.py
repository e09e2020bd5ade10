"""Geometries as the hub holds them: GeoJSON with longitude first, whatever the platform's order, and what is wrong with one.

Whether rings are closed and positions lie where they may is the contract's business; here is what only the platform's
own order or a geometry library can tell.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import shapely

from gateway.records import as_json

SHAPE, CROSSING, CRS = "geo.shape", "geo.crossing", "geo.crs"
_DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
_FEWEST = {"LineString": 2, "MultiLineString": 2}
_AREAS = ("Polygon", "MultiPolygon")
_DEGREES = 360
_DIMENSIONS = (2, 3)
_RING = 4
Geometry = dict[str, Any]


class Misshapen(ValueError):
    """Raised inside the connectors for what is no geometry."""


def judged(value: Any, *, latitude_first: bool) -> tuple[str | None, Any]:
    """Return the fault of a GeoJSON geometry, and the geometry with longitude first; as it came where it is none."""
    if value is None:
        return None, None
    try:
        found = _oriented(value, latitude_first=latitude_first)
    except Misshapen:
        return SHAPE, value
    return _crossing(found), found


def _oriented(value: Any, *, latitude_first: bool) -> Geometry:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _DEPTHS:
        raise Misshapen(kind)
    coordinates = _turned(value.get("coordinates"), _DEPTHS[kind], _FEWEST.get(kind, 1), latitude_first)
    return {"type": kind, "coordinates": coordinates}


def _turned(value: Any, depth: int, fewest: int, latitude_first: bool) -> list[Any]:  # noqa: FBT001 - of one walk
    if not isinstance(value, list):
        raise Misshapen(depth)
    if depth == 0:
        return _position(value, latitude_first)
    if len(value) < (fewest if depth == 1 else 1):
        raise Misshapen(depth)
    return [_turned(one, depth - 1, fewest, latitude_first) for one in value]


def _position(value: list[Any], latitude_first: bool) -> list[Any]:  # noqa: FBT001
    numbers = all(isinstance(n, int | Decimal) and not isinstance(n, bool) for n in value)
    if not numbers or len(value) not in _DIMENSIONS or not all(map(_in_degrees, value[:2])):
        raise Misshapen(len(value))
    return [value[1], value[0], *value[2:]] if latitude_first else value


def _in_degrees(number: int | Decimal) -> bool:
    """Tell whether a number may be a degree; compared as it is, since arithmetic refuses an exponent of a million."""
    return Decimal(number).is_finite() and -_DEGREES <= number <= _DEGREES


def _crossing(found: Geometry) -> str | None:
    """Return a fault when an area's rings cross, touch wrongly or lie outside of each other."""
    if found["type"] not in _AREAS:
        return None
    areas = found["coordinates"] if found["type"] == "MultiPolygon" else [found["coordinates"]]
    if not all(_closed(ring) for area in areas for ring in area):
        return None  # the contract's rule says so
    made = shapely.from_geojson(as_json(found), on_invalid="ignore")
    return None if made is not None and shapely.is_valid(made) else CROSSING


def _closed(ring: list[Any]) -> bool:
    return len(ring) >= _RING and ring[0][:2] == ring[-1][:2]
