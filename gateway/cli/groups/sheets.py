"""`gateway sheet`: the signed daily sheets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from gateway.cli.frame import Json, guarded, hub, out, print_json, show, show_one
from gateway.deployment import Deployment
from gateway.exchange import sheets

group = typer.Typer(no_args_is_help=True, help="Signed daily sheets of each route (日对账单).")
Day = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day (China time); yesterday when left out.")
]


@group.command("make")
def sheet_make(
    day: Day = None,
    route_name: Annotated[str | None, typer.Option("--route", help="Only this route's.")] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Sign the sheets of a day; one that says nothing new is not signed again.

    Without a day: of yesterday, and of days before it, a month at most, that have none.

    Example: gateway sheet make --day 2026-11-24
    """

    def call() -> None:
        deployment, wanted = Deployment.open(), day.date() if day else sheets.yesterday()
        if route_name:
            one = sheets.make(deployment, route_name, wanted)
            made = [one] if one else []
        else:
            made = sheets.make_all(deployment, wanted) if day else sheets.make_due(deployment)
        if as_json:
            print_json([sheet.as_dict() for sheet in made])
        else:
            out.print(f"{len(made)} sheets signed")

    raise typer.Exit(guarded(call))


@group.command("list")
def sheet_list(
    route_name: Annotated[str | None, typer.Option("--route", help="Only this route's.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many sheets.")] = 50,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List sheets, newest day first. Example: gateway sheet list --route case_accept_prov."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            rows = [sheet.as_dict() for sheet in sheets.find(connection, route=route_name, limit=limit)]
        for row in rows:
            passed = [c["passed"] for c in row["comparisons"]]
            row |= {**row["carried"], "compared": "–" if not passed else "✓" if passed[-1] else "✗"}
        shown = [
            "day",
            "route",
            "revision",
            "batches",
            "read",
            "rejected",
            "returned",
            "compared",
            "verified_through",
            "receipt",
        ]
        show(rows, shown, as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command("show")
def sheet_show(
    route_name: Annotated[str, typer.Argument(metavar="ROUTE", help="A route of the catalog.")],
    day: Day = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show the newest revision of a sheet. Example: gateway sheet show pop_person_in --day 2026-11-24."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            found = sheets.show(connection, route_name, day.date() if day else sheets.yesterday())
        show_one(found.as_dict(), as_json=as_json)

    raise typer.Exit(guarded(call))
