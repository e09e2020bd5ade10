"""What a collection of OGC API Features sends arrives, longitude first; what contradicts itself is refused."""

from __future__ import annotations

import gzip
import time
from typing import Any

import pytest

from gateway.errors import (
    AccessDenied,
    CatalogInvalid,
    GatewayError,
    PlatformUnavailable,
    SchemaMismatch,
    SourceChanged,
)
from tests.integration.connectors.ogc_site import (
    CRS84,
    PLACE,
    POINT,
    TURNED,
    URI,
    collection,
    feature,
    opened,
    read,
    serving,
)
from tests.integration.connectors.site import PATIENCE, Reply, Site, ids

RING = [[40.0, 117.0], [40.0, 118.0], [41.0, 118.0], [40.0, 117.0]]
HOLE = [[40.2, 117.6], [40.4, 117.8], [40.2, 117.8], [40.2, 117.6]]
APART = [[41.0, 117.0], [41.0, 117.2], [41.2, 117.2], [41.0, 117.0]]
BOW = [[40.0, 117.0], [41.0, 118.0], [41.0, 117.0], [40.0, 118.0], [40.0, 117.0]]


def _area(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def test_all_pages_are_read_in_the_system_agreed_upon(site: Site) -> None:
    """The collection's own name of the system is asked for with each page, and positions leave with longitude first."""
    site.script = serving(
        collection(feature(1), feature(2), matched=3, following="items?offset=2&limit=2"),
        collection(feature(3), matched=3),
    )
    rows = read(site, "features")
    assert rows[0] == [None, "f1", "地点1", TURNED, "EPSG:4490", "2026-11-24"]
    assert ids(rows) == ["f1", "f2", "f3"]
    assert [seen.path for seen in site.seen] == ["/maps/collections/places", *["/maps/collections/places/items"] * 2]
    assert [seen.query for seen in site.seen[1:]] == [{"limit": "2", "crs": URI}, {"offset": "2", "limit": "2"}]


def test_a_plain_server_is_asked_for_nothing(site: Site) -> None:
    """One that knows no other system than CRS84 is not told of one, and its order stays."""
    site.script = serving(collection(feature(1, {"type": "Point", "coordinates": [117.94, 40.97]}), crs=None), about={})
    rows = read(site, "features", {"crs": "OGC:CRS84"})
    assert rows[0][3:5] == [TURNED, "OGC:CRS84"]
    assert site.seen[1].query == {"limit": "2"}


@pytest.mark.parametrize(
    ("offered", "asked"),
    [
        (["https://www.opengis.net/def/crs/EPSG/9.9.1/4490"], "https://www.opengis.net/def/crs/EPSG/9.9.1/4490"),
        (["urn:ogc:def:crs:EPSG::4490"], "urn:ogc:def:crs:EPSG::4490"),
        ([CRS84, "#/crs"], URI),  # the list of all collections
    ],
)
def test_the_system_has_the_name_that_the_server_uses(site: Site, offered: list[str], asked: str) -> None:
    """Versions of the register and forms differ by server."""
    site.script = serving(collection(feature(1)), about={"crs": offered})
    read(site, "features")
    assert site.seen[1].query["crs"] == asked


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"crs": [CRS84]}, "It offers OGC:CRS84"),
        ({"crs": ["http://www.opengis.net/def/crs/EPSG/0/4548", 7]}, "It offers EPSG:4548"),
        ({"crs": None}, "It offers OGC:CRS84"),
        ([], "It offers OGC:CRS84"),
    ],
)
def test_a_system_that_is_not_offered_is_told(site: Site, about: Any, words: str) -> None:
    """Nothing is read, and what there is to choose from is named."""
    site.script = serving(collection(feature(1)), about=about)
    with pytest.raises(SchemaMismatch, match="does not offer EPSG:4490") as raised:
        read(site, "features")
    assert words in raised.value.hint


@pytest.mark.parametrize("told", [None, CRS84, "http://www.opengis.net/def/crs/EPSG/0/4326", "EPSG:4490", "nonsense"])
def test_another_system_in_the_answer_is_refused(site: Site, told: str | None) -> None:
    """GE-02: coordinates whose order nobody vouches for are not read."""
    site.script = serving(collection(feature(1), crs=told))
    with pytest.raises(SchemaMismatch, match="answers in another system"):
        read(site, "features")


def test_a_system_that_changes_between_pages_is_refused(site: Site) -> None:
    """Each page answers for itself."""
    site.script = serving(
        collection(feature(1), matched=2, following="items?n=2"), collection(feature(2), matched=2, crs=CRS84)
    )
    with pytest.raises(SchemaMismatch, match="another system"):
        read(site, "features")


