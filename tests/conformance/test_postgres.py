"""The connector `postgres` keeps every promise, against PostgreSQL 18 and against 16."""
# ruff: noqa: D102 - the harness does what suite.SourcePeer and suite.TargetPeer say

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from connectors.postgres import Postgres
from connectors.postgres_target import PostgresTarget
from gateway import pg
from gateway.embedded import Server
from gateway.errors import AccessDenied
from gateway.exchange import hub as hub_tables
from gateway.exchange.pipe import pipe_copy
from gateway.model import Dataset, Field
from gateway.ports import Window
from tests.conformance.suite import (
    EVERYTHING,
    HashingSuite,
    RepairingSuite,
    Row,
    TargetSuite,
    TypedSourceSuite,
    landed,
    row,
)  # fmt: skip

PASSWORD = "p@ss:wörd/?#"


class PostgresPeer:
    """One fresh database with a reading account, and one that may read nothing."""

    def __init__(self, server: Server) -> None:
        """Make database and accounts."""
        self._server, self._name = server, f"c{uuid.uuid4().hex[:12]}"
        server.create_database(self._name)
        self.owner = psycopg2.connect(server.dsn(self._name), options="-c timezone=Asia/Shanghai")
        self.owner.autocommit = True
        self.reader, self.stranger = f"{self._name}_reader", f"{self._name}_stranger"
        for role in (self.reader, self.stranger):
            self.run(sql.SQL("create role {} login password {}").format(sql.Identifier(role), sql.Literal(PASSWORD)))
        self.run(sql.SQL("grant pg_read_all_stats to {}").format(sql.Identifier(self.reader)))
        self.secrets = (PASSWORD, server.password, "p%40ss", "a wrong one")

    def run(self, statement: sql.Composable) -> None:
        """Run a statement as the platform's owner."""
        pg.run(self.owner, statement)

    def create(self, dataset: Dataset) -> None:
        columns = [sql.SQL("{} {}").format(sql.Identifier(f.name), sql.SQL(f.type)) for f in dataset.fields]
        shape = sql.SQL("create table {} ({}, primary key ({}))")
        self.run(shape.format(sql.Identifier(dataset.table), sql.SQL(", ").join(columns), pg.names(dataset.key)))
        self.run(sql.SQL("grant select on {} to {}").format(sql.Identifier(dataset.table), sql.Identifier(self.reader)))

    def write(self, dataset: Dataset, rows: Iterable[Row]) -> None:
        _insert(self.owner, dataset, rows)

    @contextmanager
    def writing(self, dataset: Dataset, rows: Iterable[Row]) -> Iterator[None]:
        with psycopg2.connect(self.owner.dsn, password=self._server.password) as connection:
            now = pg.one(connection, "select localtimestamp")[0]
            _insert(connection, dataset, [r if r["updated_at"] else r | {"updated_at": now} for r in rows])
            yield
        connection.close()

    def held(self, dataset: Dataset) -> list[tuple[Any, ...]]:
        with self.owner.cursor() as cursor:
            cursor.execute(
                sql.SQL('select {} from {} order by code collate "C"').format(
                    pg.names(dataset.columns), sql.Identifier(dataset.table)
                )
            )
            return cursor.fetchall()

    def source(self) -> Postgres:
        return Postgres("peer", self._server.dsn(self._name, self.reader, PASSWORD))

    def source_with_wrong_password(self) -> Postgres:
        return Postgres("peer", self._server.dsn(self._name, self.reader, "a wrong one"))

    def source_without_rights(self) -> Postgres:
        return Postgres("peer", self._server.dsn(self._name, self.stranger, PASSWORD))

    def source_that_is_down(self) -> Postgres:
        parts = urlsplit(self._server.dsn(self._name, self.reader, PASSWORD))
        return Postgres("peer", urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.port}", ":1"))))

    def target(self) -> PostgresTarget:
        return PostgresTarget("peer", self._server.dsn(self._name))


def _insert(connection: Connection, dataset: Dataset, rows: Iterable[Row]) -> None:
    statement = sql.SQL("insert into {} ({}) values %s").format(
        sql.Identifier(dataset.table), pg.names(dataset.columns)
    )
    with connection.cursor() as cursor:
        execute_values(cursor, statement, [[r[c] for c in dataset.columns] for r in rows])


class TestPostgres(TypedSourceSuite, HashingSuite, RepairingSuite, TargetSuite):
    """PostgreSQL 18 on both sides."""

    @pytest.fixture
    def peer(self, servers: tuple[Server, Server]) -> Iterator[PostgresPeer]:
        """Yield a fresh platform."""
        peer = PostgresPeer(servers[1])
        yield peer
        peer.owner.close()

    def test_rows_hidden_by_a_policy_are_an_error(self, peer: PostgresPeer) -> None:
        """Row-level security would make a source look smaller than it is: refused instead."""
        peer.create(EVERYTHING)
        peer.write(EVERYTHING, [row("seen"), row("hidden")])
        peer.run(
            sql.SQL(
                "create policy p on everything using (code = 'seen'); alter table everything enable row level security"
            )
        )
        with peer.source().snapshot() as snapshot, open("/dev/null", "wb") as nowhere, pytest.raises(AccessDenied):  # noqa: PTH123
            snapshot.copy(EVERYTHING, Window(), nowhere)

    @pytest.mark.parametrize(
        ("column", "arrives"),
        [
            ("char(4)", ["", "ab", "abcd", "承德", "承德市区"]),  # the padding is no part of the value
            ("varchar(4)", ["", "ab  ", "abcd", "承德 ", "承德市区"]),  # blanks that somebody wrote are
        ],
    )
    def test_padding_stays_behind(self, hub: Connection, peer: PostgresPeer, column: str, arrives: list[str]) -> None:
        """A text of fixed length, a key too, comes without its padding, however it is read, and hashes as it arrives."""
        fields = (Field("code", "char(4)", required=True), Field("other", "char(4)"))
        padded = replace(EVERYTHING, name="test.padded", table="padded", fields=fields, key=("code",), cursor=None)
        peer.create(replace(padded, fields=tuple(replace(f, type=column) for f in fields)))
        peer.write(
            padded, [{"code": code, "other": code or None} for code in ("", "ab  ", "abcd", "承德 ", "承德市区")]
        )
        expected = [(code, code or None) for code in sorted(arrives)]
        source = peer.source()
        with source.snapshot() as snapshot:
            assert landed(hub, padded, source, lambda out: snapshot.copy(padded, Window(), out)) == expected
            query = sql.SQL("select code, {} from pg_temp.landed _r_").format(hub_tables.record_hash(padded, "_r_"))
            with hub.cursor() as cursor:
                cursor.execute(query)
                hashes = sorted(cursor.fetchall())
                cursor.execute("create temp table hashed (code text, hash bigint)")
                copy = sql.SQL("copy hashed from stdin (format binary)")
                pipe_copy(lambda out: snapshot.copy_hashes(padded, out), hub, copy)
                cursor.execute("select * from hashed")
                assert sorted(cursor.fetchall()) == hashes
            assert snapshot.totals(padded) == (len(arrives), sum(h for _, h in hashes))
        source.close()


class TestPostgres16(TestPostgres):
    """A PostgreSQL 16 platform in front of the PostgreSQL 18 hub."""

    @pytest.fixture
    def peer(self, server16: Server) -> Iterator[PostgresPeer]:
        """Yield a fresh platform."""
        peer = PostgresPeer(server16)
        yield peer
        peer.owner.close()
