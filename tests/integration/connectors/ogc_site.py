"""A map service on loopback: one collection of OGC API Features, or one feature type of WFS 2.0, as a test tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from connectors.ogc import Ogc, connect
from gateway.model import Dataset, Field, Platform
from tests.integration.connectors.site import Reply, Row, Script, Seen, Site, copied

PLACE = Dataset(
    name="geo.place", chinese="", version="1.0.0", table="place", owner="zrzyj", rules=(),
    fields=(
        Field("id", "varchar(36)", required=True),
        Field("name", "text"),
        Field("shape", "jsonb"),
        Field("crs", "text"),
        Field("seen_on", "date"),
    ),
    key=("id",),
)  # fmt: skip
URI = "http://www.opengis.net/def/crs/EPSG/0/4490"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
URN = "urn:ogc:def:crs:EPSG::4490"
FIELDS = {"id": "@id", "shape": "@geometry", "crs": "@crs"}
POINT = {"type": "Point", "coordinates": [40.97, 117.94]}
TURNED = '{"type": "Point", "coordinates": [117.94, 40.97]}'
SCHEMA = (
    '<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:g="http://www.opengis.net/gml/3.2" xmlns:p="urn:p">'
    '<x:element name="place" type="p:placeType"/><x:complexType name="placeType"><x:complexContent>'
    '<x:extension base="g:AbstractFeatureType"><x:sequence><x:element name="name" type="x:string"/>'
    '<x:element name="seen_on" type="x:date"/>{more}</x:sequence></x:extension></x:complexContent></x:complexType></x:schema>'
)
GEOM = '<x:element name="geom" type="g:GeometryPropertyType"/>'


def feature(number: int, shape: Any = POINT, **properties: Any) -> dict[str, Any]:
    """Return a feature in GeoJSON."""
    properties = {"name": f"地点{number}", "seen_on": "2026-11-24"} | properties
    return {"type": "Feature", "id": f"f{number}", "geometry": shape, "properties": properties}


def collection(*features: Any, matched: Any = ..., crs: str | None = URI, following: Any = None) -> Reply:
    """Return a page of features."""
    document: dict[str, Any] = {"type": "FeatureCollection", "features": list(features)}
    if matched is not None:
        document["numberMatched"] = len(features) if matched is ... else matched
    document["links"] = [{"rel": "self", "href": "/x"}, *([{"rel": "next", "href": following}] if following else [])]
    return Reply(document, headers={"Content-Crs": f"<{crs}>"} if crs else {})


def serving(*pages: Reply, about: Any = None) -> Script:
    """Return the script of a collection that gives pages in turn, the last for ever; `about` is its description."""
    rest = list(pages)

    def answer(seen: Seen) -> Reply:
        if seen.path.endswith("/items"):
            return rest.pop(0) if len(rest) > 1 else rest[0]
        return Reply({"id": "places", "crs": [CRS84, URI]} if about is None else about)

    return answer


def gml(*members: str, matched: Any = ..., returned: Any = ..., before: str = "") -> Reply:
    """Return an answer of GetFeature."""
    told = len(members) if matched is ... else matched
    came = len(members) if returned is ... else returned
    inner = "".join(f"<w:member>{member}</w:member>" for member in members)
    return xml(
        f'{before}<w:FeatureCollection xmlns:w="http://www.opengis.net/wfs/2.0" xmlns:g="http://www.opengis.net/gml/3.2" '
        f'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:p="urn:p" timeStamp="{id(members)}" '
        f'numberMatched="{told}" numberReturned="{came}">{inner}</w:FeatureCollection>'
    )


def place(number: int, shape: str | None = None, more: str = "") -> str:
    """Return a feature in GML."""
    point = f'<g:Point srsName="{URN}"><g:pos>40.97 117.94</g:pos></g:Point>'
    return (
        f'<p:place g:id="f{number}"><p:name>地点{number}</p:name><p:geom>{point if shape is None else shape}</p:geom>'
        f"<p:seen_on>2026-11-24</p:seen_on>{more}</p:place>"
    )


def report(code: str) -> Reply:
    """Return an exception report."""
    return xml(
        '<o:ExceptionReport xmlns:o="http://www.opengis.net/ows/1.1" version="2.0.0">'
        f'<o:Exception exceptionCode="{code}"><o:ExceptionText>canary-words</o:ExceptionText></o:Exception></o:ExceptionReport>'
    )


def xml(text: str, status: int = 200) -> Reply:
    """Return an answer with XML."""
    return Reply(f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode(), status)


def platform(kind: str, resource: Mapping[str, Any] | None = None, **options: Any) -> Platform:
    """Return the catalog's entry: one resource, unless told otherwise."""
    named = {"collection": "places"} if kind == "features" else {"type": "p:place"}
    declared = {"kind": kind, **named, "fields": FIELDS, "size": 2, **(resource or {})}
    return Platform("maps", "", "ogc", "MAPS", "zrzyj", options={"resources": {PLACE.name: declared}, **options})


@contextmanager
def opened(site: Site, kind: str, resource: Any = None, **options: Any) -> Iterator[Ogc]:
    """Yield the connector of a site and close it."""
    source = connect(platform(kind, resource, **options), site.dsn(base="/maps"))
    try:
        yield source
    finally:
        source.close()


def read(site: Site, kind: str, resource: Any = None, **options: Any) -> list[Row]:
    """Open the site, copy once, close."""
    with opened(site, kind, resource, **options) as source:
        return copied(source, dataset=PLACE)