@pytest.mark.parametrize(
    ("matched", "error"),
    [
        ((3, 3), None),
        ((4, 4), SourceChanged),  # GE-04: a page was cut short
        ((2, 2), SourceChanged),
        ((3, 4), SourceChanged),  # somebody wrote meanwhile
        ((None, None), SchemaMismatch),
        (("many", "many"), SchemaMismatch),
    ],
)
def test_the_declared_number_must_come(site: Site, matched: Any, error: type[GatewayError] | None) -> None:
    """Over all pages."""
    site.script = serving(
        collection(feature(1), feature(2), matched=matched[0], following="items?n=2"),
        collection(feature(3), matched=matched[1]),
    )
    if error is None:
        assert len(read(site, "features")) == 3
        return
    with pytest.raises(error):
        read(site, "features")


def test_a_server_that_does_not_count_may_be_read(site: Site) -> None:
    """When the catalog says so."""
    site.script = serving(collection(feature(1), matched=None))
    assert ids(read(site, "features", {"matched": False})) == ["f1"]


@pytest.mark.parametrize("link", ["http://evil.example/items", "http://127.0.0.1:1/items", "//evil.example/x"])
def test_a_link_to_another_place_is_refused(site: Site, link: str) -> None:
    """Credentials never follow a link away."""
    site.script = serving(collection(feature(1), matched=2, following=link))
    with pytest.raises(AccessDenied, match="another address"):
        read(site, "features", auth={"kind": "basic"})


@pytest.mark.parametrize("links", [7, "next", ["next"], {"next": "/x"}])
def test_links_are_an_array_of_objects(site: Site, links: Any) -> None:
    """Anything else is not guessed at."""
    page = collection(feature(1))
    site.script = serving(Reply({**page.body, "links": links}, headers=page.headers))
    with pytest.raises(SchemaMismatch, match="no array of links"):
        read(site, "features")


def test_a_page_that_leads_to_itself_ends_the_read(site: Site) -> None:
    """A circle is found, not walked."""
    site.script = serving(collection(feature(1), matched=9, following="items?n=1"))
    with pytest.raises(SourceChanged, match="a page again"):
        read(site, "features")


@pytest.mark.parametrize(
    ("shape", "fault", "written"),
    [
        (None, None, None),
        (POINT, None, TURNED),
        (
            {"type": "Point", "coordinates": [40, 117, 900.50]},
            None,
            '{"type": "Point", "coordinates": [117, 40, 900.5]}',
        ),
        (
            {"type": "LineString", "coordinates": RING[:2]},
            None,
            '{"type": "LineString", "coordinates": [[117.0, 40.0], [118.0, 40.0]]}',
        ),
        (_area(RING, HOLE), None, ...),
        ({"type": "MultiPolygon", "coordinates": [[RING], [APART]]}, None, ...),
        (
            {"type": "MultiPoint", "coordinates": [[40, 117]]},
            None,
            '{"type": "MultiPoint", "coordinates": [[117, 40]]}',
        ),
        (
            {**POINT, "crs": {"type": "name"}, "bbox": [1, 2, 3, 4]},
            None,
            TURNED,
        ),  # what GeoJSON no longer knows is left out
        (
            {"type": "Point", "coordinates": [117.94, 40.97]},
            None,
            '{"type": "Point", "coordinates": [40.97, 117.94]}',
        ),  # GE-03 finds it
        (_area(RING[:3]), None, ...),  # GE-01 of the contract finds it
        (_area(BOW), "geo.crossing", ...),
        (_area(RING, APART), "geo.crossing", ...),  # a hole that is none
        ({"type": "MultiPolygon", "coordinates": [[RING], [RING]]}, "geo.crossing", ...),  # one upon the other
        ({"type": "MultiPolygon", "coordinates": [[BOW]]}, "geo.crossing", ...),
        ({"type": "Point", "coordinates": [40]}, "geo.shape", '{"type": "Point", "coordinates": [40]}'),
        ({"type": "Point", "coordinates": [40, 117, 1, 1]}, "geo.shape", ...),
        ({"type": "Point", "coordinates": [4538186, 579409]}, "geo.shape", ...),  # metres
        ({"type": "Point", "coordinates": ["40", "117"]}, "geo.shape", ...),
        ({"type": "Point", "coordinates": [True, False]}, "geo.shape", ...),
        ({"type": "Point", "coordinates": [[40, 117]]}, "geo.shape", ...),
        ({"type": "Point"}, "geo.shape", '{"type": "Point"}'),
        ({"type": "LineString", "coordinates": [[40, 117]]}, "geo.shape", ...),
        ({"type": "Polygon", "coordinates": RING}, "geo.shape", ...),
        ({"type": "Polygon", "coordinates": []}, "geo.shape", ...),
        ({"type": "Polygon", "coordinates": [[]]}, "geo.shape", ...),
        ({"type": "GeometryCollection", "geometries": [POINT]}, "geo.shape", ...),
        ({"type": ["Point"]}, "geo.shape", ...),
        ("POINT(40 117)", "geo.shape", ...),
        (7, "geo.shape", "7"),
    ],
)
def test_a_bad_geometry_condemns_its_feature_only(site: Site, shape: Any, fault: str | None, written: Any) -> None:
    """Those around it are whole; what cannot be turned is shown as it came."""
    site.script = serving(collection(feature(1), feature(2, shape), feature(3)))
    before, found, after = read(site, "features")
    assert (before[0], before[3], after[3]) == (None, TURNED, TURNED)
    assert found[0] == fault
    if written is not ...:
        assert found[3] == written


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        (7, "json.type"),
        ({**feature(1), "properties": [1]}, "json.type"),
        (feature(1, name=["a"]), "name.type"),
        ({**feature(1), "properties": None}, None),
    ],
)
def test_a_bad_record_condemns_itself_only(site: Site, sent: Any, fault: str | None) -> None:
    """Whatever stands in the place of a feature."""
    site.script = serving(collection(sent, feature(2)))
    assert [row[0] for row in read(site, "features")] == [fault, None]


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(status=401), AccessDenied, "HTTP 401"),
        (Reply(status=403), AccessDenied, "HTTP 403"),
        (Reply(status=302, headers={"Location": "/other"}), AccessDenied, "redirects are refused"),
        (Reply(status=404), SchemaMismatch, "HTTP 404"),
        (Reply(status=503), PlatformUnavailable, "HTTP 503"),
        (Reply(b'{"features": [{"id": "f1"', headers={"Content-Crs": f"<{URI}>"}), SourceChanged, "cut off"),
        (Reply(b"<html>", headers={"Content-Crs": f"<{URI}>"}), SchemaMismatch, "not JSON"),
        (Reply(b"[" * 5_000, headers={"Content-Crs": f"<{URI}>"}), SchemaMismatch, "deeper than 100"),
        (Reply({"features": {}}, headers={"Content-Crs": f"<{URI}>"}), SchemaMismatch, "no array at features"),
        (
            Reply(b'{"features": [], "numberMatched": NaN}', headers={"Content-Crs": f"<{URI}>"}),
            SchemaMismatch,
            "outside of",
        ),
        (Reply(b" " * 2_000_000, headers={"Content-Crs": f"<{URI}>"}), SchemaMismatch, "more than 1 MB a page"),
        (
            Reply(gzip.compress(b" " * 20_000_000), headers={"Content-Crs": f"<{URI}>", "Content-Encoding": "gzip"}),
            SchemaMismatch,
            "more than 1 MB a page",
        ),
        (Reply(b"no gzip", headers={"Content-Crs": f"<{URI}>", "Content-Encoding": "gzip"}), SourceChanged, "damaged"),
    ],
)
@pytest.mark.usefixtures("waits")
def test_a_platform_that_fails_is_told(site: Site, reply: Reply, error: type[GatewayError], words: str) -> None:
    """By name of the collection, in none of the platform's words."""
    site.script = serving(reply)
    with pytest.raises(error, match=words) as raised:
        read(site, "features", limits={"page_mb": 1})
    assert "collection places" in str(raised.value)


