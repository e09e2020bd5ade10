"""A route that a person ends: it runs no more, nothing of it is left waiting, what it brought stays."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.alarms import routes
from gateway.errors import NotFound, PlatformUnavailable, RouteBusy, RouteHeld
from gateway.exchange import nightly, proof, reconcile, retirement, transfer
from gateway.ledger import decisions, ledger
from gateway.sla import agreements
from tests.integration.conftest import City

ROUTE = "person_in"
SAID = {"who": "张三", "why": "来源系统停用"}


def test_a_retired_route_runs_no_more_and_its_rows_stay(city: City) -> None:
    """A run is refused with who ended it and what to do; the hub has what it had."""
    city.fill(20)
    transfer.run(city.deployment, ROUTE)
    retirement.retire(city.deployment, ROUTE, **SAID)
    with pytest.raises(RouteHeld, match="retired by 张三: 来源系统停用") as refused:
        transfer.run(city.deployment, ROUTE)
    assert "Remove its file" in refused.value.hint
    assert len(city.hub_rows()) == 20


def test_nothing_of_a_retired_route_waits_for_a_person(city: City) -> None:
    """Its hold is released, its open rows are discarded with the reason; the chain has the decision and verifies."""
    city.fill(30, bad=3)
    transfer.run(city.deployment, ROUTE)
    city.ask_source("delete from person")
    with pytest.raises(RouteHeld):
        transfer.run(city.deployment, ROUTE, whole=True)
    ended = retirement.retire(city.deployment, ROUTE, **SAID)
    assert ended == retirement.Retired(holds=1, discarded=3)
    assert city.ask("select state, decided_by from gateway.hold") == [("released", "张三")]
    assert city.ask("select distinct state, closed_why from gateway.quarantine") == [("discarded", "来源系统停用")]
    ((text,),) = city.ask("select body from gateway.receipt where kind = 'decision'")
    body = json.loads(text)
    assert (body["what"], body["holds"], body["discarded"]) == ("retire", 1, 3)
    assert proof.verify(city.deployment).ok


def test_a_route_whose_file_is_gone_can_still_be_retired(city: City) -> None:
    """The catalog no longer knows it, the ledger does."""
    bare = replace(city.deployment, catalog=replace(city.deployment.catalog, routes={}))
    retirement.retire(bare, ROUTE, **SAID)
    with city.deployment.hub() as hub:
        assert ledger.state(hub, ROUTE).retired_at is not None


def test_a_running_route_is_not_retired(city: City) -> None:
    """Whoever ends it waits for the run."""
    with city.deployment.hub(autocommit=True) as running:
        ledger.take_locks(running, ROUTE, None)
        with pytest.raises(RouteBusy):
            retirement.retire(city.deployment, ROUTE, **SAID)
        ledger.free_locks(running)


@pytest.mark.parametrize("route", [ROUTE, "no_such"])
def test_only_a_living_route_is_retired(city: City, route: str) -> None:
    """Twice, or a name that the hub does not know."""
    retirement.retire(city.deployment, ROUTE, **SAID)
    with pytest.raises(NotFound, match="no route"):
        retirement.retire(city.deployment, route, **SAID)


def test_a_retired_route_owes_nothing(city: City) -> None:
    """What it promised ends with it, though its file is still in the catalog."""
    promised = city.with_route(schedule="0 * * * *")
    begun = datetime.now(UTC) - timedelta(hours=1)
    with promised.deployment.hub() as hub:
        agreements.sync(hub, promised.deployment.catalog, begun)
        assert [row["route"] for row in agreements.in_force(hub)] == [ROUTE]
    retirement.retire(promised.deployment, ROUTE, **SAID)
    with promised.deployment.hub() as hub:
        agreements.sync(hub, promised.deployment.catalog, datetime.now(UTC))
        assert agreements.in_force(hub) == []


def test_a_route_that_comes_back_compares_everything(city: City) -> None:
    """What the source lost meanwhile is found."""
    city.fill(20)
    transfer.run(city.deployment, ROUTE)
    retirement.retire(city.deployment, ROUTE, **SAID)
    city.ask_source("delete from person where id = 'P00000003'")
    decisions.resume(city.deployment, ROUTE, **SAID)
    transfer.run(city.deployment, ROUTE)
    assert city.hub_rows() == city.good_source_rows()
    assert reconcile.run(city.deployment, ROUTE).passed


def test_the_night_leaves_a_retired_route_out(city: City) -> None:
    """Its platform may be switched off."""
    city.fill(5)
    transfer.run(city.deployment, ROUTE)
    retirement.retire(city.deployment, ROUTE, **SAID)
    gone = replace(city.deployment, resolve=lambda _: "postgresql://nobody@127.0.0.1:1/none")
    assert nightly.compare_all(gone) == nightly.Night()


def test_no_alarm_stands_about_a_retired_route(city: City) -> None:
    """Tries in vain before its end are nobody's concern after it."""
    city.fill(5)
    transfer.run(city.deployment, ROUTE)
    gone = replace(city.deployment, resolve=lambda _: "postgresql://nobody@127.0.0.1:1/none")
    for _ in range(3):
        with pytest.raises(PlatformUnavailable):
            transfer.run(gone, ROUTE)
    assert [wrong.subject for wrong in routes.failures(gone)] == [ROUTE]
    retirement.retire(gone, ROUTE, **SAID)
    assert list(routes.failures(gone)) == []
