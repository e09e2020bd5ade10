"""A small city that lives on the two servers of the session for one test."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.exchange import hub as hub_tables
from gateway.ledger import decisions, migrate
from gateway.model import Catalog, Dataset, DeleteLimit, Field, Platform, Route, Rule, SlaTerm, Unit
from gateway.security.crypto import Keys
from tests.integration.proxy import Proxy

PERSON = Dataset(
    name="test.person",
    chinese="测试人员",
    version="1.0.0",
    table="person",
    fields=(
        Field("id", "varchar(18)", "编号", required=True, classification="L4", limits={"maxLength": 18}),
        Field("name", "varchar(20)", "姓名", required=True, classification="L3", limits={"maxLength": 20}),
        Field("sex", "smallint", "性别", classification="L3"),
        Field("amount", "numeric(10,2)", "金额", classification="L2"),
        Field("updated_at", "timestamptz", "更新时间", required=True, classification="L2"),
    ),
    key=("id",),
    rules=(
        Rule(
            "T-01",
            "values",
            {"field": "sex", "values": ["1", "2"]},
            chinese="性别代码无效",
            english="bad sex",
            fields=("sex",),
        ),
    ),
    owner="gaj",
    cursor="updated_at",
    lag_seconds=60,
    delete_limit=DeleteLimit(count=10, ratio_bp=50),
)
CREATE = (
    "create table person (id varchar(18) primary key, name varchar(20), sex smallint, amount numeric(10,2), "
    "updated_at timestamptz)"
)


@dataclass
class City:
    """One route from a table `person` to a fresh hub, with both sides open for looking."""

    deployment: Deployment
    source: Connection
    hub: Connection
    source_dsn: str
    home: Path
    servers: tuple[Server, Server]

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings that name this city."""
        return {
            "GATEWAY_HOME": str(self.home),
            "GATEWAY_HUB_DSN": self.deployment.hub_dsn,
            "GATEWAY_CONN_SOURCE": self.source_dsn,
        }

    def fill(self, rows: int, *, bad: int = 0, start: int = 0) -> None:
        """Insert good rows and bad ones (sex 7) into the source."""
        self.ask_source(
            "insert into person select 'P' || lpad((g + %s)::text, 8, '0'), '张' || g, "
            "case when g <= %s then 7 else 1 + g %% 2 end, g / 100.0, now() - interval '1 hour' from generate_series(1, %s) g",
            (start, bad, rows),
        )

    def ask_source(self, statement: str, values: Any = None) -> Any:
        """Run a statement on the source."""
        return _ask(self.source, statement, values)

    def ask(self, statement: str, values: Any = None) -> Any:
        """Run a statement on the hub."""
        return _ask(self.hub, statement, values)

    def hub_rows(self) -> list[tuple[Any, ...]]:
        """Return the projection of the hub's rows in key order."""
        return list(self.ask("select id, name, sex, amount, updated_at from hub.test_person order by id"))

    def good_source_rows(self) -> list[tuple[Any, ...]]:
        """Return the source's rows that the rules accept, in key order."""
        return list(
            self.ask_source(
                "select id, name, sex, amount, updated_at from person where sex in (1, 2) and length(name) <= 20 order by id"
            )
        )

    def reopen(self) -> None:
        """Connect again to both sides, after a server was restarted or a database changed its settings."""
        for connection in (self.hub, self.source):
            connection.close()
        self.hub, self.source = psycopg2.connect(self.deployment.hub_dsn), psycopg2.connect(self.source_dsn)
        self.hub.autocommit = self.source.autocommit = True

    def release(self) -> None:
        """Release the open hold of the route."""
        hold = self.ask("select id from gateway.hold where state = 'open'")[0][0]
        decisions.release(self.deployment, hold, who="tester", why="the rows are back")

    def copy_hub(self) -> str:
        """Return the DSN of a copy of the hub as it is now: a backup."""
        dsn = urlsplit(self.deployment.hub_dsn)
        name = dsn.path[1:]
        self.hub.close()
        _ask_admin(self.servers[0], f"create database {name}_old template {name}")
        self.reopen()
        return urlunsplit(dsn._replace(path=f"/{name}_old"))

    def use_hub(self, dsn: str) -> None:
        """Go on with another hub database: the restored backup."""
        self.deployment = replace(self.deployment, hub_dsn=dsn)
        self.reopen()

    @contextmanager
    def through_proxy(self, side: str, watch: Callable[[int], str]) -> Iterator[City]:
        """Yield this city with its hub or source behind a proxy; `watch` is told the bytes relayed so far."""
        seen = [0]

        def count(_to_server: bool, data: bytes) -> str:
            seen[0] += len(data)
            return watch(seen[0])

        with Proxy(self.deployment.hub_dsn if side == "hub" else self.source_dsn, count) as proxy:
            if side == "hub":
                yield replace(self, deployment=replace(self.deployment, hub_dsn=proxy.dsn))
            else:
                yield replace(self, deployment=replace(self.deployment, resolve=lambda _name: proxy.dsn))

    @contextmanager
    def source_in(self, encoding: str) -> Iterator[City]:
        """Yield this city with an empty source table in a database of another encoding."""
        name = f"e{uuid.uuid4().hex[:12]}"
        locale = "template template0 locale_provider libc locale 'C'"
        _ask_admin(self.servers[1], f"create database {name} encoding '{encoding}' {locale}")
        dsn = self.servers[1].dsn(name)
        with _closing(psycopg2.connect(dsn, client_encoding="UTF8")) as source:
            source.autocommit = True
            _ask(source, CREATE)
            yield replace(
                self, source=source, source_dsn=dsn, deployment=replace(self.deployment, resolve=lambda _name: dsn)
            )

    def with_dataset(self, **changes: Any) -> City:
        """Return the same city with a changed contract."""
        catalog = self.deployment.catalog
        dataset = replace(catalog.datasets["test.person"], **changes)
        route = replace(catalog.routes["person_in"], dataset=dataset)
        changed = replace(catalog, datasets={dataset.name: dataset}, routes={"person_in": route})
        return replace(self, deployment=replace(self.deployment, catalog=changed))

    def with_route(self, **changes: Any) -> City:
        """Return the same city with a changed route."""
        catalog = self.deployment.catalog
        route = replace(catalog.routes["person_in"], **changes)
        return replace(self, deployment=replace(self.deployment, catalog=replace(catalog, routes={"person_in": route})))


