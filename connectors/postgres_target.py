"""Write a platform that is a PostgreSQL database; each batch is remembered in the transaction that wrote its rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from connectors.postgres_projection import table
from gateway import pg
from gateway.model import Dataset
from gateway.ports import Delivery
from gateway.sql import queries

_SQL = queries(__file__)
_SLICE = 1000


class PostgresTarget:
    """A table that the gateway may write; remembers each batch in the same transaction as its rows."""

    def __init__(self, platform: str, dsn: str) -> None:
        """Connect and make sure that batches can be remembered."""
        self._platform = platform
        with pg.platform_errors(platform, "connect"):
            self._connection = pg.connect(dsn, name=f"gateway to {platform}")
            with self._connection:
                pg.run(self._connection, _SQL["state_table"])

    def write(
        self,
        dataset: Dataset,
        batch_id: int,
        rows: Iterable[tuple[Any, ...]],
        deleted: Iterable[tuple[Any, ...]],
    ) -> Delivery:
        """Upsert rows and delete keys in one transaction, once per batch number."""
        with pg.platform_errors(self._platform, f"write {dataset.name}"), self._connection as connection:
            if pg.one(connection, _SQL["claim_batch"], {"batch": batch_id, "dataset": dataset.name}) is None:
                done = pg.one(connection, _SQL["batch_taken"], {"batch": batch_id})
                return Delivery(batch_id, int(done[0]), int(done[1]), repeated=True)
            written = _upsert(connection, dataset, rows)
            gone = _delete(connection, dataset, deleted)
            pg.run(connection, _SQL["note_batch"], {"batch": batch_id, "written": written, "deleted": gone})
        return Delivery(batch_id, written, gone)

    def close(self) -> None:
        """Close the connection; may be called twice."""
        self._connection.close()


def _upsert(connection: Connection, dataset: Dataset, rows: Iterable[tuple[Any, ...]]) -> int:
    others = [c for c in dataset.columns if c not in dataset.key]
    changes = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(c)) for c in others)
    action = sql.SQL("do update set {}").format(changes) if others else sql.SQL("do nothing")
    statement = sql.SQL("insert into {} ({}) values %s on conflict ({}) {}").format(
        table(dataset), pg.names(dataset.columns), pg.names(dataset.key), action
    )
    return _in_slices(connection, statement, rows)


def _delete(connection: Connection, dataset: Dataset, keys: Iterable[tuple[Any, ...]]) -> int:
    matches = sql.SQL(" and ").join(
        sql.SQL("t.{0} = gone.{0}::{1}").format(sql.Identifier(k), sql.SQL(dataset.field(k).hub_type))
        for k in dataset.key
    )
    statement = sql.SQL("delete from {} t using (values %s) as gone ({}) where {}").format(
        table(dataset), pg.names(dataset.key), matches
    )
    return _in_slices(connection, statement, keys)


def _in_slices(connection: Connection, statement: sql.Composed, rows: Iterable[tuple[Any, ...]]) -> int:
    """Run a VALUES statement over slices of 1,000 rows; return the rows touched."""
    touched = 0
    with connection.cursor() as cursor:
        slice_: list[tuple[Any, ...]] = []
        for row in rows:
            slice_.append(row)
            if len(slice_) == _SLICE:
                execute_values(cursor, statement, slice_, page_size=_SLICE)
                touched += cursor.rowcount
                slice_ = []
        if slice_:
            execute_values(cursor, statement, slice_, page_size=_SLICE)
            touched += cursor.rowcount
    return touched
