"""What platforms that are no PostgreSQL say of themselves: a sign of it is asked for before a row is read, and judged for the route."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extras import Json

from gateway.errors import RouteHeld, SchemaMismatch, StructureUnknown
from gateway.exchange import carry, delivery, transfer
from gateway.exchange import hub as hub_tables
from gateway.ledger import decisions
from gateway.model import Platform, Route
from schemas import watch
from schemas.notice import announced
from tests.conformance.mariadb import MariaDb, MysqlPeer
from tests.integration.conftest import PERSON, City
from tests.integration.connectors import soap_site
from tests.integration.connectors.filed import Folder, table
from tests.integration.connectors.site import POST, STAMP, Reply, Seen, Site
from tests.integration.exchange.test_frontend_mysql import COLUMNS, OPTIONS

RECORD = {"id": "p1", "content": "留言", "score": 1, "updated_at": STAMP}
PROPERTIES = {"id": "string", "content": "string", "score": "number", "updated_at": "string", "ip": "string"}
FEEDBACK = (
    '<x:element name="Feedback" minOccurs="0" maxOccurs="unbounded"><x:complexType><x:sequence>'
    '<x:element name="No" type="x:string"/><x:element name="Content" type="x:string"/>'
    '<x:element name="Score" type="{score}" minOccurs="0"/><x:element name="UpdatedAt" type="x:dateTime"/>{more}'
    "</x:sequence></x:complexType></x:element>"
)
ANY = '<x:any processContents="skip" minOccurs="0" maxOccurs="unbounded"/>'


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


def served(city: City, platform: Platform, dataset: Any, dsn: str) -> City:
    """Return the city with a route `told_in` from that platform."""
    here = city.deployment
    route = Route("told_in", dataset, platform, "snapshot", "manual", here.catalog.terms["daily"])
    catalog = replace(
        here.catalog, platforms={platform.platform: platform}, routes={"told_in": route}, datasets={dataset.name: dataset}
    )  # fmt: skip
    city.deployment = replace(here, catalog=catalog, resolve=lambda _name: dsn)
    hub_tables.prepare(city.deployment)
    return city


class Service:
    """A REST interface with one list, which it describes; `asked` counts what was asked of the description."""

    def __init__(self, city: City, site: Site) -> None:
        """Publish both, with an ETag for the description."""
        self.site, self.edition, self.status, self.properties = site, 1, 200, dict(PROPERTIES)
        self.required: list[str] = []
        site.script = self._answer
        resource = {"path": "/posts", "records": "items", "ignored": ["ip"]}
        options = {"describe": "/openapi.json", "resources": {POST.name: resource}}
        self.city = served(city, Platform("app", "APP", "rest", "APP", "zfb", options=options), POST, site.dsn())

    def run(self) -> Any:
        """Carry what is there."""
        return transfer.run(self.city.deployment, "told_in")

    def asked(self) -> list[Seen]:
        """Return the questions for the description."""
        return [seen for seen in self.site.seen if seen.path == "/openapi.json"]

    def change(self, **properties: str) -> None:
        """Publish another edition."""
        self.edition, self.properties = self.edition + 1, {**PROPERTIES, **properties}

    def _answer(self, seen: Seen) -> Reply:
        if seen.path != "/openapi.json":
            return Reply({"items": [RECORD]})
        etag = f'"{self.edition}"'
        if self.status == 200 and seen.headers.get("If-None-Match") == etag:
            return Reply(b"", 304, {"ETag": etag})
        return Reply(self._document(), self.status, {"ETag": etag})

    def _document(self) -> dict[str, Any]:
        record = {"type": "object", "properties": {n: {"type": t} for n, t in self.properties.items()}}
        page = {"type": "object", "properties": {"items": {"type": "array", "items": record}}}
        answer = {"200": {"description": "x", "content": {"application/json": {"schema": page}}}}
        asked = [{"name": n, "in": "query", "required": True, "schema": {"type": "string"}} for n in self.required]
        other = {"type": "object", "properties": {"n": {"type": "integer" if self.edition % 2 else "string"}}}
        elsewhere = {"200": {"description": "x", "content": {"application/json": {"schema": other}}}}
        paths = {
            "/posts": {"get": {"parameters": asked, "responses": answer}},
            "/other": {"get": {"responses": elsewhere}},
        }
        return {"openapi": "3.0.3", "info": {"title": "x", "version": str(self.edition)}, "paths": paths}


@pytest.fixture
def service(city: City, site: Site) -> Service:
    """Return a described interface that a route has read once."""
    found = Service(city, site)
    found.run()
    return found


def holds(city: City) -> list[tuple[str, str]]:
    """Return kind and state of each hold."""
    found: list[tuple[str, str]] = city.ask("select kind, state from gateway.hold order by id")
    return found


def test_an_unchanged_interface_costs_one_question_without_an_answer(service: Service) -> None:
    """The ETag of the run before is given back; nothing is sent but that it is still so."""
    before = len(service.asked())
    service.run()
    (question,) = service.asked()[before:]
    assert question.headers["If-None-Match"] == '"1"'
    service.run()
    assert len(service.asked()) == before + 2


def test_a_field_of_another_type_holds_the_route_before_its_first_page_counts(service: Service) -> None:
    """Nothing is landed; when the platform takes it back the next run goes on by itself."""
    service.change(score="string")
    with pytest.raises(SchemaMismatch, match=r"tells of app is not as route told_in last found it: GET /posts"):
        service.run()
    with pytest.raises(RouteHeld, match="hold 1: "):
        service.run()
    assert holds(service.city) == [("structure", "open")]
    assert next(row["level"] for row in watch.history(service.city.hub, "app")) == "breaking"
    service.change()
    assert service.run().read == 1
    assert holds(service.city) == [("structure", "released")]


def test_what_the_route_takes_nothing_of_goes_on_and_is_kept(service: Service) -> None:
    """A field that it ignores, and another operation, are told and harm nothing here."""
    service.change(ip="integer")
    assert service.run().read == 1
    assert holds(service.city) == []
    rows = watch.history(service.city.hub, "app")
    assert [(row["version"], row["level"]) for row in rows] == [(2, "breaking"), (1, "none")]


def test_what_a_question_has_to_bring_from_now_on_holds_the_route(service: Service) -> None:
    """Who reads sends a request as well."""
    service.required = ["region"]
    service.change()
    with pytest.raises(SchemaMismatch, match="GET /posts"):
        service.run()


def announced_for(service: Service, day: str, **properties: str) -> None:
    """Put a notice into the ledger that announces another edition, from a day on."""
    before = service._document()
    service.change(**properties)
    body = {"announced": announced.of_documents("openapi", before, service._document())}
    service.edition, service.properties = service.edition - 1, dict(PROPERTIES)
    service.city.ask(
        "insert into gateway.notice (number, platform, dataset, publisher, origin, state, revision) "
        "values ('〔2026〕第1号', 'app', %s, 'zfb', 'test', 'announced', 1)",
        (POST.name,),
    )
    service.city.ask(
        "insert into gateway.notice_revision (notice, revision, class, effective_on, announced_at, basis, body) "
        "select notice, 1, 'major', %s, now(), 'official', %s from gateway.notice",
        (day, Json(body)),
    )


def test_a_description_that_was_announced_goes_on_from_its_day_on(service: Service) -> None:
    """What another edition says besides, where the route looks at nothing, is no other announcement."""
    announced_for(service, "2020-01-01", score="string")
    service.change(score="string", ip="integer")
    assert service.run().read == 1
    assert holds(service.city) == []


@pytest.mark.parametrize(
    ("day", "announces", "comes"),
    [
        ("2999-01-01", {"score": "string"}, {"score": "string"}),  # before its day
        ("2020-01-01", {"score": "string"}, {"score": "string", "content": "integer"}),  # more than was announced
        ("2020-01-01", {"score": "string"}, {"score": "boolean"}),  # something else
        ("2020-01-01", {"ip": "integer"}, {"score": "string"}),  # of another field
    ],
)
def test_a_description_that_was_not_announced_so_holds_the_route(
    service: Service, day: str, announces: dict[str, str], comes: dict[str, str]
) -> None:
    """A notice answers for what it says, and from its day on."""
    announced_for(service, day, **announces)
    service.change(**comes)
    with pytest.raises(SchemaMismatch):
        service.run()
    assert holds(service.city) == [("structure", "open")]


def test_an_approved_structure_goes_on_until_it_is_another(service: Service) -> None:
    """The approval is for what the document says, whatever its ETag."""
    service.change(score="string")
    with pytest.raises(SchemaMismatch):
        service.run()
    decisions.approve(service.city.deployment, 1, who="tester", why="读得了")
    assert service.run().read == 1
    assert service.run().read == 1
    assert holds(service.city) == [("structure", "used")]


def test_a_new_mapping_in_the_catalog_ends_the_hold(service: Service) -> None:
    """Whoever wrote it has seen the change; the contract's own check is still made."""
    service.change(score="string")
    with pytest.raises(SchemaMismatch):
        service.run()
    platform = service.city.deployment.catalog.platforms["app"]
    resources = {POST.name: {**platform.options["resources"][POST.name], "ignored": ["ip", "port"]}}
    served(
        service.city, replace(platform, options={**platform.options, "resources": resources}), POST, service.site.dsn()
    )
    assert service.run().read == 1
    assert holds(service.city) == [("structure", "released")]


