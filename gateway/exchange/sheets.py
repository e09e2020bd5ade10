"""The daily sheet of a route (日对账单): what it carried, what was compared, what came back, signed as a record of the chain.

A day is China's. The first failure of a comparison stays on the sheet beside its repair. When a target refuses rows of that
day later, the sheet gets a new revision; the earlier one stays in the chain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import NotFound, PermanentError
from gateway.exchange import hub as hub_tables
from gateway.exchange.outcome import utc
from gateway.ledger import chain, settlements
from gateway.ledger import sheets as kept
from gateway.model import Route


@dataclass(frozen=True, slots=True)
class Sheet:
    """One revision of a sheet and its record in the chain."""

    route: str
    day: date
    revision: int
    receipt: int
    body: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the sheet for machines."""
        return {"revision": self.revision, "receipt": self.receipt, **self.body}


def yesterday() -> date:
    """Return the newest day that is over."""
    return settings.now().astimezone(settings.CHINA).date() - timedelta(days=1)


def make(deployment: Deployment, route_name: str, day: date) -> Sheet | None:
    """Sign the sheet of a route's day; None when the newest revision says just that already.

    PermanentError for a day that has not begun: nothing can be said of it yet.
    """
    route = deployment.route(route_name)
    if day > yesterday() + timedelta(days=1):
        raise PermanentError(f"the day {day} has not begun", "Name a day that is over, or leave it away: yesterday.")
    with closing(deployment.hub(name="gateway sheet")) as hub, pg.hub_errors("make a sheet"):
        held = (
            None if route.outbound or day < yesterday() else _content(hub, route)
        )  # what it held earlier nobody knows
        body = {**_facts(hub, route, day), "content": held}
        hub.rollback()
        with hub:
            return _sign(deployment, hub, route, day, body)


def make_all(deployment: Deployment, day: date) -> list[Sheet]:
    """Sign the sheets of a day, and anew those of earlier days about which a target said more since."""
    with closing(deployment.hub(name="gateway sheet", autocommit=True)) as hub, pg.hub_errors("look for sheets"):
        again = [(name, d) for name, d in kept.reopened(hub, day) if name in deployment.catalog.routes]
    wanted = [*((name, day) for name in deployment.catalog.routes), *again]
    return [sheet for name, d in wanted if (sheet := make(deployment, name, d))]


def make_due(deployment: Deployment) -> list[Sheet]:
    """Sign the sheets of the day that is over, and first of the month before it what no night has signed."""
    day = yesterday()
    with closing(deployment.hub(name="gateway sheet", autocommit=True)) as hub, pg.hub_errors("look for sheets"):
        missed = [(name, d) for name, d in kept.missing(hub, day) if name in deployment.catalog.routes]
    return [sheet for name, d in missed if (sheet := make(deployment, name, d))] + make_all(deployment, day)


def find(connection: Connection, *, route: str | None = None, day: date | None = None, limit: int = 50) -> list[Sheet]:
    """Return sheets in their newest revision, newest day first."""
    found = kept.listing(connection, route=route, day=day, limit=limit)
    return [Sheet(r["route"], r["day"], r["revision"], r["receipt_no"], _plain(r["body"])) for r in found]


def show(connection: Connection, route: str, day: date) -> Sheet:
    """Return the newest revision of one sheet; NotFound when the day has none."""
    found = find(connection, route=route, day=day)
    if not found:
        raise NotFound(f"route {route} has no sheet of {day}", f"Run `gateway sheet make --day {day}`.")
    return found[0]


def _sign(deployment: Deployment, hub: Connection, route: Route, day: date, body: dict[str, Any]) -> Sheet | None:
    """Append the sheet to the chain; revisions follow one another, whoever makes them."""
    kept.wait_for_others(hub)
    newest = kept.newest(hub, route.route, day)
    if newest is not None:
        revision, before = newest[0] + 1, _plain(newest[1])
        body["content"] = body["content"] or before["content"]
        if {**before, "quarantine": None} == {**body, "quarantine": None}:
            return None
    else:
        revision = 1
    entry = chain.append(hub, deployment.keys, "sheet", {**body, "revision": revision}, route=route.route)
    kept.add(hub, route.route, day, revision, entry.no)
    hub.commit()
    chain.remember(hub, entry)
    return Sheet(route.route, day, revision, entry.no, body)


def _facts(hub: Connection, route: Route, day: date) -> dict[str, Any]:
    begins = datetime.combine(day, time(), settings.CHINA)
    span: dict[str, Any] = {"route": route.route, "from": begins, "to": begins + timedelta(days=1)}
    with hub.cursor(cursor_factory=RealDictCursor) as cursor:
        carried, compared, returned, waiting, verified = kept.facts(cursor, span)
    settled = {"settlement": settlements.figures(hub, route.route, span["from"], span["to"])} if route.settle else {}
    return {
        "day": day.isoformat(), "route": route.route, "dataset": route.dataset.name, "from": route.origin, "to": route.target,
        "carried": {name: number for name, number in carried.items() if number is not None},
        "comparisons": [{**row, "at": utc(row["at"])} for row in compared],
        "verified_through": utc(verified), "returned": returned, "quarantine": waiting, **settled,
    }  # fmt: skip


def _content(hub: Connection, route: Route) -> dict[str, Any]:
    """Return the number of rows that the hub holds from the route's source and SHA-256 over them in key order.

    The bytes are those of `COPY (select … order by key) TO STDOUT` in UTC.
    """
    pg.run(hub, "set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local extra_float_digits = 1")
    statement = sql.SQL("copy (select {} from {} where gw_source = {} order by {}) to stdout").format(
        pg.names(route.dataset.columns), hub_tables.table(route.dataset), sql.Literal(route.peer.platform),
        sql.SQL(", ").join(sql.SQL('{} collate "C"').format(sql.Identifier(k)) if route.dataset.field(k).hub_type == "text"
                           else sql.Identifier(k) for k in route.dataset.key),
    )  # fmt: skip
    digest = _Digest()
    with hub.cursor() as cursor:
        cursor.copy_expert(statement, digest)
        return {"rows": int(cursor.rowcount), "sha256": digest.hexdigest()}


class _Digest:
    """A file that keeps nothing but the hash of what is written to it."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, data: bytes | str) -> int:
        """Add to the hash."""
        self._hash.update(data.encode() if isinstance(data, str) else data)
        return len(data)

    def hexdigest(self) -> str:
        """Return the hash so far."""
        return self._hash.hexdigest()


def _plain(body: str) -> dict[str, Any]:
    """Return what a record says of the day, without what every record of the chain has."""
    found: dict[str, Any] = json.loads(body)
    return {name: value for name, value in found.items() if name not in {"no", "kind", "revision"}}
