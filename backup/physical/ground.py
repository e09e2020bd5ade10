"""What a physical copy needs to know of the server it is of, and the slot that keeps its WAL until it is received."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.errors import SlotLost
from gateway.sql import queries

_SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Ground:
    """The server: identity, version, size of a segment, its superuser, what must be as it was, and where tablespaces lie."""

    system_identifier: str
    major: int
    segment_bytes: int
    superuser: str
    prepared: int
    bytes: int
    tablespaces: dict[str, str]


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot: what it says of itself, how much WAL waits behind it, and how much the server may keep (None: no end)."""

    name: str
    status: str
    active: bool
    lag_bytes: int | None
    received: str | None
    limited: bool

    @property
    def lost(self) -> bool:
        """Tell whether the server threw away WAL that was not received."""
        return self.status == "lost"


def ground(connection: Connection) -> Ground:
    """Return what the server is."""
    row = pg.dicts(connection, _SQL["ground"])[0]
    places = {r["oid"]: r["place"] for r in pg.dicts(connection, _SQL["tablespaces"])}
    return Ground(**row, tablespaces=places)


def slot_name(plan: str) -> str:
    """Return the name of a plan's slot."""
    return f"gateway_{plan}"


def slot(connection: Connection, plan: str) -> Slot | None:
    """Return a plan's slot, or None when the server has none."""
    rows = pg.dicts(connection, _SQL["slot"], {"name": slot_name(plan)})
    return Slot(**rows[0]) if rows else None


def ready(dsn: str, plan: str, *, known: bool, new: bool) -> tuple[Ground, Slot]:
    """Return the server and the plan's slot, made when there never was one, or anew when that was asked for.

    SlotLost when it is gone or was invalidated though WAL was received by it: what came since is not received.
    """
    with (
        pg.platform_errors(plan, "look at its slot"),
        closing(pg.connect(dsn, name="gateway wal", autocommit=True)) as c,
    ):
        found = slot(c, plan)
        if not new and ((found is None and known) or (found is not None and found.lost)):
            what = "was invalidated" if found else "is gone"
            raise SlotLost(
                f"replication slot {slot_name(plan)} {what}: WAL since then may be lost",
                f"Run `gateway backup wal {plan} --new-slot`, then `gateway backup base {plan}`: the new base begins a new line.",
            )
        if found is not None and found.lost:
            pg.run(c, _SQL["drop"], {"name": slot_name(plan)})
            found = None
        if found is None:
            pg.run(c, _SQL["create"], {"name": slot_name(plan)})
        made = slot(c, plan)
        assert made is not None
        return ground(c), made


def drop(dsn: str, plan: str) -> None:
    """Remove a plan's slot: the server keeps no WAL for it any more."""
    with closing(pg.connect(dsn, name="gateway wal", autocommit=True)) as c:
        pg.run(c, _SQL["drop"], {"name": slot_name(plan)})