@pytest.mark.parametrize("status", [404, 500, 401])
def test_a_description_that_is_away_keeps_no_run_from_its_rows(service: Service, status: int) -> None:
    """It is asked for once and not again; the contract judges what comes."""
    service.status, before = status, len(service.asked())
    assert service.run().read == 1
    assert len(service.asked()) == before + 1
    assert holds(service.city) == []


def test_a_hold_stays_while_the_description_is_away(service: Service) -> None:
    """That nothing can be seen is no proof that it was taken back."""
    service.change(score="string")
    with pytest.raises(SchemaMismatch):
        service.run()
    service.status = 404
    with pytest.raises((SchemaMismatch, StructureUnknown)):
        service.run()
    assert holds(service.city) == [("structure", "open")]


def test_an_interface_that_describes_nothing_costs_nothing(city: City, site: Site) -> None:
    """No question is asked beside those of the run."""
    site.gives({"items": [RECORD]})
    options = {"resources": {POST.name: {"path": "/posts", "records": "items"}}}
    served(city, Platform("app", "APP", "rest", "APP", "zfb", options=options), POST, site.dsn())
    for _ in range(2):
        transfer.run(city.deployment, "told_in")
    assert {seen.path for seen in site.seen} == {"/posts"}
    assert city.ask("select count(*) from gateway.route_structure") == [(0,)]


