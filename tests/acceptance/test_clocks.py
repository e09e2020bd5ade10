"""What runs by the clock, in a real Airflow: occurrences, the circular, alarms, a missed deadline, base backups and WAL."""

from __future__ import annotations

import json
import os
from contextlib import closing
from typing import Any

import psutil
import psycopg2

from gateway import settings
from gateway.sla.periods import Period
from sandbox.running import ENDED, WAL_PLAN, RunningCity, ask, dag_of
from sandbox.waiting import until, wait_for

ROUTE = "geo_division_in"  # no other module of this folder needs its runs to end


def run(running: RunningCity, dag: str) -> str:
    """Let a DAG run once, well, and return the run's id."""
    running.api.unpause(dag)
    name = running.api.trigger(dag)
    assert ended(running, dag, name) == "success"
    return name


def ended(running: RunningCity, dag: str, name: str) -> str:
    """Return how a run of a DAG ended."""
    found = wait_for(
        lambda: next((r for r in running.api.runs(dag) if r["dag_run_id"] == name and r["state"] in ENDED), None),
        180,
        dag,
    )
    return str(found["state"])


def returned(running: RunningCity, dag: str, name: str, task: str) -> Any:
    """Return what a task of a run gave back."""
    found = running.api.xcom(dag, name, task, "return_value")
    return json.loads(found) if isinstance(found, str) and found[:1] in "{[" else found


def test_occurrences_are_brought_up_to_date_each_quarter_of_an_hour(running: RunningCity) -> None:
    """The run says which period it looked at; nothing is promised in a city whose routes start by hand."""
    name = run(running, "sla__clock")
    today = settings.now().astimezone(settings.CHINA).date()
    assert returned(running, "sla__clock", name, "measure") == Period.around(today).name


def test_the_circular_is_looked_for_twice_a_day(running: RunningCity) -> None:
    """A run tells how far the circular of the period before this one is: it was frozen with the city, and is published on its day."""
    name = run(running, "sla__circular")
    today = settings.now().astimezone(settings.CHINA).date()
    found = returned(running, "sla__circular", name, "advance")
    assert found["period"] == Period.around(today).before.name
    assert found["state"] in {"frozen", "published"}
    assert running.api.links("sla__circular", name, "advance") == {"通报 Circulars": "/exchange/circulars"}


def test_alarms_are_looked_for_and_listed_in_the_log(running: RunningCity) -> None:
    """The run returns how many of each kind stand; the log says it in words."""
    name = run(running, "exchange__alarms")
    counts = returned(running, "exchange__alarms", name, "watch")
    assert f"现有 {sum(counts.values())} 项 standing" in running.api.log("exchange__alarms", name, "watch", 1)


def test_a_run_that_misses_its_deadline_is_an_alarm(running: RunningCity) -> None:
    """It waits in the queue of a paused DAG; its deadline passes, and the triggerer tells the gateway."""
    running.api.unpause(dag_of(ROUTE), paused=True)
    name = running.api.trigger(dag_of(ROUTE))
    passed = (
        "update deadline set deadline_time = now() - interval '1 second' where dagrun_id = "
        "(select id from dag_run where dag_id = %s and run_id = %s) returning 1"
    )
    with closing(psycopg2.connect(running.hub.dsn("airflow"))) as airflow, airflow:
        assert ask(airflow, passed, (dag_of(ROUTE), name)) == [(1,)]
    said = "select said from gateway.alarm where kind = 'overrun' and subject = %s"
    ((words,),) = wait_for(lambda: running.ask(said, (ROUTE,)) or None, 60, "no alarm was raised")
    assert f"的运行 {name} 超过" in words
    running.api.fail(dag_of(ROUTE), name)


def test_wal_is_received_and_a_base_taken_and_proven(running: RunningCity) -> None:
    """One DAG receives without an end; beside it the other copies the server, recovers the copy, and compares it."""
    wal, base = f"wal__{WAL_PLAN}", f"base__{WAL_PLAN}"
    until(lambda: {wal, base} <= running.api.dags().keys(), 120, "the plan's DAGs are not parsed")
    running.api.unpause(wal)
    until(lambda: receivers(running), 60, "nobody receives")
    name = run(running, base)
    made, proven = (returned(running, base, name, task) for task in ("base", "drill_near"))
    assert (proven["backup"], proven["passed"]) == (made["backup"], True)
    assert running.api.links(base, name, "base") == {"备份记录 Record": f"/exchange/backups/{made['backup']}"}
    running.api.unpause(wal, paused=True)
    for one in running.api.runs(wal):
        if one["state"] not in ENDED:
            running.api.fail(wal, one["dag_run_id"])
    until(lambda: not receivers(running), 60, "its receiver outlives the run")


def receivers(running: RunningCity) -> list[int]:
    """Return the processes that receive WAL into the deployment's folder."""
    folder = os.fspath(running.home)
    return [
        p.pid for p in psutil.process_iter(["name", "cmdline"])
        if p.info["name"] == "pg_receivewal" and any(folder in word for word in p.info["cmdline"] or ())
    ]  # fmt: skip
