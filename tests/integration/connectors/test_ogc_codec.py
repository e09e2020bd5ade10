"""Both encodings of a geometry mean the same: whatever is written in GML reads as the GeoJSON of the same positions."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from connectors import ogc_crs, ogc_geometry, ogc_gml
from gateway.records import as_json

NUMBER = st.decimals(-180, 180, allow_nan=False, places=7)
POSITION = st.lists(NUMBER, min_size=2, max_size=2)
LINE = st.lists(POSITION, min_size=2, max_size=6)
RING = st.lists(POSITION, min_size=3, max_size=6).map(lambda ring: [*ring, ring[0]])
AREA = st.lists(RING, min_size=1, max_size=3)
SHAPES = {
    "Point": POSITION,
    "LineString": LINE,
    "Polygon": AREA,
    "MultiPoint": st.lists(POSITION, min_size=1, max_size=4),
    "MultiLineString": st.lists(LINE, min_size=1, max_size=3),
    "MultiPolygon": st.lists(AREA, min_size=1, max_size=3),
}
GEOMETRY = st.sampled_from(sorted(SHAPES)).flatmap(
    lambda kind: SHAPES[kind].map(lambda coordinates: {"type": kind, "coordinates": coordinates})
)
NS = f'xmlns:g="{ogc_gml.NAMESPACE}"'


def _gml(shape: dict[str, Any], head: str = "") -> str:
    kind, held = shape["type"], shape["coordinates"]
    if kind == "Point":
        return f"<g:Point {head}><g:pos>{_words([held])}</g:pos></g:Point>"
    if kind == "LineString":
        return f"<g:LineString {head}><g:posList>{_words(held)}</g:posList></g:LineString>"
    if kind == "Polygon":
        rings = [f"<g:LinearRing><g:posList>{_words(ring)}</g:posList></g:LinearRing>" for ring in held]
        inner = "".join(f"<g:interior>{ring}</g:interior>" for ring in rings[1:])
        return f"<g:Polygon {head}><g:exterior>{rings[0]}</g:exterior>{inner}</g:Polygon>"
    whole, member = {"MultiPoint": ("MultiPoint", "pointMember"), "MultiLineString": ("MultiCurve", "curveMember"),
                     "MultiPolygon": ("MultiSurface", "surfaceMember")}[kind]  # fmt: skip
    parts = [_gml({"type": kind.removeprefix("Multi"), "coordinates": one}) for one in held]
    return f"<g:{whole} {head}>{''.join(f'<g:{member}>{part}</g:{member}>' for part in parts)}</g:{whole}>"


def _words(positions: list[list[Decimal]]) -> str:
    return " ".join(str(number) for position in positions for number in position)


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(GEOMETRY, st.sampled_from(ogc_crs.KNOWN), st.booleans())
def test_gml_and_geojson_mean_the_same(shape: dict[str, Any], crs: str, as_uri: bool) -> None:
    """Fault and geometry agree for every kind, system and form of its name; the digits stay."""
    name = ogc_crs.uri(crs) if as_uri else ogc_crs.urn(crs)
    element = etree.fromstring(_gml(shape, f'{NS} srsName="{name}"'))
    expected = ogc_geometry.judged(shape, latitude_first=ogc_crs.latitude_first(crs))
    fault, found = ogc_gml.read(element, crs)
    assert (fault, found) == expected
    assert json.loads(as_json(found), parse_float=Decimal) == found


@settings(max_examples=40, derandomize=True, deadline=None, database=None)
@given(GEOMETRY)
def test_turning_twice_changes_nothing(shape: dict[str, Any]) -> None:
    """Exchanging the axes is its own inverse, and judges an area alike in either order."""
    fault, turned = ogc_geometry.judged(shape, latitude_first=True)
    assert ogc_geometry.judged(turned, latitude_first=True) == (fault, shape)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["type", "coordinates", "x"]), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(ANYTHING, st.sampled_from(sorted(SHAPES)))
def test_nothing_that_is_sent_raises(value: Any, kind: str) -> None:
    """Whatever stands in the place of a geometry or of its coordinates is a geometry or a fault."""
    for sent in (value, {"type": kind, "coordinates": value}):
        fault, found = ogc_geometry.judged(sent, latitude_first=True)
        assert fault in {None, ogc_geometry.SHAPE, ogc_geometry.CROSSING}
        assert fault != ogc_geometry.SHAPE or found is sent


@pytest.mark.parametrize("number", ["1E+1000000", "-1E+1000000", "360.1", "NaN", "Infinity"])
def test_a_number_beyond_degrees_is_no_position(number: str) -> None:
    """However long its exponent is, it spoils its own feature and no other."""
    sent = {"type": "Point", "coordinates": [Decimal(number), 1]}
    assert ogc_geometry.judged(sent, latitude_first=True) == (ogc_geometry.SHAPE, sent)


@pytest.mark.parametrize(
    ("name", "crs"),
    [
        ("urn:ogc:def:crs:EPSG::4490", "EPSG:4490"),
        ("urn:ogc:def:crs:EPSG:9.9.1:4490", "EPSG:4490"),
        ("urn:x-ogc:def:crs:EPSG::4490", "EPSG:4490"),
        ("http://www.opengis.net/def/crs/EPSG/0/4490", "EPSG:4490"),
        ("https://www.opengis.net/def/crs/EPSG/9.9.1/4490", "EPSG:4490"),
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "OGC:CRS84"),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "OGC:CRS84"),
        ("urn:ogc:def:crs:OGC::CRS84", "OGC:CRS84"),
        ("EPSG:4490", None),  # every server has an order of its own for it
        ("http://www.opengis.net/gml/srs/epsg.xml#4490", None),
        ("http://evil.example/def/crs/EPSG/0/4490", None),
        ("urn:ogc:def:crs:EPSG::4490,urn:ogc:def:crs:EPSG::5773", None),  # a compound
        ("", None),
    ],
)
def test_names_of_systems_are_read_in_full_only(name: str, crs: str | None) -> None:
    """Version and form do not matter, the register does."""
    assert ogc_crs.named(name) == crs
