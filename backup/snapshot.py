"""One moment of a database, held still: its tables locked against change of structure, its snapshot shared with every reader.

A snapshot alone is not enough: a table truncated or rewritten by somebody else looks empty to it, to the dump and to the hash
alike. Therefore every table is locked (for readers' sake only) before the snapshot is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection

from backup import survey
from backup.survey import Table
from gateway import pg
from gateway.errors import BackupFailed

_TRIES = 4
_LOCK_SECONDS = "5s"
CHANGING = (errors.LockNotAvailable, errors.UndefinedTable, errors.InvalidSchemaName)


@dataclass(frozen=True, slots=True)
class Held:
    """The moment that is held, and the server that holds it."""

    id: str
    at: datetime
    lsn: str
    system_identifier: str
    major: int
    version: str
    database: str
    encoding: str
    bytes: int
    table_bytes: int


@contextmanager
def held(dsn: str, exclude: Sequence[str] = ()) -> Iterator[Held]:
    """Hold the moment while the block runs; BackupFailed when tables keep changing."""
    with closing(connect(dsn, "gateway backup holder")) as connection:
        pg.run(connection, "set idle_in_transaction_session_timeout = 0; set statement_timeout = 0")
        connection.commit()
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        yield _begin(connection, dsn, exclude)


def connect(dsn: str, name: str, snapshot: str | None = None) -> Connection:
    """Open a session that sees all rows, names nothing by a path, and sees the held moment if one is named."""
    connection = pg.connect(dsn, name=name, lock_timeout=_LOCK_SECONDS)
    pg.run(connection, "set search_path = pg_catalog")
    connection.commit()
    if snapshot is not None:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        pg.run(connection, "set transaction snapshot %s", (snapshot,))
    return connection


def _begin(connection: Connection, dsn: str, exclude: Sequence[str]) -> Held:
    why = ""
    for _ in range(_TRIES):
        try:
            with closing(connect(dsn, "gateway backup")) as before:
                wanted = survey.tables(before, exclude)
            lock(connection, wanted)
            snapshot = pg.one(connection, "select pg_export_snapshot()")[0]
            if (now := survey.tables(connection, exclude)) == wanted and [t.oid for t in now] == [
                t.oid for t in wanted
            ]:
                said = survey.server(connection)
                return Held(id=snapshot, table_bytes=sum(t.bytes for t in now), **said)
            why = "tables were made, dropped or rewritten meanwhile"
        except CHANGING as error:
            why = (error.diag.message_primary if error.diag else None) or type(error).__name__
        connection.rollback()
    raise BackupFailed(
        f"unable to hold the tables still: {why}",
        "Wait until the change of their structure is done; the run is repeated.",
    )


def lock(connection: Connection, tables: Sequence[Table]) -> None:
    """Lock tables before the transaction sees anything: what it then sees is what nobody may rewrite."""
    if tables:
        names = sql.SQL(", ").join(sql.SQL("only ") + t.identifier for t in tables)
        pg.run(connection, sql.SQL("lock table {} in access share mode").format(names))


def is_lost(error: psycopg2.Error) -> bool:
    """Tell whether an error means that the server or the moment is gone, and a new run may succeed."""
    return isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
