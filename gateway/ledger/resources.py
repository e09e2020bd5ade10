"""Keeps what the gateway's own data sets are to the catalogue of resources (资源目录), version by version.

The same facts that `gateway catalog export` writes, in the form of data set `resource.catalogue`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from croniter import croniter
from psycopg2.extensions import connection as Connection

from gateway import pg, resources
from gateway.model import Catalog, Route
from gateway.resources import Resource
from gateway.sql import queries

_SQL = queries(__file__)
_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
_REAL_TIME, _NOW_AND_THEN = "1", "9"
# The longest time between two strikes of a cron line, by the code of the frequency.
_BETWEEN = (
    (timedelta(hours=1), _REAL_TIME), (timedelta(days=1), "2"), (timedelta(days=7), "3"), (timedelta(days=31), "4"),
    (timedelta(days=92), "5"), (timedelta(days=366), "6"),
)  # fmt: skip


def enter(hub: Connection, catalog: Catalog) -> None:
    """Bring the kept facts to what the catalog declares: a version more of what changed, none of what no route brings."""
    told = [resource for resource in resources.resources(catalog) if resource.sources]
    for resource in told:
        pg.run(hub, _SQL["enter"], of(resource, catalog))
    pg.run(hub, _SQL["withdraw"], {"datasets": [resource.dataset.name for resource in told]})


def of(resource: Resource, catalog: Catalog) -> Mapping[str, Any]:
    """Return a data set as the catalogue of resources describes one; only what is public in whole is shared without terms."""
    dataset, highest = resource.dataset, resource.highest_class
    terms = f"含{highest}级字段，经提供单位同意后按接收平台的许可级别提供"
    return {
        "dataset": dataset.name, "resource_code": f"{catalog.division}-{dataset.name}", "name": dataset.chinese,
        "owner_names": sorted({resource.owner, catalog.city + resource.owner.removeprefix("市")}),
        "fields": "、".join(f.chinese or f.name for f in dataset.fields),
        "update_frequency": min(frequency(route, catalog) for route in resource.sources),
        "sharing": "1" if highest == "L1" else "2", "sharing_terms": None if highest == "L1" else terms,
    }  # fmt: skip


def frequency(route: Route, catalog: Catalog) -> str:
    """Return how often a route runs, as a code; one that follows a data set is as frequent as what brings that."""
    if route.after and route.after != route.dataset.name:
        feeding = [r for r in catalog.routes.values() if r.dataset.name == route.after and not r.outbound]
        return min((frequency(r, catalog) for r in feeding), default=_NOW_AND_THEN)
    if not croniter.is_valid(route.schedule):
        return _NOW_AND_THEN
    strikes = croniter(route.schedule, _MONDAY)
    first, second = strikes.get_next(datetime), strikes.get_next(datetime)
    return next((code for longest, code in _BETWEEN if second - first <= longest), _NOW_AND_THEN)
