"""The front end's tables keep what every connector promises: up tables are written, down tables read."""
# ruff: noqa: D102 - the harness does what suite.SourcePeer and suite.TargetPeer say

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extras import execute_values

from connectors.frontend import Frontend
from connectors.frontend_target import FrontendTarget
from gateway import pg
from gateway.embedded import Server
from gateway.model import Dataset, Platform
from tests.conformance.suite import (
    EVERYTHING,
    HashingSuite,
    RepairingSuite,
    Row,
    RowRefusingTargetSuite,
    TypedSourceSuite,
    row,
)
from tests.conformance.test_postgres import PostgresPeer

ENVELOPE = "cd_batch varchar(32) not null, cd_operation varchar(2) not null, cd_time timestamp(0) not null, data_source varchar(3) not null"
OPTIONS = {
    "region": "130800",
    "source": "CDE",
    "resources": {"test.everything": {"up": "up_everything", "down": "everything", "code": "0101", "row_key": "code"}},
}


class FrontendPeer(PostgresPeer):
    """A front end whose down table the platform fills, and whose up table the gateway does."""

    @property
    def platform(self) -> Platform:
        """Return the platform as a catalog declares it."""
        return Platform("peer", "前置库", "frontend", "PEER", "gxj", options=OPTIONS)

    def create(self, dataset: Dataset) -> None:
        super().create(dataset)
        for statement in (
            f"alter table {dataset.table} drop constraint {dataset.table}_pkey",
            f"create table up_{dataset.table} (like {dataset.table})",
            *(f"alter table {t} add {c}" for t in (dataset.table, f"up_{dataset.table}") for c in ENVELOPE.split(", ")),
        ):
            self.run(sql.SQL(statement))

    def write(self, dataset: Dataset, rows: Iterable[Row]) -> None:
        self.tell("I", dataset, rows)

    def tell(self, operation: str, dataset: Dataset, rows: Iterable[Row], at: str = "2026-11-24 12:00:00") -> None:
        """Add rows of one operation to the down table."""
        with psycopg2.connect(self.owner.dsn, password=self._server.password) as connection:
            _insert(connection, dataset, rows, operation, at)
        connection.close()

    @contextmanager
    def writing(self, dataset: Dataset, rows: Iterable[Row]) -> Iterator[None]:
        with psycopg2.connect(self.owner.dsn, password=self._server.password) as connection:
            now = pg.one(connection, "select localtimestamp")[0]
            stamped = [r if r["updated_at"] else r | {"updated_at": now} for r in rows]
            _insert(connection, dataset, stamped, "I", "2026-11-24 12:00:00")
            yield
        connection.close()

    def held(self, dataset: Dataset) -> list[tuple[Any, ...]]:
        newest = sql.SQL(
            "select {columns} from (select distinct on (code, part) * from {table} order by code, part, cd_time desc) n "
            "where cd_operation <> 'D' order by code collate \"C\""
        )
        with self.owner.cursor() as cursor:
            cursor.execute(
                newest.format(columns=pg.names(dataset.columns), table=sql.Identifier(f"up_{dataset.table}"))
            )
            return cursor.fetchall()

    def source(self) -> Frontend:
        return Frontend(self.platform, self._dsn_of(super().source()))

    def source_with_wrong_password(self) -> Frontend:
        return Frontend(self.platform, self._dsn_of(super().source_with_wrong_password()))

    def source_without_rights(self) -> Frontend:
        return Frontend(self.platform, self._dsn_of(super().source_without_rights()))

    def source_that_is_down(self) -> Frontend:
        return Frontend(self.platform, self._dsn_of(super().source_that_is_down()))

    def target(self) -> FrontendTarget:
        return FrontendTarget(self.platform, self._server.dsn(self._name))

    @staticmethod
    def _dsn_of(source: Any) -> str:
        return str(source._dsn)


def _insert(connection: Any, dataset: Dataset, rows: Iterable[Row], operation: str, at: str) -> None:
    columns = (*dataset.columns, "cd_batch", "cd_operation", "cd_time", "data_source")
    statement = sql.SQL("insert into {} ({}) values %s").format(sql.Identifier(dataset.table), pg.names(columns))
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            statement,
            [[*(r[c] for c in dataset.columns), "a batch of theirs", operation, at, "HEB"] for r in rows],
        )


class TestFrontend(TypedSourceSuite, HashingSuite, RepairingSuite, RowRefusingTargetSuite):
    """PostgreSQL behind the front end's format."""

    @pytest.fixture
    def peer(self, servers: tuple[Server, Server]) -> Iterator[FrontendPeer]:
        """Yield a fresh platform."""
        peer = FrontendPeer(servers[1])
        yield peer
        peer.owner.close()

    def test_newest_version_of_a_key_is_the_row(self, peer: FrontendPeer) -> None:
        """An update is a new row of the table, a deletion too: only what is left after them is read."""
        peer.create(EVERYTHING)
        peer.tell("I", EVERYTHING, [row("kept"), row("changed"), row("gone")])
        peer.tell("U", EVERYTHING, [row("changed", small=8)], "2026-11-24 12:00:01")
        peer.tell("D", EVERYTHING, [row("gone")], "2026-11-24 12:00:01")
        with peer.source().snapshot() as snapshot:
            assert snapshot.totals(EVERYTHING)[0] == 2

    def test_version_without_an_operation_is_a_row(self, peer: FrontendPeer) -> None:
        """Only what says that it is a deletion is one: nothing is left out in silence."""
        peer.create(EVERYTHING)
        peer.tell("I", EVERYTHING, [row("kept"), row("bare")])
        peer.run(sql.SQL("alter table everything alter cd_operation drop not null"))
        peer.run(sql.SQL("update everything set cd_operation = null where code = 'bare'"))
        with peer.source().snapshot() as snapshot:
            assert snapshot.totals(EVERYTHING)[0] == 2

    def test_names_of_their_own_are_no_surprise(self, peer: FrontendPeer) -> None:
        """The envelope is theirs; any other column that the contract does not know is one."""
        peer.create(EVERYTHING)
        assert set(peer.source().describe(EVERYTHING).columns) == set(EVERYTHING.columns)
        peer.run(sql.SQL("alter table everything add surprise integer"))
        assert "surprise" in peer.source().describe(EVERYTHING).columns

    def test_other_table_can_be_read_by_another_contract(self, peer: FrontendPeer) -> None:
        """Which table a data set lies in is the platform's matter, not the contract's."""
        peer.create(EVERYTHING)
        assert set(peer.source().describe(replace(EVERYTHING, table="elsewhere")).columns) == set(EVERYTHING.columns)