def _ask_admin(server: Server, statement: str) -> None:
    with _closing(psycopg2.connect(server.dsn())) as admin:
        admin.autocommit = True
        _ask(admin, statement)


@contextmanager
def _closing(connection: Connection) -> Iterator[Connection]:
    try:
        yield connection
    finally:
        connection.close()


def _ask(connection: Connection, statement: str, values: Any = None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else cursor.rowcount


@pytest.fixture(scope="session")
def prepared(servers: tuple[Server, Server], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of a database that is a prepared hub, for tests to copy: preparing one takes a second."""
    servers[0].create_database("prepared")
    dsn = servers[0].dsn("prepared")
    migrate.upgrade(dsn)
    hub_tables.prepare(Deployment(_catalog(), dsn, Keys.create(tmp_path_factory.mktemp("prepared") / "keys")))
    return "prepared"


@pytest.fixture
def city(
    servers: tuple[Server, Server], prepared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[City]:
    """Yield a city with an empty source table and a prepared hub; both databases are new."""
    with new_city(servers, prepared, tmp_path / "home") as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


@contextmanager
def new_city(servers: tuple[Server, Server], prepared: str, home: Path) -> Iterator[City]:
    """Yield a city with databases of its own, for a test or for all of a file; `environment` names it to commands."""
    hub_server, source_server = servers
    name = f"t{uuid.uuid4().hex[:12]}"
    _ask_admin(hub_server, f"create database {name} template {prepared}")
    source_server.create_database(name)
    hub_dsn, source_dsn = hub_server.dsn(name), source_server.dsn(name)
    deployment = Deployment(_catalog(), hub_dsn, Keys.create(home / "keys"))
    hub, source = psycopg2.connect(hub_dsn), psycopg2.connect(source_dsn)
    hub.autocommit = source.autocommit = True
    _ask(source, CREATE)
    yield City(deployment, source, hub, source_dsn, home, servers)
    hub.close()
    source.close()
    for server in servers:  # a thousand of them would fill a disk
        _ask_admin(server, f"drop database {name} with (force)")


def _catalog() -> Catalog:
    platform = Platform("pop", "人口库", "postgres", "SOURCE", "gaj")
    term = SlaTerm("daily", "每日", 1440, 9900)
    route = Route("person_in", PERSON, platform, "incremental", "manual", term, delete_limit=PERSON.delete_limit)
    return Catalog(
        city="测试市", english="Test", division="130800", root=Path(), units={"gaj": Unit("gaj", "市公安局")},
        platforms={"pop": platform}, datasets={PERSON.name: PERSON}, routes={route.route: route}, terms={"daily": term},
    )  # fmt: skip
