"""`gateway incident`: structures that are not what was announced, until the report on them."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.frame import Json, Who, Why, guarded, hub, out, show, show_one
from gateway.deployment import Deployment
from gateway.ledger import incidents

group = typer.Typer(no_args_is_help=True, help="Structures that are not what was announced (结构事件).")
Number = Annotated[int, typer.Argument(metavar="INCIDENT", help="The incident's number.")]
_COLUMNS = [
    "incident", "platform", "route", "kind", "state", "how", "hold", "notice", "opened_at", "resumed_at", "closed_by",
]  # fmt: skip


@group.command("list")
def incident_list(
    state: Annotated[str | None, typer.Option(help="open, resumed or closed; all when left out.")] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List incidents, newest first. Example: gateway incident list --state open."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            show(incidents.listing(connection, state), _COLUMNS, as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command("show")
def incident_show(number: Number, as_json: Json = False) -> None:  # noqa: FBT002
    """Show one incident: what was found, how it ended, what the run that went on carried. Example: gateway incident show 1."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            found = incidents.show(connection, number)
        if as_json:
            show_one(found, as_json=True)
            return
        show_one({name: value for name, value in found.items() if name != "diff"}, as_json=False)
        show(found["diff"], ["path", "kind", "before", "after", "rule", "found"], as_json=False)

    raise typer.Exit(guarded(call))


@group.command("close")
def incident_close(number: Number, why: Why, who: Who) -> None:
    """Close an incident with the report on it (事后报告); refused while its route is held.

    Example: gateway incident close 1 --why '承建单位误改字段，当日恢复，已补齐数据'
    """

    def call() -> None:
        incidents.close(Deployment.open(), number, who=who, why=why)
        out.print(f"incident {number} closed")

    raise typer.Exit(guarded(call))
