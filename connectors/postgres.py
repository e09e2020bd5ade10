"""A platform that is a PostgreSQL database: read here (source, hashing, repairing), written in `postgres_target`.

The source computes the contract's projection in SQL: its columns in its order, repairs applied, naive times read in
their zone. Rows leave as a binary COPY stream and are never looked at in Python.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, Literal, cast

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from connectors.postgres_projection import bounds, hashed, original, page_range, projected, quoted, streamed, table
from connectors.postgres_shape import described, renamed_hint, stamp_of
from connectors.postgres_target import PostgresTarget
from gateway import pg
from gateway.errors import GatewayError
from gateway.model import Dataset, Field, Platform
from gateway.ports import Probe, Shape, Window
from gateway.sql import queries

OPTIONS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
}  # a PostgreSQL platform needs none
_SQL = queries(__file__)
_BUFFER = 262_144
_LOCK_WAIT = "30s"  # an owner who locks a table for longer is told to us, not waited for in silence


def connect(platform: Platform, dsn: str) -> Postgres:
    """Return the platform as a source."""
    return Postgres(platform.platform, dsn)


def connect_target(platform: Platform, dsn: str) -> PostgresTarget:
    """Return the platform as a target."""
    return PostgresTarget(platform.platform, dsn)


class Postgres:
    """Raises PlatformUnavailable (retryable); AccessDenied and SchemaMismatch (permanent)."""

    format: Literal["binary", "text"] = "binary"
    typed = True

    def __init__(self, platform: str, dsn: str, relation: Callable[[Dataset], sql.Composable] = table) -> None:
        """Keep name, DSN and what rows are read from; connections are opened when they are needed."""
        self._platform, self._dsn, self._relation = platform, dsn, relation
        self._ask: Connection | None = None

    def __repr__(self) -> str:
        """Name the platform, never the DSN."""
        return f"Postgres({self._platform!r})"

    def probe(self, dataset: Dataset) -> Probe:
        """Return the source's clock, its oldest open transaction's start and its identity."""
        with pg.platform_errors(self._platform, f"probe {dataset.name}"):
            before = datetime.now(UTC)
            row = pg.one(self._asking(), _SQL["probe"], {"lag": dataset.lag_seconds})
            after = datetime.now(UTC)
        return Probe(at=before + (after - before) / 2, now=row[0], upper=row[1], identity=row[2])

    def describe(self, dataset: Dataset) -> Shape:
        """Return the table's columns; SchemaMismatch when there is no such table."""
        with pg.platform_errors(self._platform, f"describe {dataset.table}"):
            return described(self._asking(), self._platform, quoted(dataset), renamed_hint(dataset))

    @contextmanager
    def catalogue(self, dataset: Dataset) -> Iterator[tuple[Connection, str]]:
        """Yield the session of small questions and the table's name."""
        with pg.platform_errors(self._platform, f"look at the structure of {dataset.table}"):
            yield self._asking(), quoted(dataset)

    def stamp(self, dataset: Dataset) -> str:
        """Return what each change of the table's columns moves; nothing when it is gone."""
        with self.catalogue(dataset) as (connection, name):
            return stamp_of(connection, name)

    @contextmanager
    def snapshot(self, parts: int = 1) -> Iterator[PostgresSnapshot]:
        """Open `parts` read-only connections that all see one exported snapshot."""
        with pg.platform_errors(self._platform, "open a snapshot"):
            connections = _snapshot_connections(self._dsn, parts)
        try:
            yield PostgresSnapshot(self._platform, connections, self._relation)
        finally:
            for connection in connections:
                connection.close()

    def close(self) -> None:
        """Close the connection used for small questions; may be called twice."""
        if self._ask is not None:
            self._ask.close()
            self._ask = None

    def _asking(self) -> Connection:
        if self._ask is None or self._ask.closed:
            self._ask = pg.connect(
                self._dsn, name=f"gateway {self._platform}", autocommit=True, lock_timeout=_LOCK_WAIT
            )
        return self._ask


