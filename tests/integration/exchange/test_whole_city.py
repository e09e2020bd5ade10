"""The whole stand-in city once, without Airflow: what comes in is judged by every rule that is awake, what goes out arrives."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from gateway import catalog
from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.exchange import delivery, quarantine, reconcile, transfer
from gateway.exchange import hub as hub_tables
from gateway.exchange.outcome import Outcome
from gateway.ledger import migrate
from gateway.model import Rule
from gateway.security.crypto import Keys
from sandbox import assessed, city, orgs, places, pushes, sources
from sandbox.app import GuideApp
from sandbox.assess import AssessmentSystem
from sandbox.backups import BackupReports
from sandbox.catalogue import CATALOGUE
from sandbox.channels import Channels
from sandbox.document import DocumentLibrary
from sandbox.maps import MapService
from sandbox.messages import POST
from sandbox.order import in_order
from sandbox.portal import Portal
from sandbox.push import PushSystem
from sandbox.share_catalogue import ShareCatalogue
from sandbox.superv import SupervisionSystem
from sandbox.supervision import FEEDBACK, TASK
from sandbox.web import WebSite

ROOT = Path(__file__).parents[3]
QUIET = "the platforms hold"
ZONE_ROUTE, ZONE_WARNING = "message_post_130871_in", "division-valid.kind"
Peer = (
    WebSite
    | SupervisionSystem
    | PushSystem
    | DocumentLibrary
    | AssessmentSystem
    | BackupReports
    | MapService
    | GuideApp
    | ShareCatalogue
)
_RETURN_USER = (
    "insert into dn_uc_adult_abnormal (err_type, remark, table_name, table_sql_name, table_row_guid, table_cd_batch, "
    "table_cd_source, table_cd_time, table_update_time, row_guid, cd_time) "
    "select 'E501', '用户等级与实名信息不符', '注册用户', 'up_uc_province_user', left(cert_key, 50), cd_batch, data_source, "
    "cd_time, cd_time, 'v1', localtimestamp(0) from up_uc_province_user order by cert_key limit 1"
)
_RETURN_LICENCE = (
    "do $$ declare names text; begin "
    "select string_agg(quote_ident(attname), ', ') into names from pg_attribute "
    "where attrelid = 'up_lic_data'::regclass and attnum > 0 and attname <> 'id'; "
    "execute format('insert into dn_lic_data_error (%1$s, error_remark) select %1$s, ''证照编号与省级证照库已有记录重复'' "
    "from up_lic_data order by certificate_source_id limit 1', names); end $$"
)


@dataclass(frozen=True)
class Chengde:
    """A deployment of the city's own catalog, what bringing everything in did, what was bad, and the owners' addresses.

    `elsewhere` is how many messages of the official site are handled by a unit of another division.
    """

    deployment: Deployment
    brought: Mapping[str, Outcome]
    bad: Counter[str]
    dsns: Mapping[str, str]
    elsewhere: int


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the city's folder."""
    return tmp_path_factory.mktemp("chengde")


@pytest.fixture(scope="module")
def peers(folder: Path) -> Iterator[dict[str, Peer]]:
    """Yield the platforms that are servers of their own, by the name of their connection."""
    alone = {
        "SUPERV": SupervisionSystem, "PUSH": PushSystem, "DOCUMENT": DocumentLibrary, "ASSESS": AssessmentSystem,
        "GEO_MAP": MapService, "APP_GUIDE": GuideApp, "PROV_PORTAL": Portal, "SHARE_CATALOGUE": ShareCatalogue,
    }  # fmt: skip
    with ExitStack() as running:
        reports = {"SELF_ZJJ": BackupReports(folder / "self_zjj")}
        channels = running.enter_context(Channels())
        site: dict[str, Peer] = {"WEB": running.enter_context(WebSite(elsewhere=channels.answered))}
        yield (
            site
            | {name: running.enter_context(make()) for name, make in alone.items()}
            | channels.by_connection
            | reports
        )


