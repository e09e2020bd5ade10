"""The stand-in city with Airflow, as one thing that starts and stops: for acceptance tests and screenshots.

Unlike the demo it carries nothing by itself; with `by_hand` no clock starts a route, so that its user decides.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import psycopg2
from psycopg2.extensions import connection as Connection

from gateway.deployment import Deployment
from gateway.embedded import Server, pg_binary
from gateway.exchange import hub as hub_tables
from gateway.ledger import decisions, migrate
from gateway.security.crypto import Keys
from sandbox import assessed, city, drills
from sandbox.airflow import AirflowStack
from sandbox.standins import Standins
from sandbox.waiting import until, wait_for

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
_CLOCK_SECONDS = 60.0
ENDED = frozenset({"success", "failed"})
_HEALTHY_SECONDS = 600.0
_SETTINGS = {"shared_buffers": "64MB", "max_wal_size": "512MB"}
CLOCKS = (
    "exchange__alarms",
    "exchange__sheets",
    "exchange__notices",
    "exchange__holds",
    "exchange__schema_watch",
    "sla__clock",
    "sla__circular",
)  # what runs by itself from the first day and would meet a user's own runs
WAL_PLAN = "self_zjj_minutes"
_PLAN = f"""\
plan: {WAL_PLAN}
name: 住建局自建系统（分钟级）
unit: zjj
source: {{engine: postgresql, connection: SELF_ZJJ_DB}}
schedule: manual
seal: {{recipients: [BACKUP_CUSTODIAN_A, BACKUP_DRILL], identity: BACKUP_DRILL_IDENTITY}}
repositories: [{{repository: near, connection: BACKUP_NEAR}}]
keep: {{daily: 7}}
promise: {{rpo: 15m, rto: 1h}}
drill: {{schedule: manual}}
wal: {{base: manual, connection: SELF_ZJJ_DB}}
"""
_TIMED = re.compile(r'^schedule: "[^a].*"$', re.MULTILINE)  # a cron line; not after: …


@dataclass
class RunningCity:
    """Two PostgreSQL servers, the stand-in platforms, a filled city and the four components of Airflow, in one folder."""

    home: Path
    scale: float = 0.02
    by_hand: bool = True
    _running: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> RunningCity:
        """Start everything; whatever fails on the way, what was started is stopped."""
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        self._running.close()

    def _start(self) -> None:
        self.hub, self.platforms = Server(self.home / "hub", _SETTINGS), Server(self.home / "platforms", _SETTINGS)
        for server in (self.hub, self.platforms):
            self._running.enter_context(server)
        for name in ("gateway", "airflow"):
            self.hub.create_database(name)
        standins = self._running.enter_context(Standins(self.home / "standins"))
        self.stack = AirflowStack(self.home / "airflow", self.hub.dsn("airflow"), {})
        with ThreadPoolExecutor(1) as beside:
            migration = beside.submit(self.stack.prepare)
            self.connections = {
                **city.accounts(self.platforms.dsn()),
                **standins.connections,
                **drills.prepare(self.platforms, self.home / "backups"),
                "EXCHANGE": self.hub.dsn("gateway"),
            }
            city.fill(self.platforms.dsn(), scale=self.scale, progress=_silent)
            self.deployment = self._deployment()
            migration.result()
        self._running.callback(self.stack.stop)
        self.stack.start()
        self.stack.wait_healthy(_HEALTHY_SECONDS)
        self.api = self.stack.api()
        self.api.make_pools({f"platform.{p.platform}": p.slots for p in self.deployment.catalog.platforms.values()})
        wanted = {dag_of(route) for route in self.deployment.catalog.routes} | {*CLOCKS}
        until(lambda: wanted <= self.api.dags().keys(), _HEALTHY_SECONDS, "Airflow has not parsed every route")
        if self.by_hand:
            for dag in CLOCKS:
                self._stop_clock(dag)

    def _stop_clock(self, dag: str) -> None:
        """Pause a DAG; the run that a fresh Airflow makes up for ends by itself, or is ended, before anybody's own."""
        deadline = time.monotonic() + _CLOCK_SECONDS
        while unfinished := [run for run in self.api.runs(dag) if run["state"] not in ENDED]:
            if time.monotonic() > deadline:
                for run in unfinished:
                    self.api.fail(dag, run["dag_run_id"])
            time.sleep(0.3)
        self.api.unpause(dag, paused=True)

    def _deployment(self) -> Deployment:
        """Make catalog, keys, ledger and hub tables, and hand their settings to Airflow."""
        environment = {
            "GATEWAY_HOME": str(self.home / "gateway"),
            "GATEWAY_CATALOG": str(without_clock(self.home) if self.by_hand else ROOT / "catalog"),
            "GATEWAY_HUB_DSN": self.hub.dsn("gateway"),
        }
        connections = {f"GATEWAY_CONN_{name}": dsn for name, dsn in self.connections.items() if "ADMIN" not in name}
        self.environment = {**environment, **connections}
        self.stack.add_environment(self.environment)
        Keys.create(self.home / "gateway" / "keys", hash_key=city.CERT_KEY)
        migrate.upgrade(environment["GATEWAY_HUB_DSN"])
        with as_environment(self.environment):
            deployment = Deployment.open(self.connections.get)
            hub_tables.prepare(deployment)
            assessed.freeze(deployment)
        return deployment

    @contextmanager
    def owner_of(self, platform: str) -> Iterator[Connection]:
        """Yield a connection as the owner of a platform's database, who may change it; each statement commits."""
        connection = psycopg2.connect(self.connections[f"{platform.upper()}_ADMIN"])
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()

    def ask(self, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the hub."""
        connection = psycopg2.connect(self.hub.dsn("gateway"))
        try:
            return ask(connection, statement, values)
        finally:
            connection.close()

    def dump(self, database: str) -> str:
        """Return everything one of the hub server's databases holds, as text."""
        command = [str(pg_binary("pg_dump")), "--data-only", "--dbname", self.hub.dsn(database)]
        return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout

    def release(self, route: str) -> None:
        """End a route's hold without approving what it stopped."""
        ((number,),) = self.ask("select id from gateway.hold where route = %s and state = 'open'", (route,))
        decisions.release(self.deployment, number, who="sandbox", why="the rows are back")

    def carry(self, route: str, seconds: float = 120) -> dict[str, Any]:
        """Run a route through Airflow and return its run when it has ended."""
        return self.ended(route, self.start(route), seconds)

    def start(self, route: str) -> str:
        """Let a route's DAG run once and return the run's id."""
        self.api.unpause(dag_of(route))
        return self.api.trigger(dag_of(route))

    def ended(self, route: str, run_id: str, seconds: float = 600) -> dict[str, Any]:
        """Return a run when it has ended."""
        return wait_for(
            lambda: next((r for r in self.api.runs(dag_of(route)) if r["dag_run_id"] == run_id and r["state"] in ENDED), None),
            seconds,
            f"the run {run_id} of {route} has not ended",
        )  # fmt: skip


def dag_of(route: str) -> str:
    """Return the name of a route's DAG."""
    return f"route__{route}"


def without_clock(home: Path) -> Path:
    """Copy the city's catalog below `home`, every timed route started by hand, with a plan that keeps WAL; return its folder."""
    folder = home / "catalog"
    if not folder.exists():
        shutil.copytree(ROOT / "catalog", folder)
        (home / "schemas").symlink_to(ROOT / "schemas")
        for path in (folder / "routes").glob("*.yaml"):
            path.write_text(_TIMED.sub("schedule: manual", path.read_text(encoding="utf-8")), encoding="utf-8")
        (folder / "backups" / f"{WAL_PLAN}.yaml").write_text(_PLAN, encoding="utf-8")
    return folder


def ask(connection: Connection, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows, if it has any."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def as_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _silent(_: str) -> None:
    """Tell nobody."""
