"""Whether an old-shape view is still read: PostgreSQL keeps no counters for views, so that each proof has its own source.

`statements`: pg_stat_statements counts what named the view. `rights`: nobody but its owner may read it any more. Where
neither tells, the use is unknown, and unknown is never unused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg2
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.sql import queries
from schemas.notice.transition import View

_SQL = queries(__file__)
Source = Literal["statements", "rights", "unknown"]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: whether the view is there, by what its use is told, and the counter as it stands."""

    exists: bool
    source: Source
    counter: Mapping[str, Any] | None = None
    dependents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a view's use: since when it was watched without a gap, and when it was last used."""

    observed_since: datetime | None
    last_used: datetime | None
    counter: Mapping[str, Any] | None

    def unused_since(self) -> datetime | None:
        """Return since when it is proven unused; None when nothing proves it."""
        if self.observed_since is None:
            return None
        return max(self.observed_since, self.last_used) if self.last_used else self.observed_since


def look(connection: Connection, view: View) -> Look:
    """Look at a view on its server; the connection commits by itself, as what cannot be asked is no fault here."""
    values = {"schema": view.schema, "view": view.view, "roles": sorted(set(view.units.values()))}
    row = pg.one(connection, _SQL["there"], values)
    if row is None:
        return Look(False, "unknown")
    dependents = tuple(row[1] or ())
    if not row[0]:
        return Look(True, "rights", None, dependents)
    return Look(True, *_statements(connection, values), dependents)


def next_seen(view: View, found: Look, now: datetime) -> Seen:
    """Return what is known after a look: a counter that began anew leaves a gap, and a gap is begun to be watched again."""
    if found.source == "unknown":
        return Seen(None, view.last_used, None)
    before = view.counter or {}
    if found.dependents:
        return Seen(view.observed_since or now, now, found.counter)
    if found.source == "rights":  # held by whatever proof there was before
        return Seen(view.observed_since or now, view.last_used, found.counter)
    counter = found.counter or {}
    whole = bool(before) and all(before.get(part) == counter.get(part) for part in ("reset", "lost"))
    if not whole:
        return Seen(now, view.last_used, counter)
    used = now if counter["calls"] != before.get("calls") else view.last_used
    return Seen(view.observed_since or now, used, counter)


def _statements(connection: Connection, values: Mapping[str, Any]) -> tuple[Source, Mapping[str, Any] | None]:
    """Return how often statements named the view, if the server counts them and shows us all of them."""
    try:
        found = pg.one(connection, _SQL["extension"])
        if found is None or not found[1]:
            return "unknown", None
        calls, lost, reset = pg.one(connection, _SQL["calls"].replace("@extension@", found[0]), values)
    except psycopg2.errors.Error as error:
        if isinstance(error, psycopg2.OperationalError) and connection.closed:
            raise
        return "unknown", None
    return "statements", {"calls": int(calls), "lost": int(lost), "reset": str(reset)}
