"""Which records of the chain are sheets of which day, and what the ledger knows of a route's day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from gateway import pg
from gateway.sql import queries

_SQL = queries(__file__)


def facts(
    cursor: RealDictCursor, span: dict[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]], int, dict[str, int], datetime | None]:
    """Return what was carried, the comparisons, rows returned, what waits in quarantine, and up to where it is proven."""

    def rows(name: str) -> list[dict[str, Any]]:
        cursor.execute(_SQL[name], span)
        return [dict(row) for row in cursor.fetchall()]

    verified = rows("verified")
    returned = rows("returned")[0]["returned"]
    moment = verified[0]["verified_through"] if verified else None
    return rows("carried")[0], rows("compared"), int(returned), rows("waiting")[0], moment


def wait_for_others(connection: Connection) -> None:
    """Sign alone until the transaction ends."""
    pg.run(connection, _SQL["alone"])


def newest(connection: Connection, route: str, day: date) -> tuple[int, str] | None:
    """Return revision and body of the newest sheet of a day."""
    found: tuple[int, str] | None = pg.one(connection, _SQL["newest"], {"route": route, "day": day})
    return found


def add(connection: Connection, route: str, day: date, revision: int, receipt: int) -> None:
    """Note a revision."""
    pg.run(connection, _SQL["add"], {"route": route, "day": day, "revision": revision, "receipt": receipt})


def reopened(connection: Connection, day: date) -> list[tuple[str, date]]:
    """Return routes and days before `day` whose deliveries a target refused, or nobody refused in time, since their sheet."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL["reopened"], {"day": day})
        return cursor.fetchall()


def missing(connection: Connection, day: date) -> list[tuple[str, date]]:
    """Return routes and days before `day` that have no sheet though they could: nights in which nothing was signed."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL["missing"], {"day": day})
        return cursor.fetchall()


def listing(connection: Connection, *, route: str | None, day: date | None, limit: int) -> list[dict[str, Any]]:
    """Return sheets in their newest revision, newest day first."""
    return pg.dicts(connection, _SQL["list"], {"route": route, "day": day, "limit": limit})
