"""A platform that must not be asked yet, in a real Airflow: its task waits outside of any slot and goes on by itself."""

from __future__ import annotations

from contextlib import closing

import psycopg2

from gateway.exchange import reconcile
from gateway.ledger import pace
from sandbox.running import RunningCity, ask, dag_of
from sandbox.waiting import until

ROUTE, SECONDS = "legal_social_org_in", 30


def test_a_route_of_a_resting_platform_is_put_off_and_goes_on_by_itself(running: RunningCity) -> None:
    """No slot is held, no retry is spent, the log says until when; after the wait the same try succeeds."""
    with closing(psycopg2.connect(running.hub.dsn("gateway"))) as hub, hub:
        pace.rest(hub, "legal", SECONDS, "it is busy")
        ((since,),) = ask(hub, "select clock_timestamp()")
    run = running.start(ROUTE)
    until(lambda: task(running, run) == ("deferred", 1), 60, "the task was not put off")
    with closing(psycopg2.connect(running.hub.dsn("airflow"))) as airflow:
        assert ask(airflow, "select include_deferred from slot_pool where pool = 'platform.legal'") == [(False,)]
    assert running.ended(ROUTE, run)["state"] == "success"
    assert task(running, run) == ("success", 1)
    opened = running.ask(
        "select b.opened_at >= p.resting_until from gateway.batch b, gateway.pace p "
        "where b.route = %s and b.opened_at > %s and p.platform = 'legal'",
        (ROUTE, since),
    )
    assert {late for (late,) in opened} == {True}
    log = running.api.log(dag_of(ROUTE), run, "exchange", 1)
    for words in ("GW-207", "platform legal rests until", "it is busy"):
        assert words in log
    assert reconcile.run(running.deployment, ROUTE).passed


def task(running: RunningCity, run: str) -> tuple[str, int]:
    """Return state and number of the newest try of the route's task."""
    found = running.api.task(dag_of(ROUTE), run, "exchange")
    return found["state"], found["try_number"]
