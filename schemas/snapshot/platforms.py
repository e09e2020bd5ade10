"""The structure of a platform's database as it is now, whatever kind of database it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import ConnectionUnknown, NotFound
from gateway.model import Platform
from gateway.mysql_address import address, is_mysql
from schemas.snapshot import mysql
from schemas.snapshot import pg as postgres

_DATABASES = {"postgres", "frontend"}


def is_database(platform: Platform) -> bool:
    """Tell whether a platform is reached as a database."""
    return platform.connector in _DATABASES


def of_platform(
    deployment: Deployment, platform: Platform, schemas: Sequence[str] | None = None, roles: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return the snapshot of a platform's database; NotFound when it is none, ConnectionUnknown when nothing resolves it."""
    name = platform.platform
    if not is_database(platform):
        raise NotFound(f"platform {name} is no database", f"It is reached by {platform.connector}; name its document.")
    dsn = deployment.resolve(platform.connection)
    if not dsn:
        raise ConnectionUnknown(
            f"platform {name}: connection {platform.connection} is not configured",
            f"Set GATEWAY_CONN_{platform.connection.upper()} or add the Airflow connection {platform.connection.lower()}.",
        )
    return of_address(dsn, name, schemas, roles)


def of_address(
    dsn: str, name: str, schemas: Sequence[str] | None = None, roles: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return the snapshot of the database behind an address; `name` stands for it in errors."""
    if is_mysql(dsn):
        return mysql.take(address(name, dsn), schemas)
    with pg.platform_errors(name, "take a snapshot"):
        connection = pg.connect(dsn, name="gateway snapshot", autocommit=True, lock_timeout="30s")
        try:
            return postgres.take(connection, schemas, roles)
        finally:
            connection.close()
