"""Features of a real map service in the hub and beyond: first load, changes, deletes, replay, delivery."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from gateway import catalog
from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.errors import PlatformUnavailable, RuleRefused
from gateway.exchange import delivery, reconcile, transfer
from gateway.exchange import hub as hub_tables
from gateway.ledger import migrate
from gateway.security.crypto import Keys
from sandbox import city, sources
from sandbox.features import FEATURE
from sandbox.maps import MapService
from schemas import watch

ROOT = Path(__file__).parents[3]
IN, SHARE = "geo_feature_in", "geo_feature_share"


@pytest.fixture(scope="module")
def maps() -> Iterator[MapService]:
    """Yield the map service, which takes seconds to start; what a test changes there, the next one finds changed."""
    with MapService() as maps:
        yield maps


@pytest.fixture
def deployment(
    servers: tuple[Server, Server], maps: MapService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    """Yield a deployment of the city's catalog; only the map service and the sharing platform are there."""
    hub, other = servers
    name = f"features_{uuid.uuid4().hex[:8]}"
    hub.create_database(name)
    monkeypatch.setenv("GATEWAY_HOME", str(tmp_path))
    dsns = {**city.accounts(other.dsn()), "GEO_MAP": maps.dsn}
    city.fill(other.dsn(), names=sources.RECEIVING, progress=lambda _: None)
    migrate.upgrade(hub.dsn(name))
    made = Deployment(
        catalog.load(ROOT / "catalog"), hub.dsn(name), Keys.create(tmp_path / "keys", city.CERT_KEY), dsns.get
    )
    hub_tables.prepare(made)
    yield made
    city.reset(other.dsn())


def _ask(dsn: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        cursor.execute(query, values)
        found = cursor.fetchall()
    connection.close()
    return found


def test_features_are_carried_kept_in_step_and_shared(deployment: Deployment, maps: MapService) -> None:
    """What the hub holds is what the service holds, longitude first, but for the bad ones; and so it is beyond the hub."""
    first = transfer.run(deployment, IN)
    bad = maps.bad[FEATURE]
    assert (first.read, first.inserted, first.rejected) == (len(maps.rows()), len(maps.rows()) - len(bad), len(bad))
    assert dict(first.rejects) == {rule: 1 for _, rule in bad}
    wanted = {r["feature_id"]: r["geometry"] for r in maps.rows()}
    held = dict(_ask(deployment.hub_dsn, "select feature_id, geometry from hub.geo_feature"))
    assert held == {name: shape for name, shape in wanted.items() if name not in {key for (key,), _ in bad}}
    assert delivery.run(deployment, SHARE).inserted == len(held)
    maps.add(name="新桥")
    maps.edit("XQD0000001", geometry={"type": "Point", "coordinates": [118.1, 41.1]})
    maps.delete("XQD0000002")
    second = transfer.run(deployment, IN)
    assert (second.inserted, second.updated, second.deleted) == (1, 1, 1)
    third = transfer.run(deployment, IN)
    assert (third.inserted, third.updated, third.deleted) == (0, 0, 0)
    assert reconcile.run(deployment, IN).passed
    out = delivery.run(deployment, SHARE)
    assert (out.inserted, out.updated, out.deleted) == (1, 1, 1)
    assert reconcile.run(deployment, SHARE).passed


def test_a_mended_feature_is_taken_from_quarantine(deployment: Deployment, maps: MapService) -> None:
    """One whose outline crosses itself is refused as it is, judged again when it is edited, and closed when it is mended there."""
    transfer.run(deployment, IN)
    (crossing,) = [key for (key,), rule in maps.bad[FEATURE] if rule == "geo.crossing"]
    query = "select id from gateway.quarantine where rule = 'geo.crossing' and state = 'open'"
    ((row,),) = _ask(deployment.hub_dsn, query)
    with pytest.raises(RuleRefused, match=r"geo\.crossing"):
        transfer.replay(deployment, row, who="t", why="t")
    swapped = '{"type": "Point", "coordinates": [40.9, 117.8]}'
    with pytest.raises(RuleRefused, match="GE-03"):
        transfer.replay(deployment, row, who="t", why="t", edits={"geometry": swapped})
    mended = {"type": "Point", "coordinates": [117.8, 40.9]}
    maps.edit(crossing, geometry=mended)
    assert transfer.run(deployment, IN).inserted == 1
    assert _ask(deployment.hub_dsn, "select geometry from hub.geo_feature where feature_id = %s", crossing) == [
        (mended,)
    ]
    assert _ask(deployment.hub_dsn, query) == []


def test_a_property_that_goes_is_seen_before_a_feature_is_read(
    deployment: Deployment, maps: MapService, tmp_path: Path
) -> None:
    """One that the contract ignores is kept as a new version and stops nothing; the same schema is asked for and no more."""
    transfer.run(deployment, IN)
    with closing(psycopg2.connect(deployment.hub_dsn)) as hub:
        assert [row["version"] for row in watch.history(hub, "geo_map")] == [1]
        transfer.run(deployment, IN)
        assert [row["version"] for row in watch.history(hub, "geo_map")] == [1]
    held = json.loads(maps.file.read_text(encoding="utf-8"))
    bare = [{**f, "properties": {k: v for k, v in f["properties"].items() if k != "remark"}} for f in held["features"]]
    fresh = tmp_path / "fresh.geojson"
    fresh.write_text(json.dumps({**held, "features": bare}, ensure_ascii=False), encoding="utf-8")
    fresh.replace(maps.file)
    try:
        transfer.run(deployment, IN)
        with closing(psycopg2.connect(deployment.hub_dsn)) as hub:
            rules = {change["rule"] for change in watch.version(hub, "geo_map")["changes"]}
    finally:
        maps.file.write_text(json.dumps(held, ensure_ascii=False), encoding="utf-8")
    assert "ogc.property.remove" in rules
    assert _ask(deployment.hub_dsn, "select count(*) from gateway.hold") == [(0,)]


def test_a_service_that_went_away_leaves_the_hub_as_it_was(
    deployment: Deployment, maps: MapService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run may be repeated, and is whole when the service is back at its address."""
    monkeypatch.setattr("connectors.http_peer._sleep", lambda _: None)
    monkeypatch.setattr("gateway.registry.stop_after_attempt", lambda _: lambda _: True)
    maps.stop()
    with pytest.raises(PlatformUnavailable):
        transfer.run(deployment, IN)
    assert _ask(deployment.hub_dsn, "select count(*) from hub.geo_feature") == [(0,)]
    maps.start()
    assert transfer.run(deployment, IN).inserted > 0
