"""`gateway alarm`: what is wrong now."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.alarms import watch as watching
from gateway.cli import added
from gateway.cli.frame import FAILED, Json, guarded, hub, show
from gateway.deployment import Deployment
from gateway.notify import outbox

group = typer.Typer(no_args_is_help=True, help="What is wrong now, and who was told (告警).")
_COLUMNS = ["of", "kind", "subject", "unit", "since", "told_at", "said", "hint"]


@group.command("list")
def alarm_list(as_json: Json = False) -> None:  # noqa: FBT002
    """List what is wrong, as the last look found it; also backups, notices and structures. Example: gateway alarm list."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            show(watching.standing(connection), _COLUMNS, as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command()
def watch(
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 while something is wrong.")] = False,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Look at everything now, tell each owner once what began and what is over; where no Airflow does it, cron may.

    Example: gateway alarm watch
    """

    def call() -> int:
        deployment = Deployment.open()
        found = watching.watch(deployment, added.looks())
        outbox.deliver(deployment)
        show(found, _COLUMNS, as_json=as_json)
        return FAILED if strict and found else 0

    raise typer.Exit(guarded(call))
