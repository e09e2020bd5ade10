"""`gateway schema snapshot`: the structure of a database as it is now."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from gateway.cli.frame import guarded
from gateway.deployment import Deployment
from gateway.errors import NotFound
from schemas.snapshot import platforms
from schemas.snapshot.document import canonical


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
        document = platforms.of_address(dsn, "database", schema, role) if dsn else _of_platform(platform, schema, role)
        sys.stdout.buffer.write(canonical(document) + b"\n")

    raise typer.Exit(guarded(call))


def _of_platform(name: str, schemas: list[str] | None, roles: list[str] | None) -> dict[str, Any]:
    deployment = Deployment.open()
    platform = deployment.catalog.platforms.get(name)
    if platform is None:
        raise NotFound(f"there is no platform {name}", "See `gateway catalog coverage` for those that there are.")
    return platforms.of_platform(deployment, platform, schemas, roles)
