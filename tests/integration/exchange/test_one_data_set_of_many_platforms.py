"""Sixteen platforms bring citizens' messages into one hub table: at once, each into its own part, no message twice."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from gateway import catalog
from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.exchange import hub as hub_tables
from gateway.exchange import proof, reconcile, transfer
from gateway.ledger import migrate
from gateway.security.crypto import Keys
from sandbox import city, places
from sandbox.channels import CLAIMED, Channels
from sandbox.messages import POST
from sandbox.portal import Portal
from sandbox.web import WebSite

ROOT = Path(__file__).parents[3]
AT_ONCE = 4  # as many workers as the demo has


@pytest.fixture
def channels() -> Iterator[Channels]:
    """Yield sub-sites, app and WeChat."""
    with Channels() as channels:
        yield channels


@pytest.fixture
def deployment(
    servers: tuple[Server, Server], channels: Channels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    """Yield a deployment of the city's own catalog in front of the official site, the channels and the provincial portal."""
    hub, _ = servers
    name = f"messages_{uuid.uuid4().hex[:8]}"
    hub.create_database(name)
    monkeypatch.setenv("GATEWAY_HOME", str(tmp_path))
    migrate.upgrade(hub.dsn(name))
    keys = Keys.create(tmp_path / "keys", city.CERT_KEY)
    with WebSite(posts=60, replies=20) as site, Portal() as portal:
        dsns = channels.connections | {"WEB": site.dsn, "PROV_PORTAL": portal.dsn}
        deployment = Deployment(catalog.load(ROOT / "catalog"), hub.dsn(name), keys, dsns.get)
        hub_tables.prepare(deployment)
        yield deployment


def ask(deployment: Deployment, query: str) -> list[tuple[Any, ...]]:
    """Return what the hub answers."""
    with closing(psycopg2.connect(deployment.hub_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_all_of_them_at_once(deployment: Deployment) -> None:
    """None is refused because another one runs; parts, claims and receipts are what they would be one after another."""
    routes = [r.route for r in deployment.catalog.routes.values() if r.dataset.name == POST and not r.outbound]
    assert len(routes) == 16
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda route: transfer.run(deployment, route), routes))
    assert [o.kind for o in outcomes] == ["first_load"] * 16
    held = dict(ask(deployment, "select gw_source, count(*) from hub.message_post group by 1"))
    assert held == {deployment.route(o.route).origin: o.inserted for o in outcomes}
    assert ask(deployment, "select count(*), count(distinct message_id) from hub.message_post") == [(sum(held.values()),) * 2]  # fmt: skip
    of_sites = "select gw_source, array_agg(distinct left(division, 6)) from hub.message_post where gw_source like 'site%' group by 1"
    assert dict(ask(deployment, of_sites)) == {f"site_{c.code}": [c.code] for c in places.counties()}
    claimed = ask(deployment, f"select source from gateway.quarantine where rule = '{CLAIMED}'")
    assert claimed in ([("app",)], [("wechat",)])  # whichever came second
    assert [route for route in routes if not reconcile.run(deployment, route).passed] == []
    assert proof.verify(deployment).ok
