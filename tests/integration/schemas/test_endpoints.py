"""The structure of platforms that are no database: asked through their own connectors, kept, compared, told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import PlatformUnavailable, StructureUnknown
from gateway.model import Dataset, Field, Hours, Platform, Route, SlaTerm
from schemas import watch
from schemas.snapshot import endpoints
from tests.integration.connectors import soap_site
from tests.integration.connectors.filed import Folder, table
from tests.integration.connectors.ogc_site import CRS84, GEOM, PLACE, SCHEMA, URI
from tests.integration.connectors.ogc_site import platform as maps
from tests.integration.connectors.ogc_site import xml as wfs_xml
from tests.integration.connectors.site import POST, Reply, Seen, Site

DAILY = SlaTerm("daily", "每日", 1440, 9900)


@pytest.fixture
def site() -> Iterator[Site]:
    """Yield a platform that listens in clear."""
    listening = Site()
    yield listening
    listening.close()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no platform that is away."""
    monkeypatch.setattr("connectors.http_peer._sleep", lambda _seconds: None)


def served(city: Any, platform: Platform, dataset: Dataset, dsn: str, *, outbound: bool = False) -> Any:
    """Return the city with one platform and one route, reached by a DSN."""
    route = Route("only", dataset, platform, "delivery" if outbound else "snapshot", "manual", DAILY)
    catalog = replace(
        city.deployment.catalog, platforms={platform.platform: platform}, routes={"only": route}, datasets={dataset.name: dataset}
    )  # fmt: skip
    city.deployment = replace(city.deployment, catalog=catalog, resolve=lambda _name: dsn)
    return city


def looks(city: Any) -> list[tuple[str, int, str, set[str]]]:
    """Look at everything; return name, version, level and rules of what was different."""
    return [
        (seen.platform, seen.version, seen.level.name, {change.rule for change in seen.changes})
        for seen in watch.look_at_all(city.deployment)
    ]


def rest(**options: Any) -> Platform:
    """Return a platform with a REST interface."""
    resources = {POST.name: {"path": "/posts", "records": "items"}}
    return Platform("app", "APP", "rest", "APP", "zfb", options={"resources": resources, **options})


def api(*properties: str, **more: Any) -> dict[str, Any]:
    """Return an OpenAPI document whose answer has some properties."""
    shape = {"type": "object", "required": list(properties), "properties": {p: {"type": "string"} for p in properties}}
    answer = {"200": {"description": "x", "content": {"application/json": {"schema": shape}}}}
    return {
        "openapi": "3.0.3", "info": {"title": "x", "version": "1"}, "paths": {"/posts": {"get": {"responses": answer}}}, **more
    }  # fmt: skip


def test_what_an_interface_publishes_is_its_structure(city: Any, site: Site) -> None:
    """Words for people move no shape; a property that goes breaks who reads it."""
    served(city, rest(describe="/openapi.json"), POST, site.dsn())
    site.gives(api("id", "content"))
    assert looks(city) == [("app", 1, "none", set())]
    assert site.seen[-1].path == "/openapi.json"
    assert looks(city) == []
    first = watch.version(city.hub, "app")["document"]["fingerprint"]
    site.gives(api("id", "content", info={"title": "another", "version": "2"}))
    looks(city)
    second = watch.version(city.hub, "app")["document"]["fingerprint"]
    assert (first["shape"], first["identity"] != second["identity"]) == (second["shape"], True)
    site.gives(api("id"))
    ((name, version, level, _),) = looks(city)
    assert (name, version, level) == ("app", 3, "breaking")


def test_yaml_is_read_as_well(city: Any, site: Site) -> None:
    """Dates in it are texts, status codes are names."""
    served(city, rest(describe="/openapi.yaml"), POST, site.dsn())
    site.gives(
        Reply(
            b"openapi: 3.0.3\ninfo: {title: x, version: 2026-11-24}\npaths: {/a: {get: {responses: {200: {description: x}}}}}"
        )
    )
    looks(city)
    document = watch.version(city.hub, "app")["document"]["document"]
    assert document["info"]["version"] == "2026-11-24"
    assert list(document["paths"]["/a"]["get"]["responses"]) == ["200"]


@pytest.mark.parametrize("body", [b"<html>maintenance</html>: [", b"[1]", b'{"paths": 3}', b"\xff\xfe\x00"])
def test_what_is_no_description_is_refused_and_named(city: Any, site: Site, body: bytes) -> None:
    """The look at the others goes on; nothing of it is kept."""
    served(city, rest(describe="/openapi.json"), POST, site.dsn())
    site.gives(Reply(body))
    with pytest.raises(StructureUnknown, match="platform app tells nothing of its structure"):
        endpoints.of_platform(city.deployment, city.deployment.catalog.platforms["app"])
    with pytest.raises(PlatformUnavailable, match="no structure seen of app"):
        looks(city)
    assert watch.history(city.hub) == []


