"""Deliveries: which batches of the hub a route has sent, under which number, and whether the target confirmed them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.sql import queries

_SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Range:
    """What a delivery carries: what hub batches after `after`, up to `upto` (None: up to the newest), have written.

    `number` is how the target knows it: the same number is the same range.
    """

    number: int
    after: int
    upto: int | None


def begun(connection: Connection, route: str) -> Range | None:
    """Return the delivery that left and was never confirmed."""
    found = pg.one(connection, _SQL["begun"], {"route": route})
    return None if found is None else Range(*map(int, found))


def begin(connection: Connection, route: str, range_: Range, upto: int) -> None:
    """Note a delivery before it leaves; at most one of a route is under way."""
    values = {"number": range_.number, "route": route, "after": range_.after, "upto": upto}
    pg.run(connection, _SQL["begin"], values)


def confirm(connection: Connection, number: int) -> None:
    """Note that the target has taken a delivery."""
    pg.run(connection, _SQL["confirm"], {"number": number})


def confirmed_upto(connection: Connection, route: str) -> int:
    """Return the newest hub batch that the route's target has; 0 when it has none."""
    return int(pg.one(connection, _SQL["confirmed_upto"], {"route": route})[0])


def committed_at(connection: Connection, batch: int) -> datetime | None:
    """Return when the hub took a batch."""
    found = pg.one(connection, _SQL["committed_at"], {"batch": batch})
    return None if found is None else found[0]
