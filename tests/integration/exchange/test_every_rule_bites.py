"""The stand-in city holds a bad row for every rule that is awake, and the gateway finds each for its own reason."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from gateway import catalog
from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.exchange import hub as hub_tables
from gateway.exchange import reconcile, transfer
from gateway.ledger import migrate
from gateway.model import Rule
from gateway.security.crypto import Keys
from sandbox import city
from sandbox.maps import MapService
from sandbox.superv import SupervisionSystem
from sandbox.web import WebSite

ROOT = Path(__file__).parents[3]
QUIET = "the platforms hold"


@pytest.fixture
def site() -> Iterator[WebSite]:
    """Yield the official site."""
    with WebSite() as site:
        yield site


@pytest.fixture
def superv() -> Iterator[SupervisionSystem]:
    """Yield the approval-supervision interaction system."""
    with SupervisionSystem() as superv:
        yield superv


@pytest.fixture
def maps() -> Iterator[MapService]:
    """Yield the map service of the geographic library."""
    with MapService() as maps:
        yield maps


@pytest.fixture
def chengde(
    servers: tuple[Server, Server],
    site: WebSite,
    superv: SupervisionSystem,
    maps: MapService,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Deployment]:
    """Yield a deployment of the city's own catalog in front of a small stand-in city."""
    hub, source = servers
    name = f"rules_{uuid.uuid4().hex[:8]}"
    hub.create_database(name)
    monkeypatch.setenv("GATEWAY_HOME", str(tmp_path))
    said: list[str] = []
    dsns = city.fill(source.dsn(), 0.02, progress=said.append)
    assert QUIET in said[-1]
    dsns |= {"WEB": site.dsn, "SUPERV": superv.dsn, "GEO_MAP": maps.dsn}
    migrate.upgrade(hub.dsn(name))
    deployment = Deployment(
        catalog.load(ROOT / "catalog"), hub.dsn(name), Keys.create(tmp_path / "keys", city.CERT_KEY), dsns.get
    )
    hub_tables.prepare(deployment)
    yield deployment
    city.reset(source.dsn())


def _in_order(deployment: Deployment) -> list[str]:
    """Return the inbound routes so that what others refer to comes first."""
    routes = [r for r in deployment.catalog.routes.values() if not r.outbound]
    return [r.route for r in sorted(routes, key=lambda r: (r.after is not None, r.route))]


def test_every_awake_rule_rejects_its_bad_row(
    chengde: Deployment, site: WebSite, superv: SupervisionSystem, maps: MapService
) -> None:
    """Each error rule has rows in quarantine or waiting, no good row is among them, and both sides agree."""
    warned: set[str] = set()
    for route in _in_order(chengde):
        outcome = transfer.run(chengde, route)
        warned |= {f"{outcome.dataset} {rule}" for rule in outcome.warnings}
        everybody = {
            f"{rule} of {outcome.read}" for rule, count in outcome.warnings.items() if count > outcome.read // 2
        }
        assert everybody == set(), route
    connection = psycopg2.connect(chengde.hub_dsn)
    with connection, connection.cursor() as cursor:
        cursor.execute("select dataset || ' ' || rule from gateway.quarantine group by 1")
        found = {row[0] for row in cursor.fetchall()}
    connection.close()
    names = set(chengde.catalog.datasets)

    def awake(rule: Rule) -> bool:
        return rule.severity == "error" and (rule.needs is None or rule.needs in names)

    expected = {f"{d.name} {rule.id}" for d in chengde.catalog.datasets.values() for rule in d.rules if awake(rule)}
    expected |= {
        f"{dataset} {rule}" for peer in (site, superv, maps) for dataset, made in peer.bad.items() for _, rule in made
    }
    assert sorted(expected - found) == []
    assert sorted(found - expected) == []
    assert [r for r in _in_order(chengde) if not reconcile.run(chengde, r).passed] == []