class PostgresSnapshot:
    """One consistent view over several connections; also computes hashes and tells repairs (ports.Hashing, Repairing)."""

    def __init__(
        self, platform: str, connections: list[Connection], relation: Callable[[Dataset], sql.Composable] = table
    ) -> None:
        """Take connections whose transactions share one snapshot, and what the rows of a data set are read from."""
        self._platform, self._connections, self._relation = platform, connections, relation
        self.parts = len(connections)
        self._measuring, self._measured = threading.Lock(), dict[str, Future[int | None]]()
        self._checked_text = connections[0].info.parameter_status("server_encoding") != "SQL_ASCII"

    def copy(self, dataset: Dataset, window: Window, out: BinaryIO, part: int = 0) -> int:
        """Write the projection of the window's rows; parts are page ranges of the table."""
        conditions = bounds(dataset, window)
        if self.parts > 1 and (pages := self._pages(dataset)) is not None:
            conditions.append(page_range(pages, part, self.parts))
        elif part > 0:
            return self._copy(dataset, sql.SQL("false"), out, part)
        return self._copy(dataset, sql.SQL(" and ").join(conditions or [sql.SQL("true")]), out, part)

    def copy_keys(self, dataset: Dataset, keys: Sequence[tuple[Any, ...]], out: BinaryIO) -> int:
        """Write the rows of these keys."""
        return self._copy(dataset, self._among(dataset, keys), out, 0)

    def copy_repairs(
        self, dataset: Dataset, out: BinaryIO, window: Window, keys: Sequence[tuple[Any, ...]] | None = None
    ) -> int:
        """Write key, field and original of every value that a repair changed."""
        pairs = [
            (sql.Literal(f.name), original(f, checked_text=self._checked_text), self._projected(f))
            for f in dataset.fields
            if f.repairs
        ]
        values = [sql.SQL("({}, ({})::text, ({})::text)").format(*pair) for pair in pairs]
        changed = [sql.SQL("{} is distinct from {}").format(before, after) for _, before, after in pairs]
        conditions = [self._among(dataset, keys)] if keys is not None else bounds(dataset, window)
        query = sql.SQL(
            "select {key}, v.field, v.original from {table} as _r_, lateral (values {values}) as v (field, original, repaired) "
            "where v.original is distinct from v.repaired and ({changed}) and {conditions}"
        ).format(
            key=sql.SQL(", ").join(self._projected(dataset.field(k)) for k in dataset.key), table=self._relation(dataset),
            values=sql.SQL(", ").join(values), changed=sql.SQL(" or ").join(changed),
            conditions=sql.SQL(" and ").join(conditions or [sql.SQL("true")]),
        )  # fmt: skip
        return self._copy_out(query, out, 0, f"read the repairs of {dataset.name}")

    def hashes_like_hub(self, expected: int) -> bool:
        """Compare the hash of the fixed sample record with the hub's."""
        with pg.platform_errors(self._platform, "compute a record hash"):
            return bool(pg.one(self._connections[0], _SQL["hash_sample"])[0] == expected)

    def copy_hashes(self, dataset: Dataset, out: BinaryIO) -> int:
        """Write (key columns, record hash) of every row."""
        key = sql.SQL(", ").join(self._streamed(dataset.field(k)) for k in dataset.key)
        query = sql.SQL("select {}, {} from {} as _r_").format(key, self._record_hash(dataset), self._relation(dataset))
        return self._copy_out(query, out, 0, f"hash {dataset.name}")

    def totals(self, dataset: Dataset) -> tuple[int, int]:
        """Return count and sum of record hashes."""
        query = sql.SQL("select count(*), coalesce(sum({}), 0) from {} as _r_").format(
            self._record_hash(dataset), self._relation(dataset)
        )
        with pg.platform_errors(self._platform, f"sum the hashes of {dataset.name}"):
            row = pg.one(self._connections[0], query)
        return int(row[0]), int(row[1])

    def _pages(self, dataset: Dataset) -> int | None:
        """Measure the table once for all parts: they share what came of it, a failure too, for it ended the transaction."""
        with self._measuring:
            if dataset.name not in self._measured:
                self._measured[dataset.name] = measured = Future[int | None]()
                try:
                    measured.set_result(self._measure(dataset))
                except GatewayError as error:
                    measured.set_exception(error)
        return self._measured[dataset.name].result()

    def _measure(self, dataset: Dataset) -> int | None:
        """Return the table's pages, or None when it cannot be split by page.

        A table that grows meanwhile grows in the last part; one that is locked first cannot be rewritten between parts.
        """
        with pg.platform_errors(self._platform, f"measure {dataset.table}"):
            asking, name = self._connections[0], {"table": quoted(dataset)}
            if pg.one(asking, _SQL["is_plain"], name)[0]:
                for connection in self._connections:
                    pg.run(connection, sql.SQL("lock table {} in access share mode").format(table(dataset)))
            return cast("int | None", pg.one(asking, _SQL["pages"], name)[0])

    def _copy(self, dataset: Dataset, condition: sql.Composable, out: BinaryIO, part: int) -> int:
        columns = sql.SQL(", ").join(map(self._streamed, dataset.fields))
        query = sql.SQL("select {} from {} as _r_ where {}").format(columns, self._relation(dataset), condition)
        return self._copy_out(query, out, part, f"read {dataset.name}")

    def _projected(self, field: Field) -> sql.Composable:
        return projected(field, checked_text=self._checked_text)

    def _streamed(self, field: Field) -> sql.Composable:
        return streamed(field, checked_text=self._checked_text)

    def _record_hash(self, dataset: Dataset) -> sql.Composed:
        columns = sql.SQL(", ").join(hashed(f, checked_text=self._checked_text) for f in dataset.fields)
        return sql.SQL("pg_catalog.hash_record_extended(row({}), 0)").format(columns)

    def _among(self, dataset: Dataset, keys: Sequence[tuple[Any, ...]]) -> sql.Composed:
        """Return the condition that a row has one of these keys, on the bare columns where the projection leaves them alone.

        A key with a null equals nothing: one such key asks for all rows that lack a part of it.
        """
        fields = [dataset.field(name) for name in dataset.key]
        columns = [sql.Identifier(f.name) if self._bare(f) else self._projected(f) for f in fields]
        whole = [key for key in keys if None not in key]
        conditions: list[sql.Composable] = []
        if len(whole) < len(keys):
            conditions += [sql.SQL("{} is null").format(column) for column in columns]
        if whole:
            arrays = [
                sql.SQL("{}::{}[]").format(sql.Literal(list(values)), sql.SQL(f.type if self._bare(f) else f.hub_type))
                for f, values in zip(fields, zip(*whole, strict=True), strict=True)
            ]
            listed = sql.SQL("({}) in (select * from unnest({}))")
            conditions.append(listed.format(sql.SQL(", ").join(columns), sql.SQL(", ").join(arrays)))
        return sql.SQL("({})").format(sql.SQL(" or ").join(conditions))

    def _bare(self, field: Field) -> bool:
        return not (field.repairs or field.zone) and (self._checked_text or field.hub_type != "text")

    def _copy_out(self, query: sql.Composable, out: BinaryIO, part: int, doing: str) -> int:
        with pg.platform_errors(self._platform, doing), self._connections[part].cursor() as cursor:
            cursor.copy_expert(sql.SQL("copy ({}) to stdout (format binary)").format(query), out, size=_BUFFER)
            return int(cursor.rowcount)


def _snapshot_connections(dsn: str, parts: int) -> list[Connection]:
    connections = []
    try:
        for _ in range(parts):
            connections.append(pg.connect(dsn, name="gateway extract", lock_timeout=_LOCK_WAIT))
            connections[-1].set_session(isolation_level="REPEATABLE READ", readonly=True)
        if parts == 1:
            pg.run(connections[0], "select")  # the view is of now, not of the first read
        else:
            name = pg.one(connections[0], "select pg_catalog.pg_export_snapshot()")[0]
            for connection in connections[1:]:
                pg.run(connection, sql.SQL("set transaction snapshot {}").format(sql.Literal(name)))
    except BaseException:
        for connection in connections:
            connection.close()
        raise
    return connections
