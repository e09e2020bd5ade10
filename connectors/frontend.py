"""A front end (前置库): tables between two platforms, one side writes and the other collects.

On PostgreSQL, up tables are written in `frontend_target`: a row for each change, with batch, operation, time and source.
Down tables are read here as a data set like any other: the newest version of each key, unless that one is a deletion. The
same tables on MySQL or MariaDB are read in `frontend_mysql` and written in `frontend_mysql_target`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Literal

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from connectors import frontend_format, frontend_options
from connectors.frontend_mysql import MysqlFrontend
from connectors.frontend_mysql_target import MysqlFrontendTarget
from connectors.frontend_target import FrontendTarget
from connectors.postgres import Postgres, PostgresSnapshot
from connectors.postgres_projection import table
from gateway.model import Dataset, Platform
from gateway.mysql_address import is_mysql
from gateway.ports import Probe, Shape, Source, Target

OPTIONS = frontend_options.OPTIONS


def connect(platform: Platform, dsn: str) -> Source:
    """Return the platform's down tables as a source, on the kind of server that the connection names."""
    return MysqlFrontend(platform, dsn) if is_mysql(dsn) else Frontend(platform, dsn)


def connect_target(platform: Platform, dsn: str) -> Target:
    """Return the platform's up tables as a target, on the kind of server that the connection names."""
    return MysqlFrontendTarget(platform, dsn) if is_mysql(dsn) else FrontendTarget(platform, dsn)


def returns(platform: Platform) -> bool:
    """Tell whether the platform returns rows that it finds wrong."""
    resources = platform.options.get("resources", {}).values()
    return bool(platform.options.get("returns")) or any({"returns", "row_returns"} & r.keys() for r in resources)


class Frontend:
    """The down tables of one platform. Raises what the PostgreSQL connector raises."""

    format: Literal["binary", "text"] = "binary"
    typed = True

    def __init__(self, platform: Platform, dsn: str) -> None:
        """Read the options; connections are opened when they are needed."""
        self._platform = platform
        self._options = frontend_options.checked(platform)
        self._tables = Postgres(platform.platform, dsn, self._relation)

    def probe(self, dataset: Dataset) -> Probe:
        """Return the front end's clock, its oldest open transaction's start and its identity."""
        return self._tables.probe(dataset)

    def describe(self, dataset: Dataset) -> Shape:
        """Return the columns of the down table; what only the envelope needs is no surprise."""
        found = self._tables.describe(self._down(dataset))
        return replace(found, columns=frontend_format.without_envelope(dataset, dict(found.columns)))

    def catalogue(self, dataset: Dataset) -> AbstractContextManager[tuple[Connection, str]]:
        """Yield the session of small questions and the down table's name."""
        return self._tables.catalogue(self._down(dataset))

    def stamp(self, dataset: Dataset) -> str:
        """Return what each change of the down table's columns moves."""
        return self._tables.stamp(self._down(dataset))

    @contextmanager
    def snapshot(self, parts: int = 1) -> Iterator[PostgresSnapshot]:  # noqa: ARG002 - versions of a key may lie in any part
        """Open one consistent view."""
        with self._tables.snapshot() as snapshot:
            yield snapshot

    def close(self) -> None:
        """Close what is open; may be called twice."""
        self._tables.close()

    def _relation(self, dataset: Dataset) -> sql.Composable:
        """Return the newest version of each key that is not deleted, in place of the table."""
        key = sql.SQL(", ").join(map(sql.Identifier, dataset.key))
        return sql.SQL(
            "(select * from (select distinct on ({key}) * from {table} order by {key}, cd_time desc, cd_batch desc) newest "
            "where cd_operation is distinct from {delete})"
        ).format(
            key=key, table=table(self._down(dataset)),
            delete=sql.Literal(self._options.operations["delete"]),
        )  # fmt: skip

    def _down(self, dataset: Dataset) -> Dataset:
        return replace(dataset, table=frontend_format.down_of(self._platform, dataset))
