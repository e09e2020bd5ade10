"""Write a platform that is a PostgreSQL database; each batch is remembered in the transaction that wrote its rows.

Rows arrive as a binary COPY stream in the hub's types and are merged set-based: what the platform holds alike is left
alone, so that a batch sent again costs a comparison and nothing else. An empty table takes them as they come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from typing import Literal

from psycopg2 import sql
from psycopg2.errors import UniqueViolation
from psycopg2.extensions import connection as Connection

from connectors.postgres_projection import quoted, table
from connectors.postgres_shape import described, renamed_hint, stamp_of
from gateway import pg
from gateway.exchange.pipe import Errors, pipe_copy
from gateway.model import Dataset, Field
from gateway.ports import Delivery, Outgoing, Read, Shape
from gateway.sql import queries

_SQL = queries(__file__)
LOCK_WAIT = "30s"  # an owner who locks a row for longer is told to us; meanwhile the hub's view stays open
_ROWS, _GONE = sql.Identifier("gateway_rows"), sql.Identifier("gateway_gone")


class PostgresTarget:
    """A database whose tables the gateway may write. Raises PlatformUnavailable; AccessDenied and SchemaMismatch."""

    format: Literal["binary", "text"] = "binary"

    def __init__(self, platform: str, dsn: str) -> None:
        """Connect and make sure that batches can be remembered."""
        self._platform = platform
        with self._errors("connect"):
            self._connection = pg.connect(dsn, name=f"gateway to {platform}", lock_timeout=LOCK_WAIT)
            with self._connection:
                pg.run(self._connection, _SQL["alone"])
                if not pg.one(self._connection, _SQL["remembers"])[0]:
                    pg.run(self._connection, _SQL["state_table"])

    def describe(self, dataset: Dataset) -> Shape:
        """Return the table's columns; SchemaMismatch when there is no such table."""
        with self._errors(f"describe {dataset.table}"), self._connection:
            return described(self._connection, self._platform, quoted(dataset), renamed_hint(dataset))

    @contextmanager
    def catalogue(self, dataset: Dataset) -> Iterator[tuple[Connection, str]]:
        """Yield the session and the table's name."""
        with self._errors(f"look at the structure of {dataset.table}"), by_itself(self._connection) as connection:
            yield connection, quoted(dataset)

    def stamp(self, dataset: Dataset) -> str:
        """Return what each change of the table's columns moves; nothing when it is gone."""
        with self.catalogue(dataset) as (connection, name):
            return stamp_of(connection, name)

    def write(self, dataset: Dataset, batch: Outgoing) -> Delivery:
        """Delete keys and merge rows in one transaction, once per batch number."""
        with self._errors(f"write {dataset.name}"), self._connection as connection:
            known = {"hub": batch.hub, "batch": batch.number}
            if pg.one(connection, _SQL["claim_batch"], {**known, "dataset": dataset.name}) is None:
                inserted, updated, unchanged, deleted = pg.one(connection, _SQL["batch_taken"], known)
                return Delivery(batch.number, inserted, updated, unchanged, deleted, repeated=True)
            deleted = self._delete(dataset, batch.gone)
            sent, inserted, updated = self._copied(dataset, batch.stored) or self._merge(dataset, batch.rows)
            done = Delivery(batch.number, inserted, updated, sent - inserted - updated, deleted)
            pg.run(connection, _SQL["note_batch"], {**asdict(done), "hub": batch.hub})
        return done

    def close(self) -> None:
        """Close the connection; may be called twice."""
        self._connection.close()

    def _copied(self, dataset: Dataset, rows: Read | None) -> tuple[int, int, int] | None:
        """Store the rows straight in a plain table that is empty; None when it is none, or its owner had one of the keys first.

        Beside a table without rows nothing needs to be compared: that spares a copy, and a search for each key.
        """
        name = table(dataset)
        if rows is None or not pg.one(self._connection, _SQL["plain"], {"table": quoted(dataset)})[0]:
            return None
        if pg.one(self._connection, sql.SQL("select exists (select from {})").format(name))[0]:
            return None
        key = pg.names(dataset.key)
        matched = sql.SQL("insert into {0} ({1}) select {1} from {0} where false on conflict ({1}) do nothing")
        pg.run(
            self._connection, matched.format(name, key)
        )  # a table without that key is refused here as it is by merging
        copy_in = sql.SQL("copy {} ({}) from stdin (format binary)").format(name, pg.names(dataset.columns))
        pg.run(self._connection, "savepoint straight")
        try:
            sent = pipe_copy(rows, self._connection, copy_in, lambda _: nullcontext())
        except UniqueViolation:
            pg.run(self._connection, "rollback to savepoint straight")
            return None
        pg.run(self._connection, "release savepoint straight")
        return sent, sent, 0

    def _merge(self, dataset: Dataset, rows: Read) -> tuple[int, int, int]:
        """Insert and update what differs; return the rows that came, were inserted and were updated."""
        sent = received(self._connection, _ROWS, dataset.fields, rows, self._errors)
        statement = sql.SQL(
            "with done as (insert into {table} as t ({columns}) select {values} from {rows} on conflict ({key}) {action} "
            "returning xmax = 0 as fresh) "
            "select count(*) filter (where fresh), count(*) filter (where not fresh) from done"
        ).format(
            table=table(dataset), columns=pg.names(dataset.columns), values=stored(dataset.fields), rows=_ROWS,
            key=pg.names(dataset.key), action=_action(dataset),
        )  # fmt: skip
        inserted, updated = pg.one(self._connection, statement)
        return sent, int(inserted), int(updated)

    def _delete(self, dataset: Dataset, gone: Read) -> int:
        fields = [dataset.field(k) for k in dataset.key]
        if not received(self._connection, _GONE, fields, gone, self._errors):
            return 0
        pg.run(self._connection, sql.SQL("analyze {}").format(_GONE))  # it is joined
        statement = sql.SQL("delete from {} t using (select {} from {}) as g ({}) where {}").format(
            table(dataset), stored(fields), _GONE, pg.names(dataset.key),
            sql.SQL(" and ").join(sql.SQL("t.{0} = g.{0}").format(sql.Identifier(k)) for k in dataset.key),
        )  # fmt: skip
        return pg.run(self._connection, statement)

    def _errors(self, doing: str) -> AbstractContextManager[None]:
        return pg.platform_errors(self._platform, doing)


