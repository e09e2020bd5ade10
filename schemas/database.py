"""A platform's database, opened to change or ask it on behalf of a notice."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import ConnectionUnknown, NotFound
from gateway.mysql_address import is_mysql

LOCK_TIMEOUT = "3s"  # what changes a structure does not wait behind a long reader, where all others would then wait


def connect(deployment: Deployment, platform: str, dsn: str = "") -> Connection:
    """Open a platform's PostgreSQL; ConnectionUnknown when nothing resolves it, NotFound when it is another system."""
    found = deployment.catalog.platforms[platform]
    address = dsn or deployment.resolve(found.connection)
    if not address:
        raise ConnectionUnknown(
            f"platform {platform}: connection {found.connection} is not configured",
            f"Set GATEWAY_CONN_{found.connection.upper()} or add the Airflow connection {found.connection.lower()}.",
        )
    if is_mysql(address) or not address.startswith(("postgres", "host=")):
        raise NotFound(f"platform {platform} is no PostgreSQL", "Only there this can be done.")
    return pg.connect(address, name="gateway structure", lock_timeout=LOCK_TIMEOUT)