class Superv:
    """A SOAP service that publishes its WSDL."""

    def __init__(self, city: City, site: Site) -> None:
        """Publish what the catalog has a copy of."""
        self.city, self.site, self.wsdl = (
            served(city, soap_site.platform(), soap_site.FEEDBACK, site.dsn(base="/s")),
            site,
            "",
        )
        self.publish()
        site.script = self._answer

    def publish(self, score: str = "x:decimal", more: str = "", **parts: str) -> None:
        """Publish a WSDL."""
        self.wsdl = soap_site.wsdl(**parts).replace(ANY, FEEDBACK.format(score=score, more=more))

    def run(self) -> Any:
        """Carry what is there."""
        return transfer.run(self.city.deployment, "told_in")

    def _answer(self, seen: Seen) -> Reply:
        return soap_site.xml(self.wsdl.encode()) if seen.method == "GET" else soap_site.reply(soap_site.record(1))


@pytest.fixture
def superv(city: City, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Superv:
    """Return a service that a route has read once."""
    monkeypatch.setenv("GATEWAY_CATALOG", str(tmp_path))
    soap_site.place(tmp_path)
    found = Superv(city, site)
    found.run()
    return found


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"score": "x:string"}, "xsd.type"),  # what comes is another thing
        ({"must": "1"}, "xsd.occurs"),  # what has to be sent
    ],
)
def test_a_service_whose_wsdl_changes_holds_the_route(superv: Superv, change: dict[str, str], rule: str) -> None:
    """No record of it is read."""
    superv.publish(**change)
    calls = city_rows(superv.city)
    with pytest.raises(SchemaMismatch, match=rule):
        superv.run()
    assert city_rows(superv.city) == calls
    assert holds(superv.city) == [("structure", "open")]
    superv.publish()
    superv.run()
    assert holds(superv.city) == [("structure", "released")]


def city_rows(city: City) -> Any:
    """Return the batches so far that carried something."""
    return city.ask("select count(*) from gateway.receipt where kind = 'transfer'")


def test_a_service_that_only_says_more_goes_on_with_one_question_a_run(superv: Superv) -> None:
    """An element beside those that are taken is for information; the WSDL is asked for once."""
    superv.publish(more='<x:element name="Remark" type="x:string" minOccurs="0"/>')
    superv.run()
    assert holds(superv.city) == []
    before = len([s for s in superv.site.seen if s.method == "GET"])
    superv.run()
    assert len([s for s in superv.site.seen if s.method == "GET"]) == before + 1


