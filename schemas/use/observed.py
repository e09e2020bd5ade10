"""What accounts of units were seen to do at a platform, from pg_stat_statements; looked at again, it tells what is still used."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import ConnectionUnknown, GatewayError, NotFound, ObservationImpossible
from gateway.model import HUB, Catalog, RegisteredUse
from gateway.mysql_address import is_mysql
from gateway.sql import queries
from schemas.use import profile, registered
from schemas.use.model import Evidence
from schemas.use.shape import Shape

log = logging.getLogger(__name__)
_SQL = queries(__file__)
_TIMEOUT = "30s"


def observe(deployment: Deployment, platform: str) -> list[Evidence]:
    """Look at what the registered accounts of units do at a platform, keep it, and return it.

    NotFound when no use names an account there, ObservationImpossible when the server keeps no statements or hides them.
    """
    uses = [use for use in deployment.catalog.uses.values() if use.at == platform and use.account]
    if not uses:
        raise NotFound(
            f"no registered use names an account at {platform}", "Add `account:` to its file under catalog/uses."
        )
    seen = _seen(_address(deployment, platform), platform, sorted({use.account for use in uses}))
    found: list[Evidence] = []
    with closing(deployment.hub(name="gateway observe")) as hub, pg.hub_errors("keep what was seen"), hub:
        shape = registered.shape_of(deployment.catalog, platform, profile.snapshot(hub, platform))
        for use in uses:
            found += _of_use(
                hub, deployment.catalog, use, shape, [row for row in seen if row["account"] == use.account]
            )
    return found


def look_at_all(deployment: Deployment) -> dict[str, int]:
    """Look wherever registered uses name accounts, then keep all profiles; a server that shows nothing is passed over."""
    seen = 0
    for place in sorted({use.at for use in deployment.catalog.uses.values() if use.account}):
        try:
            seen += len(observe(deployment, place))
        except GatewayError as error:
            log.warning("%s: %s", place, error)
    with closing(deployment.hub(name="gateway profiles")) as hub, pg.hub_errors("keep profiles of use"), hub:
        return {"seen": seen, "kept": profile.keep(hub, deployment.catalog)}


def _address(deployment: Deployment, platform: str) -> str:
    if platform == HUB:
        return deployment.hub_dsn
    known = deployment.catalog.platforms[platform]
    dsn = deployment.resolve(known.connection)
    if not dsn:
        raise ConnectionUnknown(
            f"platform {platform}: connection {known.connection} is not configured",
            f"Set GATEWAY_CONN_{known.connection.upper()}.",
        )
    if is_mysql(dsn) or known.connector not in {"postgres", "frontend"}:
        raise ObservationImpossible(
            f"platform {platform} is no PostgreSQL", "Register what its units read: sql or columns."
        )
    return dsn


def _seen(dsn: str, platform: str, accounts: list[str]) -> list[dict[str, Any]]:
    with pg.platform_errors(platform, "look at statements"):
        connection = pg.connect(dsn, name="gateway observe", autocommit=True, lock_timeout="3s")
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("set default_transaction_read_only = on")
            cursor.execute("select set_config('statement_timeout', %s, false)", (_TIMEOUT,))
            cursor.execute(_SQL["installed"])
            schema = cursor.fetchone()
            if schema is None:
                hint = "Its owner adds pg_stat_statements to shared_preload_libraries and creates the extension."
                raise ObservationImpossible(f"platform {platform} keeps no statements", hint)
            cursor.execute(_SQL["seen"].replace("{schema}", f'"{schema[0]}"'), {"accounts": accounts})
            rows = cursor.fetchall()
    if any(text is None or text == "<insufficient privilege>" for _, _, text, _ in rows):
        hint = "Its owner grants pg_read_all_stats to the account that we use."
        raise ObservationImpossible(f"platform {platform} hides the statements of others", hint)
    return [dict(zip(("account", "id", "text", "calls"), row, strict=True)) for row in rows]


def _of_use(
    hub: Connection, catalog: Catalog, use: RegisteredUse, shape: Shape | None, seen: list[dict[str, Any]]
) -> list[Evidence]:
    """Keep the statements of one account; one that was called since the last look was used now."""
    found: list[Evidence] = []
    for name in (name for name in use.datasets if name in catalog.datasets):
        dataset = catalog.datasets[name]
        before = {
            row["name"]: row for row in profile.rows(hub, "observed", {"platform": use.at}) if row["dataset"] == name
        }
        for row in seen:
            if shape is not None and not registered.touches(row["text"], shape):
                continue
            label = f"{use.account} {row['id']}"
            columns, unknown = registered.followed(row["text"], shape) if shape else ({}, "no structure was kept")
            known = Evidence(
                use.unit, "observed", label, registered.at_home(columns, use.at, dataset), unknown,
                _last(before.get(label), row["calls"]),
            )  # fmt: skip
            profile.put(hub, use.at, name, known, row["calls"])
            found.append(known)
    return found


def _last(before: Mapping[str, Any] | None, calls: int) -> datetime:
    """Return when a statement was last known to run: now, unless nobody called it since it was looked at before."""
    if before is not None and before["calls"] == calls and before["last_used"] is not None:
        last: datetime = before["last_used"]
        return last
    return settings.now()
