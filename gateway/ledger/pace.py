"""How platforms are spared, all processes together, by the hub's clock: turns of requests and rows, and rests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.sql import queries

_SQL = queries(__file__)
_LONGEST = 86_400.0  # seconds: what a platform asks for beyond a day is not believed
Limited = Literal["requests", "rows"]


@dataclass(frozen=True, slots=True)
class Rest:
    """A wait that a platform asked for, and how many seconds are left of it."""

    until: datetime
    seconds: float
    why: str


def take(connection: Connection, platform: str, limited: Limited, cost: float) -> float:
    """Reserve turns that take `cost` seconds together; return the seconds until they come, 0 when that is now.

    Turns come evenly: what was not used is not saved up.
    """
    found = pg.one(connection, _SQL[f"take_{limited}"], {"platform": platform, "cost": cost})
    return max(float(found[0]), 0.0)


def rest(connection: Connection, platform: str, seconds: float, why: str) -> None:
    """Note that a platform asked for a wait, a day at most."""
    pg.run(connection, _SQL["rest"], {"platform": platform, "seconds": min(seconds, _LONGEST), "why": why})


def resting(connection: Connection) -> Mapping[str, Rest]:
    """Return the platforms that rest now."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL["resting"])
        return {platform: Rest(*found) for platform, *found in cursor.fetchall()}


def wake(connection: Connection, platform: str) -> None:
    """Forget a platform's rest."""
    pg.run(connection, _SQL["wake"], {"platform": platform})
