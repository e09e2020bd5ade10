"""What a feature type of WFS 2.0 sends arrives as GeoJSON, longitude first; what contradicts itself or attacks is refused."""

from __future__ import annotations

import gzip
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest

from connectors import ogc_collection
from gateway.errors import (
    AccessDenied,
    CatalogInvalid,
    GatewayError,
    PlatformUnavailable,
    SchemaMismatch,
    SourceChanged,
)
from tests.integration.connectors.ogc_site import (
    GEOM,
    PLACE,
    SCHEMA,
    TURNED,
    URN,
    gml,
    opened,
    place,
    read,
    report,
    xml,
)
from tests.integration.connectors.site import PATIENCE, Reply, Seen, Site, ids

ALL = [None, "f1", "地点1", TURNED, "EPSG:4490", "2026-11-24"]
RING = "40 117 40 118 41 118 40 117"
TURNED_RING = [[117, 40], [118, 40], [118, 41], [117, 40]]
LINEAR = f"<g:LinearRing><g:posList>{RING}</g:posList></g:LinearRing>"
HOLE = "<g:LinearRing><g:posList>40.2 117.6 40.4 117.8 40.2 117.8 40.2 117.6</g:posList></g:LinearRing>"
BOW = "<g:LinearRing><g:posList>40 117 41 118 41 117 40 118 40 117</g:posList></g:LinearRing>"
APART = "<g:LinearRing><g:posList>41 117 41 117.2 41.2 117.2 41 117</g:posList></g:LinearRing>"
APART_TURNED = [[117, 41], [117.2, 41], [117.2, 41.2], [117, 41]]
LINE = "<g:LineString><g:posList>40 117 41 118</g:posList></g:LineString>"


def _named(name: str, inner: str, srs: str = f'srsName="{URN}"') -> str:
    return f"<g:{name} {srs}>{inner}</g:{name}>"


def _polygon(*inner: str, outer: str = LINEAR, srs: str = "") -> str:
    bounds = "".join(f"<g:interior>{one}</g:interior>" for one in inner)
    return _named("Polygon", f"<g:exterior>{outer}</g:exterior>{bounds}", srs)


def _patch(ring: str) -> str:
    return f"<g:PolygonPatch><g:exterior>{ring}</g:exterior></g:PolygonPatch>"


def test_all_pages_are_read_by_count_and_start(site: Site) -> None:
    """Whoever caps the count is asked for the rest; the system is asked for by its URN."""
    site.gives(gml(place(1), matched=3), gml(place(2), matched=3), gml(place(3), matched=3))
    rows = read(site, "wfs")
    assert rows[0] == ALL
    assert ids(rows) == ["f1", "f2", "f3"]
    assert [seen.query["startIndex"] for seen in site.seen] == ["0", "1", "2"]
    asked = {k: v for k, v in site.seen[0].query.items() if k != "startIndex"}
    assert asked == {
        "service": "WFS", "version": "2.0.0", "request": "GetFeature", "typeNames": "p:place", "srsName": URN, "count": "2",
        "outputFormat": "application/gml+xml; version=3.2",
    }  # fmt: skip


def test_values_arrive_as_they_stand(site: Site) -> None:
    """Null by nil or absence, an empty text, an empty date as null; what is escaped in XML and in lines."""
    bare = '<p:place g:id="f9"><p:name i:nil="true"/><p:seen_on/></p:place>'
    odd = '<p:place g:id="f8"><p:name>a\\b&lt;&#9;c</p:name></p:place>'
    site.gives(gml(bare, odd, matched=2))
    assert read(site, "wfs") == [
        [None, "f9", None, None, "EPSG:4490", None],
        [None, "f8", r"a\\b<\tc", None, "EPSG:4490", None],
    ]


