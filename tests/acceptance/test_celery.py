"""The whole catalog through CeleryExecutor: two workers, a real Redis with a password, a real PostgreSQL."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from celery import Celery

from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.exchange import hub as hub_tables
from gateway.exchange import proof, reconcile, transfer
from gateway.ledger import migrate
from gateway.security.crypto import Keys
from sandbox import assessed, city
from sandbox.airflow import AirflowStack, Api, celery_worker, free_port
from sandbox.running import without_clock
from sandbox.standins import Standins
from sandbox.waiting import until
from tests.conftest import folder_of_server

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
]
WORKERS = ("one", "two")
SCALE = 0.02
OWN = "exchange"  # the platform of what the gateway keeps of itself: it changes while the round runs
_HEALTHY_SECONDS = 600.0
_ROUTES_SECONDS = 2400.0
_PAUSE = 1.0


@dataclass
class Exchange:
    """What the catalog's one round through CeleryExecutor left behind."""

    deployment: Deployment
    states: dict[str, str]
    taken: dict[str, int]


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    """Yield one round of every route, its Airflow stopped and its databases still open for looking."""
    folder = folder_of_server("celery")
    with ExitStack() as running, pytest.MonkeyPatch.context() as patch:
        running.callback(shutil.rmtree, folder, ignore_errors=True)
        hub = running.enter_context(Server(folder / "hub"))
        platforms = running.enter_context(Server(folder / "platforms"))
        broker = running.enter_context(_redis(folder / "redis"))
        hub.create_database("gateway")
        hub.create_database("airflow")
        connections = city.accounts(platforms.dsn())
        city.fill(platforms.dsn(), scale=SCALE, progress=lambda _: None)
        connections |= running.enter_context(Standins(folder / "standins")).connections | {
            "EXCHANGE": hub.dsn("gateway")
        }
        settings = {
            "GATEWAY_HOME": str(folder / "gateway"),
            "GATEWAY_CATALOG": str(without_clock(folder)),  # no clock starts a route a second time
            "GATEWAY_HUB_DSN": hub.dsn("gateway"),
            **{f"GATEWAY_CONN_{name}": dsn for name, dsn in connections.items()},
        }
        for name, value in settings.items():
            patch.setenv(name, value)
        Keys.create(folder / "gateway" / "keys", hash_key=city.CERT_KEY)
        migrate.upgrade(settings["GATEWAY_HUB_DSN"])
        deployment = Deployment.open()
        hub_tables.prepare(deployment)
        assessed.freeze(deployment)
        celery = {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{hub.dsn('airflow')}".replace("postgresql", "postgresql+psycopg2"),
        }
        workers = [celery_worker(name, slots=2) for name in WORKERS]
        stack = AirflowStack(folder / "airflow", hub.dsn("airflow"), settings | celery, workers)
        stack.prepare()
        try:
            stack.start()
            stack.wait_healthy(_HEALTHY_SECONDS)
            stack.api().make_pools({f"platform.{p.platform}": p.slots for p in deployment.catalog.platforms.values()})
            until(lambda: len(_taken(broker)) == len(WORKERS), _HEALTHY_SECONDS, "not every worker answers")
            states, taken = _run(stack.api(), deployment), _taken(broker)
        finally:
            started = _family(stack.pids())
            stack.stop()
        assert [p for p in started if p.is_running()] == []
        yield Exchange(deployment, states, taken)


def test_every_route_succeeds(exchange: Exchange) -> None:
    """No route needs to run where the scheduler runs."""
    assert exchange.states == dict.fromkeys(exchange.deployment.catalog.routes, "success")


def test_both_workers_take_routes(exchange: Exchange) -> None:
    """The work is spread: the workers together did all of it, and none did nothing."""
    assert min(exchange.taken.values()) > 0
    assert sum(exchange.taken.values()) >= len(exchange.states)


def test_the_hub_equals_its_sources(exchange: Exchange) -> None:
    """Every data set is compared exactly, on both sides; what the round itself brought about at the gateway comes by the next run."""
    routes = exchange.deployment.catalog.routes
    own = [name for name, route in routes.items() if route.origin == OWN]
    differing = [r for r in routes if r not in own and reconcile.run(exchange.deployment, r).passed is False]
    for name in own:
        transfer.run(exchange.deployment, name)
    assert differing == []
    assert [r for r in own if not reconcile.run(exchange.deployment, r).passed] == []


def test_the_receipts_verify(exchange: Exchange) -> None:
    """Batches of two workers stand in one unbroken chain, one at least per route."""
    found = proof.verify(exchange.deployment)
    assert found.ok, found.first_fault
    assert found.checked >= len(exchange.states)


def _run(api: Api, deployment: Deployment) -> dict[str, str]:
    """Trigger the routes that wait for nobody; the others follow. Return how the first run of each ended."""
    dags, began = {name: f"route__{name}" for name in deployment.catalog.routes}, datetime.now(UTC)
    until(lambda: set(dags.values()) <= api.dags().keys(), _HEALTHY_SECONDS, "Airflow has not parsed every route")
    for dag in dags.values():
        api.unpause(dag)  # all of them first: news that comes while a DAG is paused never starts it
    for name, dag in dags.items():
        if deployment.catalog.routes[name].after is None:
            api.trigger(dag)
    ended: dict[str, str] = {}
    heard = began

    def all_ended() -> bool:
        nonlocal heard
        time.sleep(_PAUSE)  # the answers come from the api-server that the tasks report to
        for run in api.ended(began, heard):
            heard = datetime.fromisoformat(run["end_date"])
            ended.setdefault(run["dag_id"].removeprefix("route__"), run["state"])
        return dags.keys() <= ended.keys()

    until(all_ended, _ROUTES_SECONDS, "routes have not ended")
    for dag in dags.values():
        api.unpause(dag, paused=True)
    return {name: ended[name] for name in dags}


def _taken(broker: str) -> dict[str, int]:
    """Return how many tasks each answering worker has been given, asked of the workers through the broker."""
    with Celery(broker=broker) as app:
        found = app.control.inspect(timeout=5).stats() or {}
    return {worker: sum(stats["total"].values()) for worker, stats in found.items()}


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    """Run a Redis of our own on loopback and yield its address, password included."""
    folder.mkdir()
    port, password = free_port(), secrets.token_hex(24)
    config = folder / "redis.conf"
    config.touch(mode=0o600)
    config.write_text(f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {folder}\nsave ""\n')
    with (folder / "log").open("wb") as log, subprocess.Popen(["redis-server", str(config)], stdout=log) as server:
        try:
            yield f"redis://:{password}@127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait(30)


def _family(pids: list[int]) -> list[psutil.Process]:
    roots = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return [member for root in roots for member in [root, *root.children(recursive=True)]]
