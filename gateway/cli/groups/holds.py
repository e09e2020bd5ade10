"""`gateway hold`: routes that wait for a person."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.frame import (
    Json,
    Who,
    Why,
    guarded,
    hub,
    out,
    show,
    show_one,
)
from gateway.deployment import Deployment
from gateway.ledger import decisions

group = typer.Typer(no_args_is_help=True, help="Routes that wait for a person (挂起).")
HoldNumber = Annotated[int, typer.Argument(metavar="HOLD", help="The hold's number.")]


@group.command("list")
def hold_list(
    state: Annotated[str | None, typer.Option(help="open, approved, released or used; all when left out.")] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List holds, newest first. Example: gateway hold list --state open."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            rows = decisions.list_holds(connection, state)
        show(rows, ["id", "route", "kind", "facts", "state", "raised_at", "decided_by", "why"], as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command("show")
def hold_show(number: HoldNumber, as_json: Json = False) -> None:  # noqa: FBT002
    """Show one hold and the facts to decide on. Example: gateway hold show 3."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            show_one(decisions.show_hold(connection, number), as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command("release")
def hold_release(number: HoldNumber, why: Why, who: Who) -> None:
    """End a hold without approving what it stopped: the next run judges afresh.

    Example: gateway hold release 3 --why '来源数据已恢复'
    """

    def call() -> None:
        name = decisions.release(Deployment.open(), number, who=who, why=why)
        out.print(f"hold {number} released; the next run of {name} judges afresh")

    raise typer.Exit(guarded(call))