@pytest.mark.parametrize(
    ("shape", "made"),
    [
        (_named("Point", "<g:pos>40 117 900</g:pos>", f'srsName="{URN}" srsDimension="3"'), {"type": "Point", "coordinates": [117, 40, 900]}),
        (_named("LineString", "<g:pos>40 117</g:pos><g:pos>41 118</g:pos>"), {"type": "LineString", "coordinates": [[117, 40], [118, 41]]}),
        (
            _named("Curve", "<g:segments><g:LineStringSegment><g:posList>40 117 41 118</g:posList></g:LineStringSegment>"
                   "<g:LineStringSegment><g:posList>41 118 42 118</g:posList></g:LineStringSegment></g:segments>"),
            {"type": "LineString", "coordinates": [[117, 40], [118, 41], [118, 42]]},
        ),
        (_polygon(srs=f'srsName="{URN}"'), {"type": "Polygon", "coordinates": [TURNED_RING]}),
        (_polygon(HOLE, srs=f'srsName="{URN}"'), {"type": "Polygon", "coordinates": [TURNED_RING, [[117.6, 40.2], [117.8, 40.4], [117.8, 40.2], [117.6, 40.2]]]}),
        (_polygon(outer=f"<g:Ring><g:curveMember>{LINE}</g:curveMember><g:curveMember><g:LineString><g:posList>41 118 40 118 40 117</g:posList>"
                  "</g:LineString></g:curveMember></g:Ring>", srs=f'srsName="{URN}"'),
         {"type": "Polygon", "coordinates": [[[117, 40], [118, 41], [118, 40], [117, 40]]]}),
        (_named("Surface", f"<g:patches>{_patch(LINEAR)}</g:patches>"), {"type": "Polygon", "coordinates": [TURNED_RING]}),
        (_named("Surface", f"<g:patches>{_patch(LINEAR)}{_patch(APART)}</g:patches>"), {"type": "MultiPolygon", "coordinates": [[TURNED_RING], [APART_TURNED]]}),
        (_named("MultiSurface", f"<g:surfaceMember>{_polygon()}</g:surfaceMember><g:surfaceMember>{_polygon(outer=APART)}</g:surfaceMember>"),
         {"type": "MultiPolygon", "coordinates": [[TURNED_RING], [APART_TURNED]]}),
        (_named("MultiSurface", f"<g:surfaceMembers>{_polygon()}{_polygon(outer=APART)}</g:surfaceMembers>"),
         {"type": "MultiPolygon", "coordinates": [[TURNED_RING], [APART_TURNED]]}),
        (_named("MultiCurve", f"<g:curveMember>{LINE}</g:curveMember>"), {"type": "MultiLineString", "coordinates": [[[117, 40], [118, 41]]]}),
        (_named("MultiPoint", "<g:pointMember><g:Point><g:pos>40 117</g:pos></g:Point></g:pointMember>"), {"type": "MultiPoint", "coordinates": [[117, 40]]}),
        # the name of the system may stand on the parts
        (_named("MultiCurve", f'<g:curveMember>{LINE.replace("<g:LineString>", f"<g:LineString srsName={chr(34)}{URN}{chr(34)}>")}</g:curveMember>', ""),
         {"type": "MultiLineString", "coordinates": [[[117, 40], [118, 41]]]}),
        (_named("Point", "<g:pos>40 117</g:pos>", 'srsName="http://www.opengis.net/def/crs/EPSG/0/4490"'), {"type": "Point", "coordinates": [117, 40]}),
        (_named("Point", "<g:pos>\n 4.0e1\t+117 </g:pos>"), {"type": "Point", "coordinates": [117, 40]}),
    ],
)  # fmt: skip
def test_each_geometry_becomes_geojson(site: Site, shape: str, made: Any) -> None:
    """Simple ones and those in parts, with their digits as they came."""
    site.gives(gml(place(1, shape)))
    ((fault, _, _, written, _, _),) = read(site, "wfs")
    assert fault is None
    assert json.loads(str(written)) == made


