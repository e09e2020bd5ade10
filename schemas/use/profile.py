"""Usage profiles (使用画像): what each unit uses of a data set at a platform, from every source that knows, kept in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from gateway import pg, settings
from gateway.model import Catalog, Dataset
from gateway.sql import queries
from schemas.notice import impact
from schemas.notice.impact import Use
from schemas.use import registered
from schemas.use.model import Evidence, Places

_SQL = queries(__file__)


def of(hub: Connection, catalog: Catalog, dataset: Dataset, platform: str) -> list[Use]:
    """Return how units use a data set at a platform: routes, registered statements, what was seen, what was declared."""
    seen = _observed(hub, platform)
    others: list[Evidence] = []
    for use in registered.at_platform(catalog, platform):
        snapshot = _newest(hub, use.at) if use.at == platform else None
        own = [e for e in seen if e.unit == use.unit and use.account and e.name.startswith(f"{use.account} ")]
        if own and not (use.sql or use.view or use.columns):
            others += own
            continue
        found = registered.evidence(use, dataset, registered.shape_of(catalog, use.at, snapshot))
        if dataset.name in use.datasets or found.columns:
            others += [found, *own]
    carried = {row["route"]: row["last_used"] for row in rows(hub, "carried", {})}
    return impact.uses(catalog.routes, dataset, platform, others, carried)


def keep(hub: Connection, catalog: Catalog, pairs: Iterable[tuple[str, Dataset]] | None = None) -> int:
    """Write down the profiles of data sets at platforms, all of them unless some are named; return how many lines."""
    count = 0
    for platform, dataset in _pairs(catalog) if pairs is None else pairs:
        values = {"platform": platform, "dataset": dataset.name}
        pg.run(hub, _SQL["forget"], values)
        for known in (e for use in of(hub, catalog, dataset, platform) for e in use.evidence if e.source != "observed"):
            put(hub, platform, dataset.name, known)
            count += 1
    return count


def put(hub: Connection, platform: str, dataset: str, known: Evidence, calls: int | None = None) -> None:
    """Write down what one source says."""
    values = {
        "platform": platform, "dataset": dataset, "unit": known.unit, "source": known.source, "name": known.name,
        "columns": Json(written(known.columns)), "unknown": known.unknown, "calls": calls, "last_used": known.last_used,
        "now": settings.now(),
    }  # fmt: skip
    pg.run(hub, _SQL["keep"], values)


def kept(hub: Connection, unit: str | None = None, dataset: str | None = None) -> list[dict[str, Any]]:
    """Return profiles as they were kept, each with whether it is stale."""
    found = rows(hub, "kept", {"unit": unit, "dataset": dataset})
    return [{**row, "stale": _evidence(row, row["source"]).stale} for row in found]


def written(columns: Places) -> list[dict[str, Any]]:
    """Return columns and their roles as the ledger keeps them."""
    return [{"relation": r, "column": c, "roles": sorted(roles)} for (r, c), roles in sorted(columns.items())]


def rows(hub: Connection, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a named statement."""
    return pg.dicts(hub, _SQL[name], values)


def snapshot(hub: Connection, platform: str) -> Mapping[str, Any] | None:
    """Return the newest structure of a platform that was kept."""
    return _newest(hub, platform)


def _newest(hub: Connection, platform: str) -> Mapping[str, Any] | None:
    found = rows(hub, "newest", {"platform": platform})
    return found[0]["document"] if found else None


def _observed(hub: Connection, platform: str) -> list[Evidence]:
    return [_evidence(row, "observed") for row in rows(hub, "observed", {"platform": platform})]


def _evidence(row: Mapping[str, Any], source: Any) -> Evidence:
    columns = {(item["relation"], item["column"]): frozenset(item["roles"]) for item in row["columns"]}
    last_used: datetime | None = row["last_used"]
    return Evidence(row["unit"], source, row["name"], columns, row["unknown"], last_used)


def _pairs(catalog: Catalog) -> list[tuple[str, Dataset]]:
    """Return each platform with each data set that a route carries to or from it, or that a unit reads there by itself."""
    found = {(r.peer.platform, r.dataset.name) for r in catalog.routes.values()}
    found |= {(use.at, name) for use in catalog.uses.values() if use.at in catalog.platforms for name in use.datasets}
    return [(platform, catalog.datasets[name]) for platform, name in sorted(found) if name in catalog.datasets]
