"""`gateway schema snapshot`: the structure of a platform as it is now."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from gateway.cli.frame import guarded
from gateway.deployment import Deployment
from gateway.errors import NotFound, StructureUnknown
from gateway.model import Platform
from schemas.snapshot import endpoints, platforms
from schemas.snapshot.document import canonical


def snapshot(
    name: Annotated[str, typer.Argument(metavar="[PLATFORM]", help="A platform of the catalog.")] = "",
    dsn: Annotated[str, typer.Option(help="postgresql://… or mysql://…; others on this machine can read it.")] = "",
    platform: Annotated[str, typer.Option(help="The same as PLATFORM.")] = "",
    schema: Annotated[list[str] | None, typer.Option(help="A schema or database; may be repeated.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="A role whose rights count; may be repeated.")] = None,
    dataset: Annotated[str, typer.Option(help="Of a platform that tells of several data sets apart: which.")] = "",
) -> None:
    """Write the structure of a platform, or of a database, as one document: what `gateway schema diff` compares.

    A database: relations, columns, rules, grants, fingerprints; without --schema all schemas but the server's own (MySQL: the
    database of the address); without --role all roles that hold rights there. Two snapshots to be compared are taken with the
    same options. Others: the OpenAPI document or WSDL that they publish, the schema of a map service, the layout of files, or
    a JSON Schema inferred from their records.

    Example: gateway schema snapshot pop --schema public > pop-1.json
    """
    wanted = name or platform
    if bool(dsn) == bool(wanted) or (name and platform):
        raise typer.BadParameter("either --dsn or PLATFORM")

    def call() -> None:
        document = (
            platforms.of_address(dsn, "database", schema, role) if dsn else _of_platform(wanted, schema, role, dataset)
        )
        text = document if isinstance(document, str) else canonical(document).decode()
        sys.stdout.buffer.write(text.encode() + b"\n")

    raise typer.Exit(guarded(call))


def _of_platform(name: str, schemas: list[str] | None, roles: list[str] | None, dataset: str) -> Any:
    deployment = Deployment.open()
    platform = deployment.catalog.platforms.get(name)
    if platform is None:
        raise NotFound(f"there is no platform {name}", "See `gateway catalog coverage` for those that there are.")
    if platforms.is_database(platform):
        return platforms.of_platform(deployment, platform, schemas, roles)
    return endpoints.comparable(_one(deployment, platform, dataset))


def _one(deployment: Deployment, platform: Platform, dataset: str) -> dict[str, Any]:
    found = {endpoint.name: endpoint.document for endpoint in endpoints.of_platform(deployment, platform)}
    if not found:
        raise StructureUnknown(
            f"platform {platform.platform} publishes nothing, and no route reads records or files of it",
            "Declare what it publishes by `describe` in its options, or compare documents of its owner: `gateway schema diff`.",
        )
    told = sorted(name.partition("/")[2] for name in found if "/" in name)
    if dataset:
        if dataset not in told:
            hint = f"It tells of {', '.join(told)}." if told else "It tells of itself as a whole; leave --dataset out."
            raise NotFound(f"platform {platform.platform} tells nothing of data set {dataset}", hint)
        return found[f"{platform.platform}/{dataset}"]
    if len(found) > 1:
        raise NotFound(f"platform {platform.platform} tells of several data sets", f"Add --dataset: {', '.join(told)}.")
    return next(iter(found.values()))