@pytest.mark.parametrize(
    ("shape", "fault"),
    [
        (_named("Point", "<g:pos>40 117</g:pos>", ""), "geo.crs"),  # no srsName
        (_named("Point", "<g:pos>40 117</g:pos>", 'srsName="EPSG:4490"'), "geo.crs"),  # the order of this form is anybody's
        (_named("Point", "<g:pos>40 117</g:pos>", 'srsName="urn:ogc:def:crs:EPSG::4548"'), "geo.crs"),
        (_named("MultiCurve", '<g:curveMember><g:LineString srsName="urn:ogc:def:crs:EPSG::4326"><g:posList>40 117 41 118</g:posList></g:LineString></g:curveMember>'), "geo.crs"),
        (_named("Point", "<g:pos>40</g:pos>"), "geo.shape"),
        (_named("Point", "<g:pos>40 117 41 118</g:pos>"), "geo.shape"),
        (_named("Point", "<g:pos>forty 117</g:pos>"), "geo.shape"),
        (_named("Point", "<g:pos>NaN 117</g:pos>"), "geo.shape"),
        (_named("Point", "<g:pos>1e999 117</g:pos>"), "geo.shape"),
        (_named("Point", "<g:coordinates>40,117</g:coordinates>"), "geo.shape"),  # of GML 2
        (_named("Point", "<g:pos>40 117</g:pos>", f'srsName="{URN}" srsDimension="4"'), "geo.shape"),
        (_named("Point", "<g:pos>40 117</g:pos>", f'srsName="{URN}" srsDimension="0"'), "geo.shape"),
        (_named("LineString", "<g:posList>40 117</g:posList>"), "geo.shape"),
        (_named("Curve", "<g:segments><g:Arc><g:posList>40 117 41 118 42 118</g:posList></g:Arc></g:segments>"), "geo.shape"),
        (_named("Curve", ""), "geo.shape"),
        (_named("Polygon", ""), "geo.shape"),
        (_named("Surface", ""), "geo.shape"),
        (_polygon(outer="<g:Ring/>", srs=f'srsName="{URN}"'), "geo.shape"),
        (_polygon(outer=f"<g:Ring><g:curveMember>{LINE}</g:curveMember><g:curveMember>{LINE}</g:curveMember></g:Ring>", srs=f'srsName="{URN}"'), "geo.shape"),
        (_named("MultiSurface", ""), "geo.shape"),
        (_named("MultiSurface", f"<g:surfaceMember>{LINE}</g:surfaceMember>"), "geo.shape"),
        (_polygon(outer=BOW, srs=f'srsName="{URN}"'), "geo.crossing"),
        (_polygon(APART, srs=f'srsName="{URN}"'), "geo.crossing"),
        (_named("Point", "<g:pos>40 117</g:pos>") * 2, "xml.repeated"),
    ],
)  # fmt: skip
def test_a_bad_geometry_condemns_its_feature_only(site: Site, shape: str, fault: str) -> None:
    """Those around it are whole."""
    site.gives(gml(place(1), place(2, shape), matched=2))
    first, second = read(site, "wfs")
    assert first == ALL
    assert (second[0], second[1]) == (fault, "f2")


def test_another_system_may_be_declared(site: Site) -> None:
    """CRS84 has longitude first already."""
    site.gives(gml(place(1, _named("Point", "<g:pos>117.94 40.97</g:pos>", 'srsName="urn:ogc:def:crs:OGC:1.3:CRS84"'))))
    assert read(site, "wfs", {"crs": "OGC:CRS84"})[0][3:5] == [TURNED, "OGC:CRS84"]


@pytest.mark.parametrize(
    ("pages", "error", "words"),
    [
        ([gml(place(1), matched=2), gml(matched=2)], SourceChanged, "as many features"),  # GE-04
        ([gml(place(1), place(2), matched=3), gml(place(3), place(4), matched=3)], SourceChanged, "as many features"),
        ([gml(place(1), matched=2), gml(place(2), matched=3), gml(place(3), matched=3)], SourceChanged, "as many features"),
        ([gml(place(1), matched="unknown")], SchemaMismatch, "does not tell how many"),
        ([gml(place(1), matched=3)], SourceChanged, "a page again"),  # startIndex is not heeded
        ([gml(place(1), place(2), place(3))], SchemaMismatch, "more than the 2 features"),  # count is not heeded
        ([gml(place(1), matched=1, returned=2)], SourceChanged, "has not the features"),
    ],
)  # fmt: skip
def test_the_declared_number_must_come(site: Site, pages: list[Reply], error: type[GatewayError], words: str) -> None:
    """Over all pages, and on each of them."""
    site.gives(*pages)
    with pytest.raises(error, match=words):
        read(site, "wfs")


def test_a_server_that_does_not_count_is_read_to_an_empty_page(site: Site) -> None:
    """When the catalog says so."""
    site.gives(gml(place(1), matched="unknown"), gml(place(2), matched="unknown"), gml(matched="unknown"))
    assert ids(read(site, "wfs", {"matched": False})) == ["f1", "f2"]


