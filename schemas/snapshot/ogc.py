"""Snapshots of map services: collections of OGC API Features, feature types of WFS.

    {"format": "gateway.snapshot/1", "kind": "ogc", "collections": {"roads": {
        "properties": {"name": {"type": "string", "required": true, "maxLength": 50}},
        "geometry": {"property": "geom", "type": "LineString"},
        "crs": {"default": "EPSG:4490", "axis_order": "latitude,longitude", "supported": ["EPSG:4490", "OGC:CRS84"]},
        "formats": ["application/geo+json"], "page_limit": {"default": 10, "maximum": 1000}, "id": "integer",
        "queryables": ["name"]}}}

A property has the words of a JSON Schema that limit its values, `required`, `nullable`, and `many` when it may come more than
once; `xml` holds what only XML Schema can say. Titles, counts and extents are no shape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from schemas.diff.model import BadDocument
from schemas.diff.xml import local, parsed, space_of
from schemas.diff.xsd_build import Builder
from schemas.diff.xsd_builtin import NUMBERS, ORDERED, number
from schemas.diff.xsd_content import counts, elements
from schemas.diff.xsd_model import Complex
from schemas.diff.xsd_schema import of_text
from schemas.diff.xsd_simple import Simple
from schemas.snapshot import frame

_WORDS = {
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
    "nullable",
}
_GEOMETRIES = {
    "Point": "Point", "MultiPoint": "MultiPoint", "Curve": "LineString", "LineString": "LineString",
    "MultiCurve": "MultiLineString", "MultiLineString": "MultiLineString", "Surface": "Polygon", "Polygon": "Polygon",
    "MultiSurface": "MultiPolygon", "MultiPolygon": "MultiPolygon", "Geometry": "Geometry", "MultiGeometry": "GeometryCollection",
}  # fmt: skip
_CRS = re.compile(r".*?(EPSG|OGC)[:/]+(?:[^:/]*[:/]+)?(\w+)", re.ASCII)
_LATITUDE_FIRST = frozenset({"EPSG:4490", "EPSG:4326"})


def snapshot(collections: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the snapshot of a service from its collections' facts, as `of_api` and `of_wfs` make them."""
    return {**frame.header("ogc"), "collections": {name: dict(facts) for name, facts in sorted(collections.items())}}


def collections(document: Any, what: str) -> dict[str, dict[str, Any]]:
    """Return a snapshot's collections; BadDocument when it is none."""
    found = frame.checked(document, "ogc", what).get("collections")
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise BadDocument(f"{what}: collections: an object of objects")
    return found


def of_api(collection: Mapping[str, Any], schema: Mapping[str, Any], queryables: Mapping[str, Any]) -> dict[str, Any]:
    """Return a collection's facts from what OGC API Features answers at its address, `schema` and `queryables`."""
    required = set(schema.get("required", ()))
    properties, geometry, identity = dict[str, Any](), dict[str, Any](), "string"
    for name, declared in schema.get("properties", {}).items():
        kind = _geometry(declared)
        if kind is not None:
            geometry = {"property": name, "type": kind}
        elif declared.get("x-ogc-role") == "id":
            identity = declared.get("type", "string")
        else:
            properties[name] = _property(declared, required=name in required)
    default = named(collection.get("storageCrs", "http://www.opengis.net/def/crs/OGC/1.3/CRS84"))
    return {
        "properties": properties, "geometry": geometry, "id": identity,
        "crs": {
            "default": default, "axis_order": axes(default),
            "supported": sorted(named(crs) for crs in collection.get("crs", ())),
        },
        "formats": sorted({link["type"] for link in collection.get("links", ()) if link.get("rel") == "items" and "type" in link}),
        "queryables": sorted(queryables.get("properties", {})),
    }  # fmt: skip


def _geometry(declared: Mapping[str, Any]) -> str | None:
    """Return the kind of geometry that a property holds; None when it holds none."""
    for word in (declared.get("format", ""), declared.get("$ref", "")):
        if found := re.search(r"(?:geometry-|geojson\.org/schema/)(\w+)", word, re.IGNORECASE):
            kinds = {kind.lower(): kind for kind in _GEOMETRIES.values()}
            return kinds.get(found[1].lower(), "Geometry")
    return "Geometry" if declared.get("x-ogc-role") == "primary-geometry" else None


