"""Deliveries that wait for refusals, that nobody refused in time, or that were refused after all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.sql import queries

_SQL = queries(__file__)
STATES = ("open", "presumed", "returned", "reopened")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery that was read back and not refused: its number, the rows and deletions in it, and when it was confirmed."""

    number: int
    counted: int
    confirmed: datetime


def waiting(connection: Connection, route: str) -> list[Waiting]:
    """Return what may be presumed accepted when its time has passed, oldest first; ten thousand at most."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL["waiting"], {"route": route})
        return [Waiting(*row) for row in cursor.fetchall()]


def presume(connection: Connection, numbers: Sequence[int]) -> None:
    """Note that nobody refused these deliveries in time."""
    pg.run(connection, _SQL["presume"], {"numbers": list(numbers)})


def reopen(connection: Connection, route: str) -> tuple[int, ...]:
    """Note which deliveries were refused after they had been presumed accepted, and return their numbers."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL["reopen"], {"route": route})
        return tuple(sorted(int(number) for (number,) in cursor.fetchall()))


def figures(
    connection: Connection, route: str, begins: datetime | None = None, ends: datetime | None = None
) -> dict[str, int]:
    """Return how many deliveries, all or of a span of time, are open, presumed accepted, returned, and reopened."""
    found = pg.one(connection, _SQL["figures"], {"route": route, "from": begins, "to": ends})
    return dict(zip(STATES, map(int, found), strict=True))
