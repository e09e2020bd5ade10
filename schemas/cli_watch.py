"""`gateway schema watch`, `history` and `show`: how platforms looked, and when they became different."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.frame import Json, guarded, hub, show, show_one
from gateway.deployment import Deployment
from gateway.errors import NotFound
from schemas import watch as watching

PlatformName = Annotated[str, typer.Argument(help="A platform of the catalog.")]


def watch(as_json: Json = False) -> None:  # noqa: FBT002
    """Look at every platform that tells of its structure, and keep what is different; the clock does it each hour.

    Nothing is listed when all is as it was last time. Example: gateway schema watch
    """

    def call() -> None:
        found = watching.look_at_all(Deployment.open())
        show([one.as_dict() for one in found], ["platform", "version", "level", "changes"], as_json=as_json)

    raise typer.Exit(guarded(call))


def history(
    platform: Annotated[str | None, typer.Argument(help="A platform of the catalog; all when left out.")] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List the versions that were kept, newest first. Example: gateway schema history legal."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            rows = watching.history(connection, platform)
        if platform and not rows:
            hint = "`gateway schema history` alone lists every platform of which one was; `gateway schema watch` looks at all."
            raise NotFound(f"no snapshot of platform {platform} was kept", hint)
        show(rows, ["platform", "version", "kind", "level", "changes", "taken_at"], as_json=as_json)

    raise typer.Exit(guarded(call))


def shown(
    platform: PlatformName,
    version: Annotated[
        int | None, typer.Option(help="A version of `gateway schema history`; the newest when left out.")
    ] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show what became different in a version; with --json the whole structure too.

    Example: gateway schema show legal --version 2
    """

    def call() -> None:
        with hub(Deployment.open()) as connection:
            found = watching.version(connection, platform, version)
        if as_json:
            show_one(found, as_json=True)
            return
        show_one({k: v for k, v in found.items() if k not in {"changes", "document"}}, as_json=False)
        columns = ["path", "kind", "before", "after", "effect_reader", "effect_writer", "rule"]
        show(found["changes"], columns, as_json=False)

    raise typer.Exit(guarded(call))