@pytest.fixture(scope="module")
def chengde(servers: tuple[Server, Server], peers: dict[str, Peer], folder: Path) -> Iterator[Chengde]:
    """Yield the city with everything brought in."""
    hub, source = servers
    name = f"rules_{uuid.uuid4().hex[:8]}"
    hub.create_database(name)
    said: list[str] = []
    dsns = city.accounts(source.dsn())
    city.fill(source.dsn(), 0.02, progress=said.append)
    assert QUIET in said[-1]
    dsns |= {name: peer.dsn for name, peer in peers.items()}
    dsns |= {"EXCHANGE": hub.dsn(name), "LINKS": f"http://{urlsplit(peers['APP'].dsn).netloc.partition('@')[2]}"}
    migrate.upgrade(hub.dsn(name))
    keys = Keys.create(folder / "keys", city.CERT_KEY)
    deployment = Deployment(catalog.load(ROOT / "catalog"), hub.dsn(name), keys, dsns.get)
    hub_tables.prepare(deployment)
    assessed.freeze(deployment)
    carried = {(r.peer.connection, r.dataset.name) for r in deployment.catalog.routes.values() if not r.outbound}
    brought = {route: transfer.run(deployment, route) for route in in_order(deployment.catalog)}
    _transfer_messages(peers["WEB"])
    transfer.run(deployment, "message_post_in", whole=True)
    yield Chengde(
        deployment, brought, _noted(dsns) + Counter(_made_badly(peers, carried)), dsns, _elsewhere(peers["WEB"])
    )
    city.reset(source.dsn())


def _transfer_messages(site: Peer) -> None:
    """Hand on two messages that are known by now, one of them with a time limit of its own."""
    assert isinstance(site, WebSite)
    bad = {key for key, _ in site.bad[POST]}
    good = [row["message_id"] for row in site.rows(POST) if (row["message_id"],) not in bad]
    site.transfer(good[0])
    site.transfer(good[1], afresh=True)


def _elsewhere(site: Peer) -> int:
    assert isinstance(site, WebSite)
    bad, region = (
        {key for key, _ in site.bad[POST]},
        {unit["org_cc_code"]: unit["region_code"][:6] for unit in orgs.units()},
    )
    good = [row for row in site.rows(POST) if (row["message_id"],) not in bad]
    return sum(region[row["handling_unit"]] != row["division"][:6] for row in good)


def _noted(dsns: Mapping[str, str]) -> Counter[str]:
    """Count the bad rows that the platforms' databases hold."""
    noted: Counter[str] = Counter()
    for dsn in (dsn for name, dsn in dsns.items() if name.endswith("_ADMIN")):
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("select dataset || ' ' || rule from sandbox.bad_row")
            noted.update(row[0] for row in cursor.fetchall())
    return noted


def _made_badly(peers: Mapping[str, Peer], carried: set[tuple[str, str]]) -> Iterator[str]:
    """Yield the reasons of the bad records that the platforms which are servers hold, of what a route carries."""
    for name, peer in peers.items():
        for dataset, made in ({} if isinstance(peer, GuideApp) else peer.bad).items():
            yield from (f"{dataset} {rule}" for _, rule in made if (name, dataset) in carried)


