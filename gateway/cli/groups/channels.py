"""`gateway channel`: whether what is sent arrives."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.frame import guarded, print_line
from gateway.deployment import Deployment
from gateway.notify import testing

group = typer.Typer(no_args_is_help=True, help="Channels by which contacts are reached (通知渠道).")


@group.callback()
def channel() -> None:
    """Channels by which contacts are reached (通知渠道)."""


@group.command("test")
def channel_test(contact: Annotated[int, typer.Argument(help="The contact's number.")]) -> None:
    """Send a test message to a contact at once, past the outbox, and show what the other side answered.

    Example: gateway channel test 3
    """

    def call() -> None:
        tried = testing.run(Deployment.open(), contact)
        print_line(
            f"contact {contact} of {tried.unit}, channel {tried.channel}: sent; the other side answers: {tried.answer}"
        )

    raise typer.Exit(guarded(call))
