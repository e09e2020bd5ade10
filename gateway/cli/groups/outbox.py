"""`gateway outbox`: what is sent, waits or was given up."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.frame import Json, guarded, hub, out, show
from gateway.deployment import Deployment
from gateway.notify import outbox

group = typer.Typer(no_args_is_help=True, help="Messages that are sent, wait, or were given up (待发通知).")


@group.command("list")
def outbox_list(
    state: Annotated[str | None, typer.Option(help="waiting, sent or dead; all when left out.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many messages.")] = 50,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List messages, newest first, with what the other side said last. Example: gateway outbox list --state dead."""
    if state not in {None, *outbox.STATES}:
        raise typer.BadParameter(f"--state is one of {', '.join(outbox.STATES)}.")

    def call() -> None:
        with hub(Deployment.open()) as connection:
            rows = outbox.listing(connection, state=state, limit=limit)
        columns = [
            "message",
            "topic",
            "purpose",
            "unit",
            "contact",
            "channel",
            "state",
            "attempts",
            "next_try",
            "answer",
        ]
        show(rows, columns, as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command("retry")
def outbox_retry(
    message: Annotated[int | None, typer.Argument(help="The message's number.")] = None,
    every: Annotated[bool, typer.Option("--all-dead", help="Every message that was given up.")] = False,  # noqa: FBT002
) -> None:
    """Have messages sent again with the next delivery; those given up have 72 hours anew.

    Example: gateway outbox retry 12
    """
    if every == (message is not None):
        raise typer.BadParameter("name a message, or give --all-dead.")

    def call() -> None:
        found = outbox.retry(Deployment.open(), message)
        out.print(f"{found} messages are due now; they go out within five minutes")

    raise typer.Exit(guarded(call))