def test_every_awake_rule_rejects_its_bad_rows_and_no_other(chengde: Chengde) -> None:
    """Each error rule has the rows made for it in quarantine or waiting, no good row is there, and both sides agree."""
    deployment, noted = chengde.deployment, chengde.bad
    for route, outcome in chengde.brought.items():
        everybody = {
            f"{rule} of {outcome.read}" for rule, count in outcome.warnings.items() if count > outcome.read // 2
        }
        zone = {f"{ZONE_WARNING} of {outcome.read}"} if route == ZONE_ROUTE else set()  # all its messages are about it
        assert everybody == zone, route
    assert chengde.brought["geo_address_in"].warnings["AD-02"] == sum(map(places.misplaced, range(city.ADDRESSES)))
    assert chengde.brought["message_post_in"].warnings["MS-04"] == chengde.elsewhere > 0
    with closing(psycopg2.connect(deployment.hub_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("select dataset || ' ' || rule from gateway.quarantine")
        found = Counter(row[0] for row in cursor.fetchall())
    brought = {r.dataset.name for r in deployment.catalog.routes.values() if not r.outbound}

    def awake(rule: Rule) -> bool:
        return rule.severity == "error" and (rule.needs is None or rule.needs in brought)

    rules = {f"{d.name} {rule.id}" for d in deployment.catalog.datasets.values() for rule in d.rules if awake(rule)}
    assert sorted(rules - found.keys()) == []
    assert (found - noted, noted - found) == (Counter(), Counter())
    assert [r for r in in_order(deployment.catalog) if not reconcile.run(deployment, r).passed] == []


def test_every_delivery_arrives_once(chengde: Chengde, peers: dict[str, Peer]) -> None:
    """What the hub holds is at the platform but for what it refused; again there is nothing to send."""
    deployment = chengde.deployment
    outbound = [r.route for r in deployment.catalog.routes.values() if r.outbound]
    sent = {route: delivery.run(deployment, route) for route in outbound}
    assert [route for route, outcome in sent.items() if outcome.read > outcome.landed + outcome.rejected] == []
    assert [route for route in outbound if delivery.run(deployment, route).read] == []
    assert [route for route in outbound if reconcile.run(deployment, route).passed is False] == []
    for name in ("WEB", "APP", "WECHAT", "SITE_130881"):
        site = peers[name]
        assert isinstance(site, WebSite)
        told = sent[f"item_guide_{name.removeprefix('SITE_').lower()}"]
        assert (len(site.guides.rows()), told.rejected) == (told.inserted, told.read - told.inserted)
        told = sent[f"message_reply_{name.removeprefix('SITE_').lower()}"] if name != "WEB" else None
        assert told is None or len(site.told_answers.rows()) == told.inserted > 10
    portal = peers["PROV_PORTAL"]
    assert isinstance(portal, Portal)
    unlike = {row["url"]: (row["state"], row["http_status"]) for row in portal.links.rows() if row["state"] != "1"}
    assert unlike == {"130823/": ("2", 301), "130828/": ("3", 503)}
    assess = peers["ASSESS"]
    assert isinstance(assess, AssessmentSystem)
    shown = {row["agreement"]: (row["due_count"], row["unmeasured"], row["issue_no"]) for row in assess.results.rows()}
    assert set(shown) == set(assessed.PROMISED)
    assert {(due >= 13, due == blind, no) for due, blind, no in shown.values()} == {(True, True, 1)}
    app, push = peers["APP"], peers["PUSH"]
    assert isinstance(app, WebSite)
    assert isinstance(push, PushSystem)
    shown = app.progress.rows()
    assert all("*" in row["applyer_name"] and row["contact_mobile"] is None for row in shown)
    assert len(shown) == sent["case_accept_app"].inserted > 1_000
    ordered = push.orders.rows()
    assert len(ordered) == sent["push_message_push"].inserted > 1_000
    assert sent["push_message_push"].rejects["PU-04"] == sum(map(pushes.expired, range(pushes.MESSAGES)))
    assert min(datetime.fromisoformat(row["expires_at"]) for row in ordered) > datetime.now(UTC)
    assert sent["message_reply_portal"].rejects["gate.secrecy"] == 1
    told = app.events.rows()
    assert len(told) == sent["case_event_app"].inserted > 5_000
    assert {row["remark"] for row in told} == {None}
    superv = peers["SUPERV"]
    assert isinstance(superv, SupervisionSystem)
    pushed = {row["superv_id"] for row in superv.held(TASK)}
    assert len(pushed) == sent["superv_task_superv"].inserted > 1_000
    fed_back = {row["superv_id"] for row in superv.rows(FEEDBACK)} - {key[0] for key, _ in superv.bad[FEEDBACK]}
    assert len(fed_back - pushed) < 20 < len(fed_back)  # those whose task it refused
    own = {row["message_id"] for row in portal.rows("message.post")}
    assert own.isdisjoint(row["message_id"] for row in portal.letters.rows())
    assert len(portal.letters.rows()) == sent["message_post_portal"].inserted > 1_500
    assert {row["author_key"] for row in portal.letters.rows()} == {None}


def test_the_sharing_platform_learns_what_the_gateway_exchanges(chengde: Chengde, peers: dict[str, Peer]) -> None:
    """Each data set that comes in, under its owner's code, but for the owner that no register knows; none of its own comes back."""
    deployment, there = chengde.deployment, peers["SHARE_CATALOGUE"]
    assert isinstance(there, ShareCatalogue)
    delivery.run(deployment, "resource_catalogue_share")
    held = there.registered.rows()
    owners = {r.dataset.name: r.dataset.owner for r in deployment.catalog.routes.values() if not r.outbound}
    assert {row["dataset"] for row in held} == {name for name, owner in owners.items() if owner != "bianban"}
    police = next(unit["org_cc_code"] for unit in orgs.units() if unit["org_name"] == "承德市公安局")
    assert {row["owner_unit"] for row in held if row["dataset"] == "pop.person"} == {police}
    assert {row["resource_code"] for row in held}.isdisjoint(row["resource_code"] for row in there.rows(CATALOGUE))


def test_documents_of_cases_and_of_the_library_do_not_go_in_circles(chengde: Chengde, peers: dict[str, Peer]) -> None:
    """The library gets those that came with cases, the approval system the library's, and neither its own."""
    deployment, library = chengde.deployment, peers["DOCUMENT"]
    assert isinstance(library, DocumentLibrary)
    sent = delivery.run(deployment, "document_meta_document", whole=True)
    delivery.run(deployment, "document_meta_approval")
    with closing(psycopg2.connect(deployment.hub_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select gw_source, array_agg(document_id order by document_id) from hub.document_meta group by 1"
        )
        held = dict(cursor.fetchall())
    taken = [row["document_id"] for row in library.received.rows()]
    assert sorted(taken) == sorted(set(held["approval"]) & set(taken))
    assert len(held["approval"]) >= 400 > len(taken) > 350  # but for those that it refused
    assert sent.read == len(held["approval"])
    with closing(psycopg2.connect(chengde.dsns["APPROVAL_BASE_ADMIN"])) as there, there.cursor() as cursor:
        cursor.execute(f"select document_id from {sources.table('document.meta').name} order by document_id")
        assert [row for (row,) in cursor.fetchall()] == held["document"]


@pytest.mark.parametrize(
    ("dataset", "statement", "rule"),
    [
        ("org.user", _RETURN_USER, "peer.E501"),  # a key of 64 digits of which the return holds 50
        ("licence.data", _RETURN_LICENCE, "peer.-"),  # the row again, without a code
    ],
)
def test_a_refusal_is_heard_from_the_table_of_its_kind(
    chengde: Chengde, dataset: str, statement: str, rule: str
) -> None:
    """Once, by the data set that it is about and by no other."""
    routes = [r for r in chengde.deployment.catalog.routes.values() if r.outbound and r.peer.platform == "prov"]
    for route in routes:
        delivery.run(chengde.deployment, route.route)
    with closing(psycopg2.connect(chengde.dsns["PROV_ADMIN"])) as there, there, there.cursor() as cursor:
        cursor.execute(statement)
    heard = {r.dataset.name: dict(delivery.run(chengde.deployment, r.route).rejects) for r in routes}
    assert {name: rejects for name, rejects in heard.items() if rejects} == {dataset: {rule: 1}}
    assert {rule for r in routes for rule in delivery.run(chengde.deployment, r.route).rejects} == set()


RETURNED = "select returned_to, returned_by, dataset, row_key, err_type, state from {} order by receipt_no"


def test_what_was_returned_goes_to_the_system_that_brought_it(chengde: Chengde) -> None:
    """The province's returns and others': to licence library, approval system and housing bureau their own, with key and code."""
    deployment = chengde.deployment
    assert transfer.run(deployment, "receipt_returned_in").rejected == 0
    told = {name: delivery.run(deployment, f"receipt_returned_{name}") for name in ("licence", "approval", "zjj")}
    with closing(psycopg2.connect(deployment.hub_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(RETURNED.format("hub.receipt_returned"))
        held = cursor.fetchall()
        cursor.execute("select count(*) from gateway.quarantine where rule like 'peer.%'")
        assert [(len(held),)] == cursor.fetchall()
        cursor.execute("select id from gateway.quarantine where route = 'licence_data_prov' and state = 'open'")
        (open_row,) = (row for (row,) in cursor.fetchall())
    of_users = [(row[0], row[3]) for row in held if row[2] == "org.user" and row[4] == "E501"]
    assert of_users == [("approval", None)]  # a person's key is told to nobody
    for name, target, own in (("LICENCE_BASE", "licence", {"licence"}), ("APPROVAL_BASE", "approval", {"approval"})):
        with closing(psycopg2.connect(chengde.dsns[f"{name}_ADMIN"])) as there, there.cursor() as cursor:
            cursor.execute(RETURNED.format("receipt_returned"))
            arrived = cursor.fetchall()
        assert arrived == [row for row in held if row[0] in own] != []
        assert told[target].inserted == len(arrived)
    assert told["zjj"].inserted == sum(row[0] == "self_zjj_case" for row in held)
    quarantine.discard(deployment, open_row, who="tester", why="证照已注销")
    transfer.run(deployment, "receipt_returned_in")
    assert delivery.run(deployment, "receipt_returned_licence").updated == 1
    with closing(psycopg2.connect(chengde.dsns["LICENCE_BASE_ADMIN"])) as there, there.cursor() as cursor:
        cursor.execute("select state, closed_at is not null from receipt_returned where receipt_no = %s", (open_row,))
        assert cursor.fetchall() == [("discarded", True)]
