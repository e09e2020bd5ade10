"""`gateway schema guard`: DDL on shared relations only within the window of a notice, where a server's administrator wants it."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import Annotated, Literal

import typer
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import parse_dsn

from gateway import pg
from gateway.cli.frame import Json, guarded, out, show
from gateway.deployment import Deployment
from gateway.errors import NotFound
from gateway.model import Platform
from schemas import database
from schemas import guard as guarding

Action = Literal["install", "remove", "status"]


def guard(
    action: Annotated[Action, typer.Argument(help="install, remove or status.")],
    platform: Annotated[str, typer.Argument(help="A platform of the catalog; none with --hub.")] = "",
    hub: Annotated[bool, typer.Option("--hub", help="The hub instead of a platform.")] = False,  # noqa: FBT002
    as_sql: Annotated[bool, typer.Option("--sql", help="Print the script for a superuser; nothing is done.")] = False,  # noqa: FBT002
    dsn: Annotated[str, typer.Option(help="A superuser's address; others on this machine can read it.")] = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Refuse DDL on shared relations outside a notice's window (结构守护): a brake, never the detector.

    What it lets through is printed; the hourly look finds that too. Installing needs a superuser of the server.
    Example: gateway schema guard install legal --sql
    """
    if bool(platform) == hub:
        raise typer.BadParameter("either a platform or --hub")

    def call() -> None:
        deployment = Deployment.open()
        found = _platform(deployment, platform) if platform else None
        with pg.platform_errors(platform or "hub", "guard its structure"):
            if as_sql:
                with closing(deployment.hub(name="gateway guard", autocommit=True)) as quoting:
                    sys.stdout.write(guarding.removal() if action == "remove" else _script(deployment, found, quoting))
                return
            with closing(_open(deployment, found, dsn)) as there:
                there.autocommit = True
                _act(deployment, found, action, there, as_json=as_json)

    raise typer.Exit(guarded(call))


def _act(
    deployment: Deployment, platform: Platform | None, action: Action, there: Connection, *, as_json: bool
) -> None:
    if action == "install":
        guarding.install(there, _script(deployment, platform, there))
        out.print("the guard stands. It lets through:")
        for limit in guarding.LIMITS:
            out.print(f"  - {limit}")
    elif action == "remove":
        guarding.remove(there)
        out.print("the guard is gone")
    else:
        columns = ["label", "now_named", "there", "open_until", "notices"]
        show(guarding.status(there), columns, as_json=as_json)


def _script(deployment: Deployment, platform: Platform | None, quoting: Connection) -> str:
    address = deployment.hub_dsn if platform is None else deployment.resolve(platform.connection) or ""
    writer = parse_dsn(address).get("user", "postgres") if address else "postgres"
    own = guarding.own_roles(quoting, writer) if platform is None else ()
    return guarding.script(quoting, guarding.labels(deployment, platform), writer, own)


def _open(deployment: Deployment, platform: Platform | None, dsn: str) -> Connection:
    if platform is not None:
        return database.connect(deployment, platform.platform, dsn)
    return pg.connect(dsn or deployment.hub_dsn, name="gateway guard", lock_timeout=database.LOCK_TIMEOUT)


def _platform(deployment: Deployment, name: str) -> Platform:
    if name not in deployment.catalog.platforms:
        raise NotFound(f"there is no platform {name}", "See `gateway catalog coverage`.")
    return deployment.catalog.platforms[name]