@pytest.mark.usefixtures("waits")
def test_a_dripping_platform_does_not_outlive_the_deadline(site: Site) -> None:
    """Each byte is in time, the whole is not."""

    def drip(handler: Any) -> None:
        while not site.stopped.wait(0.05):
            handler.wfile.write(b" ")

    site.script = serving(Reply(send=drip, headers={"Content-Crs": f"<{URI}>"}))
    started = time.monotonic()
    with pytest.raises(PlatformUnavailable, match="in time"):
        read(site, "features", limits={"seconds": 0.5})
    assert time.monotonic() - started < PATIENCE


def test_the_first_page_shows_the_shape(site: Site) -> None:
    """A property that nobody explained is named; what is no property never is."""
    site.script = serving(collection(feature(1, more=1, known=2), feature(2)))
    with opened(site, "features", {"ignored": ["known"]}) as source:
        shape = source.describe(PLACE)
    assert dict(shape.columns) == {f.name: f.type for f in PLACE.fields} | {"more": "unknown"}


def test_a_required_field_that_no_feature_has_is_missing(site: Site) -> None:
    """Here the identifier."""
    site.script = serving(collection({k: v for k, v in feature(1).items() if k != "id"}))
    with opened(site, "features") as source:
        assert "id" not in source.describe(PLACE).columns


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({"crs": "EPSG:4548"}, "crs"),
        ({"kind": "wms"}, "kind"),
        ({"collection": "a/b"}, "collection"),
        ({"type": "p:place"}, "type"),  # that is WFS's
        ({"size": 0}, "size"),
        ({"fields": {"shape": "@geom"}}, "shape"),
        ({"fields": {"id": "@id", "name": "@geometry"}}, "name is read from @geometry"),
        ({"fields": {"id": "@id", "shape": "name"}}, "shape is read from name"),
        ({"fields": {"nobody": "name"}}, "names nobody"),
    ],
)
def test_wrong_options_are_told(site: Site, resource: Any, words: str) -> None:
    """Before anything is asked."""
    with pytest.raises(CatalogInvalid, match=words):
        read(site, "features", resource)
    assert site.seen == []
