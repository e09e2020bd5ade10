"""What the ledger keeps of changes that take effect: openings, reports and views, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from gateway import pg
from gateway.sql import queries

_SQL = queries(__file__)
_WAIT = "30s"  # for a run of the data set to end
HUB = "hub"  # the place of views that stand in the hub; any other is a platform's


@dataclass(frozen=True, slots=True)
class View:
    """An old-shape view that stands or is asked for: where, of which relation, and by which role each unit reads it."""

    place: str
    schema: str
    view: str
    notice: int
    base: str
    units: Mapping[str, str]
    writable: bool
    drop_after: date | None = None
    made_at: datetime | None = None
    observed_since: datetime | None = None
    counter: Mapping[str, Any] | None = None
    last_used: datetime | None = None
    dropped_at: datetime | None = None

    @property
    def name(self) -> str:
        """Return its name in full."""
        return f"{self.schema}.{self.view}"


def rows(connection: Connection, statement: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a named statement."""
    return pg.dicts(connection, _SQL[statement], values)


def run(connection: Connection, statement: str, values: Mapping[str, Any]) -> int:
    """Run a named statement; mappings and lists become JSON."""
    made = {name: Json(value) if isinstance(value, dict | list) else value for name, value in values.items()}
    return pg.run(connection, _SQL[statement], made)


def wait_for_dataset(connection: Connection, dataset: str) -> None:
    """Wait until no run writes the data set, and keep others from it until the transaction ends."""
    pg.run(connection, "select set_config('lock_timeout', %s, true)", (_WAIT,))
    pg.one(connection, _SQL["wait_for_dataset"], {"dataset": dataset})


def views(connection: Connection, notice: int | None = None) -> list[View]:
    """Return the old-shape views of a notice, or all, that were not dropped."""
    return [View(**row) for row in rows(connection, "views", {"notice": notice})]


def put_view(connection: Connection, view: View) -> None:
    """Note a view that is asked for or was made."""
    names = ("place", "schema", "view", "notice", "base", "writable", "drop_after", "made_at")
    values = {name: getattr(view, name) for name in names}
    run(connection, "put_view", {**values, "units": dict(view.units)})


def opening(connection: Connection, notice: int) -> dict[str, Any] | None:
    """Return how a change took effect; None while it has not."""
    return next(iter(rows(connection, "opening", {"notice": notice})), None)