FILED = replace(POST, name="test.filed", table="test_filed", cursor=None)


def test_a_file_without_a_column_is_found_before_a_row_and_a_moved_one_goes_on(city: City, tmp_path: Path) -> None:
    """Files are read by the names in their first line; another line end is read as well."""
    options = {"resources": {FILED.name: {"format": {"kind": "csv", "charset": "utf-8"}}}}
    served(city, Platform("self", "自建", "files", "APP", "zfb", options=options), FILED, f"file://{tmp_path}")
    folder, names = Folder(tmp_path, FILED.name), list(RECORD)
    folder.put(table(names, [RECORD]), 1, "full")
    assert transfer.run(city.deployment, "told_in").read == 1
    folder.put(table(names[::-1], [RECORD], end="\r\n"), 1, "full")
    assert transfer.run(city.deployment, "told_in").read == 1
    assert holds(city) == []
    assert [row["version"] for row in watch.history(city.hub, "self")] == [2, 1]  # told at once, not by the hour
    folder.put(table(names[:-1], [RECORD]), 1, "full")
    with pytest.raises(SchemaMismatch, match="updated_at"):
        transfer.run(city.deployment, "told_in")
    assert holds(city) == [("structure", "open")]


@pytest.fixture
def front(city: City, mariadb: MariaDb) -> tuple[City, MysqlPeer]:
    """Return a route up to a front end on MariaDB and one down from it, each with a run behind it."""
    peer = MysqlPeer(mariadb)
    for name in ("up_person", "dn_person"):
        peer.run(f"create table {name} ({COLUMNS}) engine=InnoDB default charset=utf8mb4")
    peer.run("create table dn_audit_abnormal (row_guid varchar(50), table_row_guid varchar(50), table_cd_time datetime, "
             "err_type varchar(100), remark varchar(1000), cd_time datetime, table_cd_batch varchar(32), "
             "table_sql_name varchar(50), table_cd_source varchar(10))")  # fmt: skip
    here, dsn = city.deployment, peer.dsn()
    prov = Platform("prov", "省平台", "frontend", "PROV", "gaj", clearance="L4", options=OPTIONS)
    routes = {
        name: Route(name, PERSON, prov, mode, "manual", here.catalog.terms["daily"])  # type: ignore[arg-type]  # one of the modes
        for name, mode in (("up", "delivery"), ("down", "snapshot"))
    }
    catalog = replace(
        here.catalog, routes={**here.catalog.routes, **routes}, platforms={**here.catalog.platforms, "prov": prov}
    )
    city.deployment = replace(here, catalog=catalog, resolve=lambda name: dsn if name == "PROV" else city.source_dsn)
    city.fill(3)
    carry.run(city.deployment, "person_in", whole=True)
    carry.run(city.deployment, "up")
    return city, peer


@pytest.mark.system
def test_a_table_of_mariadb_is_looked_at_before_each_delivery(front: tuple[City, MysqlPeer]) -> None:
    """A narrower column that the contract cannot show holds the delivery; a comment does not; taken back it goes on."""
    city, peer = front
    peer.run("alter table up_person comment = '人员'")
    city.ask_source("update person set amount = 7, updated_at = now() where id = 'P00000001'")
    carry.run(city.deployment, "person_in", whole=True)
    assert carry.run(city.deployment, "up").updated == 1
    peer.run("alter table up_person add constraint small check (amount < 8)")
    city.ask_source("update person set amount = 2, updated_at = now() where id = 'P00000002'")
    carry.run(city.deployment, "person_in", whole=True)
    with pytest.raises(SchemaMismatch, match=r"mysql\.check\.add"):
        delivery.run(city.deployment, "up")
    assert holds(city) == [("structure", "open")]
    peer.run("alter table up_person drop constraint small")
    assert carry.run(city.deployment, "up").updated == 1
    assert holds(city) == [("structure", "released")]


@pytest.mark.system
def test_an_unchanged_table_of_mariadb_costs_one_small_question(
    front: tuple[City, MysqlPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole catalogue is not asked for."""
    city, _ = front
    monkeypatch.setattr("schemas.snapshot.mysql.take", lambda *_: pytest.fail("the whole catalogue was asked for"))
    city.ask_source("update person set amount = 3, updated_at = now() where id = 'P00000003'")
    carry.run(city.deployment, "person_in", whole=True)
    assert carry.run(city.deployment, "up").updated == 1