@contextmanager
def by_itself(connection: Connection) -> Iterator[Connection]:
    """Let a session commit each statement by itself for a while."""
    connection.autocommit = True
    try:
        yield connection
    finally:
        if not connection.closed:
            connection.autocommit = False


def received(connection: Connection, name: sql.Identifier, fields: Sequence[Field], read: Read, errors: Errors) -> int:
    """Store a stream of the hub's types in a table of this transaction and return its rows."""
    columns = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(f.name), sql.SQL(f.hub_type)) for f in fields)
    pg.run(connection, sql.SQL("create temp table {} ({}) on commit drop").format(name, columns))
    copy_in = sql.SQL("copy {} from stdin (format binary)").format(name)
    return pipe_copy(read, connection, copy_in, errors)


def stored(fields: Sequence[Field]) -> sql.Composed:
    """Return the fields as the platform holds them: a moment in a column without zone is the wall clock of its zone."""
    return sql.SQL(", ").join(
        sql.SQL("{} at time zone {}").format(sql.Identifier(f.name), sql.Literal(f.zone))
        if f.zone
        else sql.Identifier(f.name)
        for f in fields
    )


def _action(dataset: Dataset) -> sql.Composable:
    """Return what becomes of a row whose key is there: the new version, unless it is there already."""
    others = [c for c in dataset.columns if c not in dataset.key]
    if not others:
        return sql.SQL("do nothing")
    changes = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in others)
    return sql.SQL("do update set {} where ({}) is distinct from ({})").format(
        changes, pg.names(others, "t"), pg.names(others, "excluded")
    )
