"""A city whose persons also go up to a front end, whose other side a test plays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg2
import pytest

from gateway.errors import PlatformUnavailable
from gateway.exchange import carry
from gateway.exchange.outcome import Outcome
from gateway.model import Platform, Route, Rule
from tests.integration.conftest import PERSON, City
from tests.integration.proxy import Proxy

IN, OUT = "person_in", "person_up"
UP = (
    "create table up_person (id varchar(18) not null, name varchar(6), sex smallint, amount numeric(10,2), updated_at timestamptz, "
    "cd_batch varchar(32) not null, cd_operation varchar(2) not null, cd_time timestamp(0) not null, data_source varchar(3) not null)"
)
RETURNS = (
    "create table dn_audit_abnormal (err_type varchar(100) not null, remark varchar(1000), table_name varchar(50) not null, "
    "table_sql_name varchar(50) not null, table_row_guid varchar(50) not null, table_cd_batch varchar(32) not null, "
    "table_cd_source varchar(10) not null, table_cd_time timestamp(0) not null, table_update_time timestamp(0) not null, "
    "row_guid varchar(50) not null, cd_time timestamp(0) not null)"
)
OPTIONS = {
    "region": "130800", "source": "CDE", "returns": "dn_audit_abnormal",
    "resources": {"test.person": {"up": "up_person", "code": "0101", "row_key": "id"}},
}  # fmt: skip
ONE = "P00000050"


@dataclass
class Uplink:
    """A city whose persons also go up to a front end, whose other side is played by the test."""

    city: City
    there: Any
    dsn: str

    def bring(self) -> Outcome:
        """Carry the source into the hub."""
        return carry.run(self.city.deployment, IN, whole=True)

    def deliver(self, **how: Any) -> Outcome:
        """Carry the hub to the front end and hear what it returned."""
        return carry.run(self.city.deployment, OUT, **how)

    def ask(self, statement: str, values: Any = None) -> Any:
        """Run a statement at the front end."""
        with self.there.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else cursor.rowcount

    def change(self, key: str = ONE, **values: Any) -> None:
        """Change a row at the source, under a new stamp."""
        changes = ", ".join(f"{name} = %s" for name in values)
        self.city.ask_source(f"update person set {changes}, updated_at = now() where id = %s", (*values.values(), key))

    def send_back(
        self, number: str, key: str = ONE, words: str = "数据项不符合省级规范", batch: str | None = None
    ) -> None:
        """Let the other side return the newest row of a key, or the row of a batch, days later."""
        self.ask(
            "insert into dn_audit_abnormal select 'E301', %s, '人员', 'up_person', %s, u.cd_batch, u.data_source, u.cd_time, "
            "u.cd_time, %s, localtimestamp(0) from up_person u where u.id = %s and (%s::text is null or u.cd_batch = %s) "
            "order by u.cd_time desc limit 1",
            (words, key, number, key, batch, batch),
        )

    def entries(self) -> list[tuple[Any, ...]]:
        """Return rule, state and words of every entry of the route, oldest first."""
        return list(
            self.city.ask("select rule, state, words from gateway.quarantine where route = %s order by id", (OUT,))
        )

    def open_entry(self) -> int:
        """Return the number of the one open entry."""
        ((number,),) = self.city.ask("select id from gateway.quarantine where route = %s and state = 'open'", (OUT,))
        return int(number)

    def reach(self, dsn: str) -> None:
        """Let the front end be reached by another address from now on."""
        here, source = self.city.deployment, self.city.source_dsn
        self.city.deployment = replace(here, resolve=lambda name: dsn if name == "PROV" else source)

    @contextmanager
    def lost(self, what: str) -> Iterator[None]:
        """Let the commit of a batch be lost at the front end: `swallow` its reply, or `cut` it off."""
        commits = [0]

        def watch(to_server: bool, data: bytes) -> str:
            commits[0] += to_server and b"COMMIT" in data
            return what if commits[0] == 2 else "pass"

        with Proxy(self.dsn, watch) as proxy:
            self.reach(proxy.dsn)
            with pytest.raises(PlatformUnavailable):
                yield
        self.reach(self.dsn)

    def with_options(self, options: dict[str, Any]) -> None:
        """Let the platform's options be others."""
        here = self.city.deployment.catalog
        prov = replace(here.platforms["prov"], options=options)
        routes = {**here.routes, OUT: replace(here.routes[OUT], peer=prov)}
        platforms = {**here.platforms, "prov": prov}
        self.city.deployment = replace(self.city.deployment, catalog=replace(here, routes=routes, platforms=platforms))

    def with_preflight(self, *rules: Rule) -> None:
        """Let the route have rules of its target."""
        catalog = self.city.deployment.catalog
        routes = {**catalog.routes, OUT: replace(catalog.routes[OUT], preflight=rules)}
        self.city.deployment = replace(self.city.deployment, catalog=replace(catalog, routes=routes))


@pytest.fixture
def uplink(city: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[Uplink]:
    """Yield the city with 100 persons in the hub and a front end that has none."""
    name = f"{city.source.info.dbname}_prov"
    city.servers[1].create_database(name)
    dsn = city.servers[1].dsn(name)
    monkeypatch.setenv("GATEWAY_CONN_PROV", dsn)
    prov = Platform("prov", "省平台", "frontend", "PROV", "gaj", clearance="L4", options=OPTIONS)
    catalog = city.deployment.catalog
    out = Route(OUT, PERSON, prov, "delivery", "manual", catalog.terms["daily"])
    routes, platforms = {**catalog.routes, OUT: out}, {**catalog.platforms, "prov": prov}
    city.deployment = replace(city.deployment, catalog=replace(catalog, routes=routes, platforms=platforms))
    there = psycopg2.connect(dsn, options="-c timezone=Asia/Shanghai")
    there.autocommit = True
    found = Uplink(city, there, dsn)
    found.ask(UP)
    found.ask(RETURNS)
    city.fill(100)
    found.bring()
    yield found
    there.close()
