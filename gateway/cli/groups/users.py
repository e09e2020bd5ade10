"""`gateway user`: who may log in to the pages, and as what."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gateway.cli.frame import Json, Who, Why, guarded, hub, out, print_line, show
from gateway.deployment import Deployment
from gateway.security import users
from gateway.security.users import New

group = typer.Typer(no_args_is_help=True, help="Who may log in to the pages, and as what (用户与角色).")
Given = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input; else one is made and shown once."),
]
Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The name to log in with.")]


@group.command("add")
def user_add(
    login: Login,
    role: Annotated[str, typer.Option(help="administrator, engineer, bureau, auditor or unit.")],
    who: Who,
    unit: Annotated[str | None, typer.Option(help="With --role unit: the unit of the catalog.")] = None,
    name: Annotated[str, typer.Option(help="The person's name, as pages show it.")] = "",
    mail: Annotated[str, typer.Option(help="The person's mail address, for Airflow's list of users.")] = "",
    password_stdin: Given = False,  # noqa: FBT002
) -> None:
    """Make a user by Airflow's own commands, and say which unit a unit's user belongs to.

    Example: gateway user add lisi --role unit --unit zjj --name 李四
    """

    def call() -> None:
        password = sys.stdin.readline().rstrip("\n") if password_stdin else users.password()
        new = New(login, role, unit, name, mail, password)
        if users.add(Deployment.open(), new, who=who):
            out.print(f"user {login} added as {role}")
            if not password_stdin:
                print_line(f"password, shown this once: {password}")
        else:
            out.print(f"user {login} was known to Airflow: it has the role {role} now, and its old password")

    raise typer.Exit(guarded(call))


@group.command("end")
def user_end(login: Login, why: Why, who: Who) -> None:
    """Delete a user from Airflow, and end what it may do for its unit. Example: gateway user end lisi --why 调离."""

    def call() -> None:
        unit = users.end(Deployment.open(), login, who=who, why=why)
        out.print(f"user {login}{f' of {unit}' if unit else ''} ended")

    raise typer.Exit(guarded(call))


@group.command("list")
def user_list(
    unit: Annotated[str | None, typer.Option(help="Only this unit's.")] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those that ended too.")] = False,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List the users of units; all others are in Airflow's own list. Example: gateway user list --unit zjj."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            rows = users.listing(connection, unit, ended=ended)
        columns = ["login", "unit", "since", "added_by"]
        show(rows, [*columns, "until"] if ended else columns, as_json=as_json)

    raise typer.Exit(guarded(call))