@pytest.mark.parametrize(
    ("code", "error", "words", "tries"),
    [
        ("InvalidParameterValue", SchemaMismatch, "blames the request", 1),
        ("OptionNotSupported", SchemaMismatch, "blames the request", 1),
        ("NoApplicableCode", PlatformUnavailable, "with an exception report", 5),
        ("OperationProcessingFailed", PlatformUnavailable, "with an exception report", 5),
        ("AuthenticationFailed", AccessDenied, "refuses who asks", 1),
        ("AccessDenied", AccessDenied, "refuses who asks", 1),
    ],
)
def test_an_exception_report_tells_whether_to_ask_again(
    site: Site, waits: list[float], code: str, error: type[GatewayError], words: str, tries: int
) -> None:
    """By its code; its own words are never repeated."""
    site.gives(report(code))
    with pytest.raises(error, match=words) as raised:
        read(site, "wfs")
    assert (len(site.seen), len(waits)) == (tries, tries - 1)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(status=401), AccessDenied, "HTTP 401"),
        (Reply(status=403), AccessDenied, "HTTP 403"),
        (Reply(status=400), SchemaMismatch, "HTTP 400"),
        (Reply(status=502), PlatformUnavailable, "HTTP 502"),
        (Reply(b""), SourceChanged, "cut off"),
        (Reply(gml(place(1)).octets[:-40]), SourceChanged, "cut off"),
        (Reply(gml(place(1)).octets.replace(b"</p:name>", b"</p:nome>")), SchemaMismatch, "is no XML"),
        (Reply(b'{"type": "FeatureCollection"}'), SchemaMismatch, "is no XML"),
        (Reply(b"<html></html>"), SchemaMismatch, "no FeatureCollection"),
        (xml('<w:FeatureCollection xmlns:w="http://www.opengis.net/wfs"/>'), SchemaMismatch, "no FeatureCollection"),  # WFS 1.1
        (gml(place(1, more="<p:deep>" * 300 + "</p:deep>" * 300)), SchemaMismatch, "256 levels"),
        (gml(place(1, more=f"<p:long>{'x' * 2_000_000}</p:long>")), SchemaMismatch, "more than 1 MB a page"),
        (
            Reply(gzip.compress(gml(place(1)).octets + b" " * 20_000_000), headers={"Content-Encoding": "gzip"}),
            SchemaMismatch, "more than 1 MB a page",
        ),
        (Reply(b"no gzip", headers={"Content-Encoding": "gzip"}), SourceChanged, "damaged"),
        (Reply(status=307, headers={"Location": "http://127.0.0.1:1/elsewhere"}), AccessDenied, "redirects are refused"),
        (
            xml('<w:FeatureCollection xmlns:w="http://www.opengis.net/wfs/2.0" numberMatched="9" numberReturned="9">'
                "<w:truncatedResponse/></w:FeatureCollection>"),
            SourceChanged, "broke off",
        ),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("waits")
def test_a_platform_that_fails_is_told(site: Site, reply: Reply, error: type[GatewayError], words: str) -> None:
    """By name of the feature type, in none of the platform's words."""
    site.gives(reply)
    with pytest.raises(error, match=words) as raised:
        read(site, "wfs", limits={"page_mb": 1})
    assert "feature type p:place" in str(raised.value)


@pytest.mark.parametrize(
    ("before", "content"),
    [
        ("<!DOCTYPE a>", "x"),
        ('<!DOCTYPE a SYSTEM "http://127.0.0.1:{port}/canary.dtd">', "x"),
        ('<!DOCTYPE a [<!ENTITY a "canary">]>', "&a;"),
        ('<!DOCTYPE a [<!ENTITY a SYSTEM "file://{file}">]>', "&a;"),
        ('<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>', "&c;"),
    ],
)
@pytest.mark.parametrize("request_of", ["GetFeature", "DescribeFeatureType"])
def test_a_doctype_is_refused_always(site: Site, tmp_path: Path, before: str, content: str, request_of: str) -> None:
    """No entity is expanded, and nobody else is asked."""
    (tmp_path / "secret").write_text("canary-file")
    before = before.replace("{port}", str(site.port)).replace("{file}", str(tmp_path / "secret"))
    site.gives(
        gml(place(1, more=f"<p:x>{content}</p:x>"), before=before)
        if request_of == "GetFeature"
        else xml(before + SCHEMA)
    )
    with opened(site, "wfs") as source, pytest.raises(SchemaMismatch) as raised:
        source.write(PLACE, io.BytesIO()) if request_of == "GetFeature" else source.describe(PLACE)
    assert "canary" not in str(raised.value)
    assert {seen.path for seen in site.seen} == {"/maps"}