def test_an_interface_that_publishes_nothing_is_inferred_from_its_records(city: Any, site: Site) -> None:
    """It says so, holds no value, and knows again what a sample does not show."""
    served(city, rest(), POST, site.dsn())
    site.gives({"items": [{"id": "canary-1", "content": "canary-2", "score": 1, "tags": ["x"]}]})
    assert looks(city) == [("app/message.post", 1, "none", set())]
    kept = watch.version(city.hub, "app/message.post")["document"]
    assert kept["inferred"] is True
    assert kept["document"]["properties"]["score"] == {"type": "number"}
    assert "canary" not in json.dumps(kept)
    site.gives(
        {
            "items": [
                {"id": "a", "content": "b", "score": None, "tags": []},
                {"id": "c", "content": "d", "score": 1.5, "tags": []},
            ]
        }
    )
    assert looks(city) == []  # null is no other type, and an empty list has items still
    site.gives({"items": []})
    assert looks(city) == []  # no record shows nothing
    site.gives({"items": [{"id": "a", "content": {"text": "b"}, "score": 1, "tags": ["x"]}]})
    ((name, _, level, _),) = looks(city)
    assert (name, level) == ("app/message.post", "breaking")
    assert [row["platform"] for row in watch.history(city.hub, "app")] == ["app/message.post"] * 2


