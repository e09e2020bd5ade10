"""Windows of a route out of the hub: each batch that the hub took is followed to the target."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from gateway.errors import PlatformUnavailable
from gateway.exchange import carry
from gateway.model import Platform, Route, SlaTerm
from gateway.settings import CHINA
from gateway.sla import agreements, evidence, figures
from gateway.sla.periods import Period
from tests.integration.conftest import CREATE, PERSON, City

OUT = "person_share"
SOON = SlaTerm("soon", "实时", 10, 9900)  # five minutes for the hub, five for the target


@pytest.fixture
def sharing(city: City, monkeypatch: pytest.MonkeyPatch) -> City:
    """Return a city that has promised for three hours to deliver what it takes within ten minutes."""
    name = f"{city.source.info.dbname}_share"
    city.servers[1].create_database(name)
    monkeypatch.setenv("GATEWAY_CONN_SHARE", city.servers[1].dsn(name))
    there = psycopg2.connect(city.servers[1].dsn(name))
    there.autocommit = True
    there.cursor().execute(CREATE)
    there.close()
    share = Platform("share", "共享平台", "postgres", "SHARE", "gaj", clearance="L4")
    out = Route(OUT, PERSON, share, "delivery", f"after: {PERSON.name}", SOON)
    catalog = city.deployment.catalog
    routes, platforms = {**catalog.routes, OUT: out}, {**catalog.platforms, "share": share}
    city.deployment = replace(city.deployment, catalog=replace(catalog, routes=routes, platforms=platforms))
    with city.deployment.hub() as hub:
        agreements.sync(hub, city.deployment.catalog, datetime.now(UTC) - timedelta(hours=3))
    city.fill(20)
    carry.run(city.deployment, "person_in", whole=True)
    return city


def _report(city: City, later: timedelta = timedelta(seconds=1)) -> tuple[dict[str, Any], Period, datetime]:
    now = datetime.now(UTC) + later
    period = Period.around(now.astimezone(CHINA).date())
    made = figures.report(city.deployment, period, now)
    return next(route for route in made["routes"] if route["route"] == OUT), period, now


def test_what_was_delivered_in_time_is_on_time_and_what_waits_is_open_then_late(sharing: City, tmp_path: Path) -> None:
    """Two batches are timed from the hub to the target; the third waits, and nobody tried: the gateway's delay."""
    carry.run(sharing.deployment, OUT)
    sharing.ask_source("update person set amount = 9, updated_at = now() where id = 'P00000007'")
    carry.run(sharing.deployment, "person_in")
    carry.run(sharing.deployment, OUT)
    route, _, _ = _report(sharing)
    assert (route["latency"]["n"], route["late"]) == (2, 0)
    assert route["on_time"] >= 1
    sharing.ask_source("update person set amount = 10, updated_at = now() where id = 'P00000007'")
    carry.run(sharing.deployment, "person_in")
    assert _report(sharing)[0]["late"] == 0
    route, period, now = _report(sharing, timedelta(minutes=30))
    assert (route["late"], route["late_hub"]) == (1, 1)
    path = tmp_path / "evidence.zip"
    evidence.export(sharing.deployment, period, path, now)
    assert evidence.verify(sharing.deployment, path, period)[0] is None


def test_a_target_that_was_tried_in_vain_answers_for_the_delay(sharing: City) -> None:
    """The first try that found it away is when the gateway had handed over what it could."""
    here = sharing.deployment
    away = replace(
        here, resolve=lambda name: "postgresql://x@127.0.0.1:1/none" if name == "SHARE" else sharing.source_dsn
    )
    with pytest.raises(PlatformUnavailable):
        carry.run(away, OUT)
    route, _, _ = _report(sharing, timedelta(minutes=30))
    assert (route["late"], route["late_target"]) == (1, 1)
