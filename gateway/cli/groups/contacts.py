"""`gateway contact`: who answers for a unit."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.frame import Json, Who, Why, guarded, hub, out, show
from gateway.deployment import Deployment
from gateway.notify import contacts

group = typer.Typer(no_args_is_help=True, help="Who answers for a unit, and how they are reached (联系人).")
Leader = Annotated[bool, typer.Option("--leader", help="Told only when the responsible persons do not answer.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show names and addresses in full.")]


@group.command("add")
def contact_add(
    unit: Annotated[str, typer.Argument(help="A unit of the catalog.")],
    name: Annotated[str, typer.Argument(help="The person, or what the robot or receiver is called.")],
    channel: Annotated[str, typer.Argument(help="mail, sms, wecom or webhook.")],
    address: Annotated[str, typer.Argument(help="Mail address, mobile number, or the name of a connection.")],
    who: Who,
    title: Annotated[str, typer.Option(help="Office or title.")] = "",
    leader: Leader = False,  # noqa: FBT002
) -> None:
    """Add a contact of a unit.

    Example: gateway contact add gaj 张三 mail zhangsan@gaj.example.gov.cn --title 数据科科长
    """

    def call() -> None:
        number = contacts.add(Deployment.open(), unit, name, channel, address, who=who, title=title, leader=leader)
        out.print(f"contact {number} added; try it with `gateway channel test {number}`")

    raise typer.Exit(guarded(call))


@group.command("end")
def contact_end(contact: Annotated[int, typer.Argument(help="The contact's number.")], why: Why, who: Who) -> None:
    """Let a contact answer no longer; nothing is sent to it any more.

    Example: gateway contact end 3 --why '岗位调整'
    """

    def call() -> None:
        unit = contacts.end(Deployment.open(), contact, who=who, why=why)
        out.print(f"contact {contact} of {unit} ended")

    raise typer.Exit(guarded(call))


@group.command("list")
def contact_list(
    unit: Annotated[str | None, typer.Option(help="Only this unit's.")] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those that ended too.")] = False,  # noqa: FBT002
    reveal: Reveal = False,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List contacts, names and addresses masked. Example: gateway contact list --unit gaj --reveal."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            rows = [c.as_dict(reveal=reveal) for c in contacts.listing(connection, unit, ended=ended)]
        columns = ["contact", "unit", "name", "title", "channel", "address", "leader", "since"]
        show(rows, [*columns, "until"] if ended else columns, as_json=as_json)

    raise typer.Exit(guarded(call))