def test_a_service_is_asked_for_its_wsdl_and_the_vetted_copy_stands_in(city: Any, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # fmt: skip
    """Its words for people do not count; an operation's new argument does."""
    monkeypatch.setenv("GATEWAY_CATALOG", str(tmp_path))
    soap_site.place(tmp_path)
    served(city, soap_site.platform(), soap_site.FEEDBACK, site.dsn(base="/services/superv"))
    site.gives(Reply(b"", 404))
    assert looks(city) == [("superv", 1, "none", set())]
    assert watch.version(city.hub, "superv")["document"]["source"] == "catalog"
    site.gives(
        soap_site.xml(
            soap_site.wsdl(schema="<x:annotation><x:documentation>说明</x:documentation></x:annotation>").encode()
        )
    )
    looks(city)
    versions = watch.history(city.hub, "superv")
    assert len({row["shape"] for row in versions}) == 1
    assert site.seen[-1].target.endswith("/services/superv?wsdl")
    site.gives(soap_site.xml(soap_site.wsdl(must="1").encode()))
    ((_, _, level, _),) = looks(city)
    assert level == "breaking"


def test_a_wsdl_with_a_doctype_is_refused(
    city: Any, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing that it names is fetched."""
    monkeypatch.setenv("GATEWAY_CATALOG", str(tmp_path))
    soap_site.place(tmp_path)
    served(city, soap_site.platform(), soap_site.FEEDBACK, site.dsn(base="/services/superv"))
    site.gives(soap_site.xml(b'<!DOCTYPE a [<!ENTITY b SYSTEM "http://127.0.0.1:1/">]><a>&b;</a>'))
    with pytest.raises(PlatformUnavailable, match="no structure seen of superv"):
        looks(city)


def collection(schema: Mapping[str, Any], storage: str = URI) -> Any:
    """Return the script of a server with one collection, its schema and queryables."""
    about = {
        "id": "places",
        "crs": [CRS84, URI],
        "storageCrs": storage,
        "links": [{"rel": "items", "type": "application/geo+json"}],
    }

    def answer(seen: Seen) -> Reply:
        if seen.path.endswith("/queryables"):
            return Reply({"properties": {"name": {}}})
        return Reply({"properties": dict(schema)} if seen.path.endswith("/schema") else about)

    return answer


def test_a_collection_tells_schema_queryables_and_axis_order(city: Any, site: Site) -> None:
    """A default system with the other axis order is the silent kind of change."""
    properties = {"name": {"type": "string"}, "geom": {"format": "geometry-point", "x-ogc-role": "primary-geometry"}}
    served(city, maps("features"), PLACE, site.dsn(base="/maps"))
    site.script = collection(properties)
    assert looks(city) == [("maps", 1, "none", set())]
    kept = watch.version(city.hub, "maps")["document"]["collections"]["places"]
    assert (kept["queryables"], kept["crs"]["axis_order"]) == (["name"], "latitude,longitude")
    site.script = collection(properties, CRS84)
    ((_, _, level, rules),) = looks(city)
    assert level == "breaking"
    assert any("crs" in rule or "axis" in rule for rule in rules)


def test_a_feature_type_tells_its_schema_and_what_the_service_can_do(city: Any, site: Site) -> None:
    """A property that comes is for information; another default system breaks."""
    more = {"": GEOM}

    def answer(seen: Seen) -> Reply:
        if seen.query["request"] == "DescribeFeatureType":
            return wfs_xml(SCHEMA.format(more=more[""]).replace("<x:schema ", '<x:schema targetNamespace="urn:p" '))
        return wfs_xml(
            '<w:WFS_Capabilities xmlns:w="http://www.opengis.net/wfs/2.0"><w:FeatureTypeList><w:FeatureType><w:Name>p:place</w:Name>'
            "<w:DefaultCRS>urn:ogc:def:crs:EPSG::4490</w:DefaultCRS></w:FeatureType></w:FeatureTypeList></w:WFS_Capabilities>"
        )

    site.script = answer
    served(city, maps("wfs"), PLACE, site.dsn(base="/maps"))
    assert looks(city) == [("maps", 1, "none", set())]
    assert set(watch.version(city.hub, "maps")["document"]["collections"]["p:place"]["properties"]) == {
        "name",
        "seen_on",
    }
    more[""] = GEOM + '<x:element name="height" type="x:int" minOccurs="0"/>'
    ((_, version, _, _),) = looks(city)
    assert version == 2


FILED = Dataset(
    name="test.everything", chinese="", version="1.0.0", table="x", owner="zjj", rules=(), key=("id",),
    fields=(Field("id", "text", required=True), Field("name", "text")),
)  # fmt: skip


def test_the_newest_file_and_another_one_tell_the_layout(city: Any, tmp_path: Path) -> None:
    """A delta file's column of operations is none of the layout; a line end and a moved column are."""
    options = {"resources": {FILED.name: {"format": {"kind": "csv", "charset": "utf-8"}}}}
    served(city, Platform("self", "自建", "files", "SELF", "zjj", options=options), FILED, f"file://{tmp_path}")
    folder = Folder(tmp_path)
    folder.put(table(["id", "name"], [{"id": 1, "name": "甲"}]), 1, "full")
    assert looks(city) == [("self/test.everything", 1, "none", set())]
    folder.put(table(["operation", "id", "name"], [{"operation": "I", "id": 2, "name": "乙"}]), 1)
    assert looks(city) == []
    folder.put(table(["name", "id"], [{"id": 1, "name": "甲"}], end="\r\n"), 1, "full")
    ((_, _, level, rules),) = looks(city)
    assert (level, "file.line_end" in rules) == ("breaking", True)


def test_a_code_list_of_the_catalog_is_compared_by_edition(city: Any, tmp_path: Path) -> None:
    """A code that was replaced is told; the file's name is none of it."""
    path = tmp_path / "division.csv"
    head = "list,code,name,valid_from,valid_to,replaced_by,kind,source\n"
    path.write_text(f"{head}division,130823,平泉县,1949-10-01,,,A,x\n", encoding="utf-8")
    catalog = replace(city.deployment.catalog, code_files=(path,), platforms={})
    city.deployment = replace(city.deployment, catalog=catalog)
    assert looks(city) == [("codes/division", 1, "none", set())]
    path.write_text(
        f"{head}division,130823,平泉县,1949-10-01,2017-04-30,130881,A,x\ndivision,130881,平泉市,2017-05-01,,,A,x\n",
        encoding="utf-8",
    )
    ((name, version, level, _),) = looks(city)
    assert (name, version) == ("codes/division", 2)
    assert level != "none"


def test_a_platform_outside_its_hours_is_left_for_the_next_look(
    city: Any, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is neither asked nor named as silent."""
    monkeypatch.setenv("GATEWAY_NOW", "2026-11-24T12:00:00+08:00")
    closed = replace(rest(describe="/openapi.json"), window=Hours(0, 60))
    served(city, closed, POST, site.dsn())
    assert (looks(city), site.seen) == ([], [])


def test_what_only_takes_rows_and_publishes_nothing_tells_nothing(city: Any, site: Site) -> None:
    """It is not asked at all."""
    written = {
        "path": "/posts",
        "records": "items",
        "number": "batch",
        "size": 10,
        "deletions": {"kind": "operation", "at": "op", "write": "put", "delete": "drop"},
        "answer": {"code": "code", "success": [0]},
    }
    options = {"resources": {POST.name: {"write": written}}}
    served(city, Platform("app", "APP", "rest", "APP", "zfb", options=options), POST, site.dsn(), outbound=True)
    assert (looks(city), site.seen) == ([], [])
