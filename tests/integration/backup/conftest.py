"""A self-built system with every kind of thing a dump must carry, a plan for it, and a repository in a folder."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from backup import drill, keys, plans, records, run
from backup.plans import Plan
from gateway.deployment import Deployment
from gateway.embedded import Server
from tests.integration.conftest import City

SYSTEM = """
create schema permit;
create table permit.holder (id bigint primary key, name text not null, born date);
create table permit.permit (id bigint generated always as identity primary key, holder bigint not null references permit.holder,
  plate varchar(10), fee numeric(10,2), detail json, spot point, paid boolean default false);
create index permit_by_plate on permit.permit (plate);
create table permit.log (at timestamptz not null, what text) partition by range (at);
create table permit.log_2025 partition of permit.log for values from ('2025-01-01') to ('2026-01-01');
create table permit.log_2026 partition of permit.log for values from ('2026-01-01') to ('2027-01-01');
create table permit."Mixed ""Name" (v text);
create view permit.open as select * from permit.permit where not paid;
create materialized view permit.total as select sum(fee) as fee from permit.permit;
create function permit.fee(bigint) returns numeric language sql stable as 'select fee from permit.permit where id = $1';
insert into permit.holder select g, '持有人' || g, date '1970-01-01' + g from generate_series(1, 500) g;
insert into permit.permit (holder, plate, fee, detail, spot)
  select 1 + g % 500, '冀H' || lpad(g::text, 5, '0'), g / 100.0, json_build_object('n', g), point(g, g) from generate_series(1, 2000) g;
insert into permit.log select timestamptz '2025-12-31 00:00+00' + g * interval '1 hour', 'x' || g from generate_series(1, 100) g;
insert into permit."Mixed ""Name" values (null), (''), ('值'), ('值');
"""
PLAN = """\
plan: permits
name: 停车许可系统
unit: gaj
source: {engine: postgresql, connection: PERMITS}
schedule: "0 2 * * *"
seal: {recipients: [CUSTODIAN, DRILL], identity: DRILL_IDENTITY}
repositories: [{repository: near, connection: NEAR}, {repository: far, connection: FAR}]
keep: {daily: 7}
promise: {rpo: 1d, rto: 1h}
drill:
  schedule: "0 5 * * 0"
  assert: [{sql: "select count(*) from permit.holder", is: 500}]
"""


@dataclass
class Office:
    """The system, its plan, its repositories, and the deployment that backs it up."""

    deployment: Deployment
    plan: Plan
    system: Connection
    dsn: str
    near: Path
    far: Path
    city: City
    known: dict[str, str]

    def ask(self, statement: str, values: Any = None) -> Any:
        """Run a statement at the system."""
        with self.system.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else cursor.rowcount

    def back_up(self) -> str:
        """Make a backup and return its name."""
        return run.run(self.deployment, self.plan).backup

    def drill(self, **more: Any) -> records.Found:
        """Drill the newest backup."""
        return drill.drill(self.deployment, self.plan, **more)

    def state(self, backup: str) -> str:
        """Return how a backup stands."""
        return str(records.one(self.city.hub, backup)["state"])

    def with_plan(self, **changes: Any) -> Office:
        """Return the same office with a changed plan."""
        return replace(self, plan=replace(self.plan, **changes))

    def left(self) -> list[Path]:
        """Return what working folders still hold."""
        return [p for p in (self.city.home / "backup").rglob("*") if p.is_file()]


@pytest.fixture(scope="session")
def permits(servers: tuple[Server, Server]) -> str:
    """Return the name of a database that is the system, for tests to copy."""
    servers[1].create_database("permits")
    with closing(psycopg2.connect(servers[1].dsn("permits"))) as connection, connection, connection.cursor() as cursor:
        cursor.execute(SYSTEM)
        cursor.execute("select lo_from_bytea(0, convert_to(repeat('附件', 3000), 'UTF8'))")
    return "permits"


@pytest.fixture
def office(city: City, permits: str, servers: tuple[Server, Server], tmp_path: Path) -> Iterator[Office]:
    """Yield a copy of the system with its plan."""
    name = f"p{uuid.uuid4().hex[:12]}"
    with closing(psycopg2.connect(servers[1].dsn())) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute(f"create database {name} template {permits}")
    dsn = servers[1].dsn(name)
    (tmp_path / "plans").mkdir()
    path = tmp_path / "plans" / "permits.yaml"
    path.write_text(PLAN, encoding="utf-8")
    near, far = tmp_path / "near", tmp_path / "far"
    (_, custodian), (identity, drilling) = keys.create(), keys.create()
    known = {
        "PERMITS": dsn, "NEAR": near.as_uri(), "FAR": far.as_uri(),
        "CUSTODIAN": custodian, "DRILL": drilling, "DRILL_IDENTITY": identity,
    }  # fmt: skip
    for place in (near, far):
        place.mkdir()
    deployment = replace(city.deployment, resolve=known.get)
    with closing(psycopg2.connect(dsn)) as system:
        system.autocommit = True
        yield Office(deployment, plans.read(path, deployment.catalog), system, dsn, near, far, city, known)
    with closing(psycopg2.connect(servers[1].dsn())) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute(f"drop database {name} with (force)")
