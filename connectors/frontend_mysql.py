"""Reads the down tables of a front end (前置库) on MySQL or MariaDB: the newest version of each key that is not deleted.

The source is untyped: values arrive as text and the hub judges them, so that a zero date spoils its row alone. Versions are
told apart here and not in SQL, since servers before MySQL 8 have no window functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import Any, BinaryIO, Literal

import pymysql

from connectors import frontend_format, frontend_options, mysql_shape
from connectors import mysql_session as session
from connectors.frontend_options import Exchange
from gateway import records
from gateway.model import Dataset, Platform
from gateway.mysql_address import address
from gateway.ports import Mark, Probe, Shape, Window
from gateway.sql import queries

_SQL = queries(__file__)
_PAGE = 1000


class MysqlFrontend:
    """The down tables of one platform. Raises PlatformUnavailable; AccessDenied and SchemaMismatch."""

    format: Literal["binary", "text"] = "text"
    typed = False

    def __init__(self, platform: Platform, dsn: str) -> None:
        """Read options and address; sessions are opened when they are needed."""
        self._platform, self._options = platform, frontend_options.checked(platform)
        self._address = address(platform.platform, dsn)

    def probe(self, dataset: Dataset) -> Probe:
        """Return the server's clock, what is older than the data set's lag, and who the server is."""
        with self._session("probe") as connection:
            before = datetime.now(UTC)
            ((clock,),) = session.rows(connection, _SQL["clock"])
            after = datetime.now(UTC)
            ((identity,),) = session.rows(connection, _SQL["server"].format(variables=_variables(connection)))
        now = datetime.fromisoformat(clock + session.OFFSET).astimezone(UTC)
        lag = timedelta(seconds=dataset.lag_seconds)
        return Probe(at=before + (after - before) / 2, now=now, upper=now - lag, identity=identity)

    def describe(self, dataset: Dataset) -> Shape:
        """Return the columns of the down table; what only the envelope needs is no surprise."""
        down = frontend_format.down_of(self._platform, dataset)
        hint = frontend_format.table_hint(dataset, "down")
        with self._session(f"describe {down}") as connection:
            found = mysql_shape.columns(connection, self._platform.platform, down, hint)
        columns = mysql_shape.shape(dataset, found).columns
        return Shape(columns=frontend_format.without_envelope(dataset, dict(columns)))

    def mark(self, dataset: Dataset, memo: str) -> Mark:  # noqa: ARG002 - one small question is asked anyway
        """Return the sign of all that the server says of the down table."""
        down = frontend_format.down_of(self._platform, dataset)
        with self._session(f"look at {down}") as connection:
            return mysql_shape.mark(connection, down)

    @contextmanager
    def snapshot(self, parts: int = 1) -> Iterator[MysqlSnapshot]:  # noqa: ARG002 - versions of a key lie anywhere
        """Open one consistent view."""
        with self._errors("open a view"):
            connection = session.connect(self._address)
        try:
            with self._errors("open a view"):
                session.run(connection, "start transaction with consistent snapshot")
            yield MysqlSnapshot(self._platform, self._options, connection)
        finally:
            session.close(connection)

    def close(self) -> None:
        """Do nothing: each call closes its session."""

    @contextmanager
    def _session(self, doing: str) -> Iterator[pymysql.Connection[Any]]:
        with self._errors(doing):
            connection = session.connect(self._address)
            try:
                yield connection
            finally:
                session.close(connection)

    def _errors(self, doing: str) -> AbstractContextManager[None]:
        return session.platform_errors(self._platform.platform, doing)


class MysqlSnapshot:
    """One view of the down tables. Raises what its source raises."""

    parts = 1

    def __init__(self, platform: Platform, options: Exchange, connection: pymysql.Connection[Any]) -> None:
        """Read through a session whose view stands still."""
        self._platform, self._options, self._connection = platform, options, connection

    def copy(self, dataset: Dataset, window: Window, out: BinaryIO, part: int = 0) -> int:  # noqa: ARG002 - there is one
        """Write the newest version of each key as lines of `gateway.records`; the hub drops what lies after the window."""
        down = frontend_format.down_of(self._platform, dataset)
        statement = _SQL["versions"].format(
            columns=session.names(dataset.columns), table=session.name(down), since=_since(dataset, window),
            key=", ".join(f"cast({session.name(k)} as binary)" for k in dataset.key),
        )  # fmt: skip
        count = 0
        lines = self._newest(dataset, statement)
        while page := list(islice(lines, _PAGE)):
            out.write(records.lines((None, values) for values in page))
            count += len(page)
        return count

    def _newest(self, dataset: Dataset, statement: str) -> Iterator[tuple[str | None, ...]]:
        places = [dataset.columns.index(k) for k in dataset.key]
        deleted = self._options.operations["delete"]
        rows = session.streamed(self._connection, statement)
        with session.platform_errors(self._platform.platform, f"read {dataset.name}"):
            for _, versions in groupby(rows, key=lambda row: [row[place] for place in places]):
                *values, operation = next(versions)
                if operation != deleted:
                    yield tuple(values)


def _since(dataset: Dataset, window: Window) -> str:
    """Return the condition that leaves older versions out: only where the newest version is the newest by cursor too."""
    if window.after is None or dataset.cursor != "cd_time":
        return ""
    zone = dataset.field("cd_time").zone
    if zone not in {None, str(frontend_format.ZONE)}:
        return ""
    moment = window.after.astimezone(frontend_format.ZONE).replace(tzinfo=None)
    return f"where cd_time >= {session.literal(moment.isoformat(sep=' ', timespec='seconds'))}"


def _variables(connection: pymysql.Connection[Any]) -> str:
    """Return where this kind of server shows its settings."""
    ((version,),) = session.rows(connection, "select version()")
    return "information_schema.global_variables" if "MariaDB" in version else "performance_schema.global_variables"
