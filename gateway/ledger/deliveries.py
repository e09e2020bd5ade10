"""Deliveries: which batches of the hub a route has sent, under which number, and whether the target confirmed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from gateway import pg
from gateway.sql import queries

_SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Range:
    """What a delivery carries: what hub batches after `after`, up to `upto` (None: up to the newest), have written.

    `number` is how the target knows it: the same number is the same range, and `left` when it was first sent. With a
    `decision` it is one quarantined row, which a person sends again, and nothing else.
    """

    number: int
    after: int
    upto: int | None
    left: datetime
    decision: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Extent:
    """How much lies in a range: rows with the sum of their record hashes, keys gone, rows stopped, and the newest batch."""

    rows: int
    gone: int
    stopped: int
    hash_sum: int
    upto: int

    @property
    def read(self) -> int:
        """Return how many rows and keys were looked at."""
        return self.rows + self.gone + self.stopped

    @property
    def sends(self) -> bool:
        """Tell whether there is anything to send."""
        return bool(self.rows or self.gone)


@dataclass(frozen=True, slots=True)
class Sent:
    """A confirmed delivery: how the target knows it, how much it took, and the newest hub batch in it."""

    number: int
    left: datetime
    counted: int
    upto: int


def begun(connection: Connection, route: str) -> tuple[Range, Extent] | None:
    """Return the delivery that left and was never confirmed, and how much it carried."""
    found = pg.one(connection, _SQL["begun"], {"route": route})
    if found is None:
        return None
    number, after, left, decision, *extent = found
    sizes = list(map(int, extent))
    return Range(number, after, sizes[-1], left, decision), Extent(*sizes)


def begin(connection: Connection, route: str, range_: Range, extent: Extent) -> None:
    """Note a delivery before it leaves; at most one of a route is under way."""
    values = {"number": range_.number, "route": route, "after": range_.after, "left": range_.left}
    decision = None if range_.decision is None else Json(dict(range_.decision))
    pg.run(connection, _SQL["begin"], {**values, **asdict(extent), "decision": decision})


def confirm(connection: Connection, number: int, counted: int) -> None:
    """Note that the target has taken a delivery, and how many rows and deletions it took."""
    pg.run(connection, _SQL["confirm"], {"number": number, "counted": counted})


def unread(connection: Connection, route: str) -> list[Sent]:
    """Return the confirmed deliveries of a route that were not read back yet; a whole one makes those before it idle."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL["unread"], {"route": route})
        return [Sent(*row) for row in cursor.fetchall()]


def note_read(connection: Connection, numbers: list[int]) -> None:
    """Note that the target was seen to hold these deliveries."""
    pg.run(connection, _SQL["note_read"], {"numbers": numbers})


def confirmed_upto(connection: Connection, route: str) -> int:
    """Return the newest hub batch that the route's target has; 0 when it has none."""
    return int(pg.one(connection, _SQL["confirmed_upto"], {"route": route})[0])


def next_left(connection: Connection, route: str) -> datetime:
    """Return the second in which a new delivery leaves: now, or the one after that of the delivery before."""
    found: datetime = pg.one(connection, _SQL["next_left"], {"route": route})[0]
    return found


def committed_at(connection: Connection, batch: int) -> datetime | None:
    """Return when the hub took a batch."""
    found = pg.one(connection, _SQL["committed_at"], {"batch": batch})
    return None if found is None else found[0]


def sender(connection: Connection) -> str:
    """Return the lasting name of this hub, by which targets tell its numbers from another hub's."""
    return str(pg.one(connection, _SQL["sender"])[0])


def refilling(connection: Connection, inbound: list[str]) -> str | None:
    """Return one of these routes that still has to bring everything in: the hub was restored, or the contract grew."""
    found = pg.one(connection, _SQL["refilling"], {"inbound": inbound})
    return None if found is None else str(found[0])


class Noted:
    """The memory of a route's target, in the ledger; `ports.Memory`."""

    def __init__(self, connection: Connection, route: str) -> None:
        """Use a connection that commits at once."""
        self._connection, self._route = connection, route

    def recall(self) -> Mapping[str, Any]:
        """Return the newest note; an empty one when there is none."""
        found = pg.one(self._connection, _SQL["recall"], {"route": self._route})
        return {} if found is None else dict(found[0])

    def keep(self, note: Mapping[str, Any]) -> None:
        """Keep a note in place of the one before."""
        with pg.hub_errors("keep a target's note"):
            pg.run(self._connection, _SQL["keep"], {"route": self._route, "note": Json(dict(note))})
