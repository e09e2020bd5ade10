"""`gateway schema snapshot`: the structure of a database as it is now."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from gateway import pg
from gateway.cli.frame import guarded
from gateway.deployment import Deployment
from gateway.errors import ConnectionUnknown, NotFound
from gateway.mysql_address import address, is_mysql
from schemas.snapshot import mysql
from schemas.snapshot import pg as postgres
from schemas.snapshot.document import canonical

_DATABASES = {"postgres", "frontend"}


def snapshot(
    dsn: Annotated[str, typer.Option(help="postgresql://… or mysql://…; others on this machine can read it.")] = "",
    platform: Annotated[str, typer.Option(help="Instead of --dsn: a platform of the catalog.")] = "",
    schema: Annotated[list[str] | None, typer.Option(help="A schema or database; may be repeated.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="A role whose rights count; may be repeated.")] = None,
) -> None:
    """Write the structure of a database as one JSON document: relations, columns, rules, grants, fingerprints.

    Without --schema all schemas but the server's own (MySQL: the database of the address); without --role all roles
    that hold rights there. Two snapshots to be compared are taken with the same options.

    Example: gateway schema snapshot --platform pop --schema public > pop-1.json
    """
    if bool(dsn) == bool(platform):
        raise typer.BadParameter("either --dsn or --platform")

    def call() -> None:
        document = _taken(dsn or _connection(platform), platform or "database", schema, role)
        sys.stdout.buffer.write(canonical(document) + b"\n")

    raise typer.Exit(guarded(call))


def _connection(name: str) -> str:
    deployment = Deployment.open()
    platform = deployment.catalog.platforms.get(name)
    if platform is None:
        raise NotFound(f"there is no platform {name}", "See `gateway catalog coverage` for those that there are.")
    if platform.connector not in _DATABASES:
        raise NotFound(f"platform {name} is no database", f"It is reached by {platform.connector}; name its document.")
    dsn = deployment.resolve(platform.connection)
    if not dsn:
        raise ConnectionUnknown(
            f"platform {name}: connection {platform.connection} is not configured",
            f"Set GATEWAY_CONN_{platform.connection.upper()} or add the Airflow connection {platform.connection.lower()}.",
        )
    return dsn


def _taken(dsn: str, name: str, schemas: list[str] | None, roles: list[str] | None) -> dict[str, Any]:
    if is_mysql(dsn):
        return mysql.take(address(name, dsn), schemas)
    with pg.platform_errors(name, "take a snapshot"):
        connection = pg.connect(dsn, name="gateway snapshot", autocommit=True, lock_timeout="30s")
        try:
            return postgres.take(connection, schemas, roles)
        finally:
            connection.close()