def _property(declared: Mapping[str, Any], *, required: bool) -> dict[str, Any]:
    kind = declared.get("type", "any")
    kinds = [one for one in kind if one != "null"] if isinstance(kind, list) else [kind]
    found = {word: value for word, value in declared.items() if word not in _WORDS and not word.startswith("x-")}
    found["type"] = kinds[0] if len(kinds) == 1 else sorted(kinds)
    return found | {
        "required": required,
        "nullable": "null" in kind if isinstance(kind, list) else bool(declared.get("nullable")),
    }


def of_wfs(described: str, capabilities: str, name: str) -> dict[str, Any]:
    """Return a feature type's facts from DescribeFeatureType and GetCapabilities of WFS 2.0; BadDocument without them."""
    builder = Builder(of_text(described, "DescribeFeatureType"))
    full = next((one for one in builder.components.elements if local(one) == local(name.replace(":", "}"))), None)
    held = None if full is None else builder.type_of(builder.top(full))
    if not isinstance(held, Complex):
        raise BadDocument(f"DescribeFeatureType: there is no feature type {name}")
    properties, geometry, often = dict[str, Any](), dict[str, Any](), counts(held.particle)
    for full, declared in elements(held.particle).items():
        one = builder.type_of(declared[0])
        if isinstance(one, Simple) and one.variety == "unknown" and "/gml" in space_of(one.base):
            word = local(one.base).partition(" ")[0].removesuffix("PropertyType")
            geometry = {"property": local(full), "type": _GEOMETRIES.get(word, "Geometry")}
            continue
        least, most = often[full]
        facts = {"required": least > 0, "nullable": declared[0].nillable} | ({"many": True} if most != 1 else {})
        properties[local(full)] = _facts(one if isinstance(one, Simple) else one.simple) | facts
    return {"properties": properties, "geometry": geometry, "id": "string", **_offered(capabilities, name)}


def _facts(one: Simple | None) -> dict[str, Any]:
    """Return a simple type in the words of JSON Schema, as far as they have words for it."""
    if one is None or one.variety != "atomic":
        return {"type": "any" if one is None else one.variety}
    kind = {"integer": "integer", "boolean": "boolean"}.get(one.base, "number" if one.base in NUMBERS else "string")
    found: dict[str, Any] = {"type": kind}
    if one.base in ORDERED:
        found["format"] = "date-time" if one.base == "dateTime" else one.base
    if one.values is not None:
        found["enum"] = sorted(one.values)
    for word, bound in (("inimum", one.low), ("aximum", one.high)):
        value = number(bound[0]) if bound and kind in {"integer", "number"} else None
        if value is not None and bound is not None:
            exact = int(value) if value == value.to_integral_value() else float(value)
            found[f"m{word}" if bound[1] else f"exclusiveM{word}"] = exact
    if one.steps or one.total is not None or one.fraction is not None:
        found["xml"] = {"patterns": sorted(sorted(step) for step in one.steps), "digits": [one.total, one.fraction]}
    sizes = {"minLength": one.least or None, "maxLength": one.most}
    return found | {word: size for word, size in sizes.items() if size is not None}


def _offered(capabilities: str, name: str) -> dict[str, Any]:
    root = parsed(capabilities, "GetCapabilities")
    wanted = next(
        (
            t
            for t in root.iter("{*}FeatureType")
            if local((t.findtext("{*}Name") or "").replace(":", "}")) == local(name.replace(":", "}"))
        ),
        None,
    )
    if wanted is None:
        raise BadDocument(f"GetCapabilities: there is no feature type {name}")
    default = named(wanted.findtext("{*}DefaultCRS") or "")
    others = [named(node.text or "") for node in wanted.iterfind("{*}OtherCRS")]
    formats = {(node.text or "").strip() for node in wanted.iterfind("{*}OutputFormats/{*}Format")}
    limit = root.findtext(".//{*}Constraint[@name='CountDefault']/{*}DefaultValue")
    return {
        "crs": {"default": default, "axis_order": axes(default), "supported": sorted({default, *others})},
        "formats": sorted(formats), **({"page_limit": {"default": int(limit)}} if limit and limit.isdecimal() else {}),
    }  # fmt: skip


def named(crs: str) -> str:
    """Return the short name of a reference system that a URI or URN names, else what was given."""
    found = _CRS.fullmatch(crs.strip())
    return f"{found[1]}:{found[2]}" if found else crs.strip()


def axes(crs: str) -> str:
    """Return which axis comes first, as its authority says, empty when that is not known here."""
    if crs in _LATITUDE_FIRST:
        return "latitude,longitude"
    return "longitude,latitude" if crs == "OGC:CRS84" else ""