def test_an_answer_without_features_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no feature stays in memory, so there may be little of it."""
    monkeypatch.setattr(ogc_collection, "_STRETCH", 200_000)
    site.gives(
        xml(
            gml(place(1))
            .octets.decode()
            .partition("?>")[2]
            .replace("<w:member>", "<w:more/>" * 100_000 + "<w:member>", 1)
        )
    )
    with pytest.raises(SchemaMismatch, match="no feature within"):
        read(site, "wfs")


def test_features_that_were_handed_on_are_not_asked_for_again(site: Site, waits: list[float]) -> None:
    """They are on their way to the hub: the run itself is repeated."""
    whole = gml(*map(place, range(1_500))).octets
    site.gives(
        Reply(headers={"Content-Length": str(len(whole) + 9)}, send=lambda handler: handler.wfile.write(whole[:-60]))
    )
    with pytest.raises(SourceChanged):
        read(site, "wfs", {"size": 2_000})
    assert (len(site.seen), waits) == (1, [])


@pytest.mark.usefixtures("waits")
def test_a_dripping_platform_does_not_outlive_the_deadline(site: Site) -> None:
    """Each byte is in time, the whole is not."""
    start = gml(place(1)).octets.partition(b"<w:member>")[0]

    def drip(handler: Any) -> None:
        handler.wfile.write(start)
        while not site.stopped.wait(0.05):
            handler.wfile.write(b" ")

    site.gives(Reply(send=drip))
    started = time.monotonic()
    with pytest.raises(PlatformUnavailable, match="in time"):
        read(site, "wfs", limits={"seconds": 0.5})
    assert time.monotonic() - started < PATIENCE


@pytest.mark.parametrize(
    ("schema", "columns"),
    [
        (SCHEMA.format(more=GEOM), {f.name: f.type for f in PLACE.fields}),
        (
            SCHEMA.format(more=GEOM + '<x:element name="extra" type="x:int"/>'),
            {f.name: f.type for f in PLACE.fields} | {"extra": "unknown"},
        ),
    ],
)
def test_the_schema_shows_the_shape(site: Site, schema: str, columns: Any) -> None:
    """Its geometry is explained, whatever it is called; another property is a change."""
    site.gives(xml(schema))
    with opened(site, "wfs") as source:
        assert dict(source.describe(PLACE).columns) == columns
    assert site.seen[0].query["request"] == "DescribeFeatureType"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html/>", b"{}", xml(SCHEMA.replace('name="place"', 'name="other"')).octets, xml("<x><y/></x>").octets],
)
def test_a_schema_without_the_type_is_told(site: Site, body: bytes) -> None:
    """The catalog names another than there is."""
    site.gives(Reply(body))
    with opened(site, "wfs") as source, pytest.raises(SchemaMismatch, match="p:place"):
        source.describe(PLACE)


@pytest.mark.parametrize("name", ["import", "include"])
def test_a_schema_is_read_alone(site: Site, name: str) -> None:
    """What it imports or includes is asked of nobody."""
    elsewhere = f'<x:{name} schemaLocation="http://127.0.0.1:{site.port}/canary.xsd"/>'
    site.gives(xml(SCHEMA.replace('<x:element name="place"', f'{elsewhere}<x:element name="place"')))
    with opened(site, "wfs") as source:
        assert source.describe(PLACE).columns
    assert "canary" in site.script(site.seen[0]).octets.decode()
    assert [seen.path for seen in site.seen] == ["/maps"]


@pytest.mark.parametrize("declared", ['SYSTEM "http://127.0.0.1:{port}/canary.dtd"', '[<!ENTITY a "canary">]'])
def test_a_schema_with_a_doctype_is_refused(site: Site, declared: str) -> None:
    """Nothing that it names is asked for."""
    site.gives(xml(f"<!DOCTYPE a {declared.replace('{port}', str(site.port))}>{SCHEMA}"))
    with opened(site, "wfs") as source, pytest.raises(SchemaMismatch, match="does not describe itself by a schema"):
        source.describe(PLACE)
    assert len(site.seen) == 1


def test_probe_asks_for_the_head_of_the_capabilities(site: Site) -> None:
    """Its body, which may be long, is not waited for."""
    site.gives(Reply(headers={"Content-Length": "100000"}, send=lambda _: site.stopped.wait(5)))
    started = time.monotonic()
    with opened(site, "wfs") as source:
        assert source.probe(PLACE).identity == f"http://127.0.0.1:{site.port}/maps#p:place"
    assert time.monotonic() - started < PATIENCE
    assert site.seen[0].query["request"] == "GetCapabilities"


@pytest.mark.parametrize(
    "resource", [{"type": "a:b:c"}, {"type": "a b"}, {"collection": "x"}, {"fields": {"id": "a/b"}}]
)
def test_wrong_options_are_told(site: Site, resource: Any) -> None:
    """Before anything is asked."""
    with pytest.raises(CatalogInvalid, match=next(iter(resource))):
        read(site, "wfs", resource)
    assert site.seen == []


def test_fixed_parameters_do_not_change_the_request(site: Site) -> None:
    """They are sent beside it."""

    def answer(seen: Seen) -> Reply:
        assert (seen.query["request"], seen.query["namespaces"]) == ("GetFeature", "xmlns(p,urn:p)")
        return gml(place(1))

    site.script = answer
    assert read(site, "wfs", {"parameters": {"namespaces": "xmlns(p,urn:p)", "request": "Other"}}) == [ALL]
