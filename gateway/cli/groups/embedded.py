"""`gateway embedded`: the PostgreSQL that comes with the gateway."""

from __future__ import annotations

import typer

from gateway import settings
from gateway.cli.frame import (
    guarded,
    out,
    print_line,
)
from gateway.cli.setup import note_dsn
from gateway.embedded import Server

group = typer.Typer(no_args_is_help=True, help="The PostgreSQL that comes with the gateway.")


@group.command("start")
def embedded_start() -> None:
    """Start the deployment's PostgreSQL; does nothing when it runs. Example: gateway embedded start."""

    def call() -> None:
        server = _server()
        server.start()
        note_dsn(settings.home(), server)
        out.print(f"PostgreSQL runs on 127.0.0.1:{server.port}")

    raise typer.Exit(guarded(call))


@group.command("stop")
def embedded_stop() -> None:
    """Stop the deployment's PostgreSQL; its data stays. Example: gateway embedded stop."""

    def call() -> None:
        _server().stop()
        out.print("PostgreSQL is stopped")

    raise typer.Exit(guarded(call))


@group.command("dsn")
def embedded_dsn() -> None:
    """Print the hub's DSN, password included: for scripts, not for logs.

    Example: psql "$(gateway embedded dsn)"
    """
    raise typer.Exit(guarded(lambda: print_line(_server().dsn("gateway"))))


def _server() -> Server:
    return Server(settings.home() / "postgres")
