"""`gateway calendar`: the working days."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

from gateway import pg, settings
from gateway.cli.frame import (
    Json,
    guarded,
    out,
    show,
)
from gateway.deployment import Deployment
from gateway.sla import calendar

group = typer.Typer(no_args_is_help=True, help="The working-day calendar (工作日历).")


@group.command("show")
def calendar_show(
    first: Annotated[
        datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="The first day; today when left out.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="How many days.")] = 14,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show which days are worked, and whether that is official, an override or provisional.

    Example: gateway calendar show 2026-10-01 --days 12
    """

    def call() -> None:
        known = calendar.Calendar.from_files(Deployment.open().catalog.calendar_files)
        begin = first.date() if first else settings.now().astimezone(settings.CHINA).date()
        last = date.fromordinal(begin.toordinal() + days - 1)
        rows = [{"day": d.day, "is_work": d.is_work, "basis": d.basis, "note": d.note} for d in known.days(begin, last)]
        show(rows, ["day", "is_work", "basis", "note"], as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command("load")
def calendar_load() -> None:
    """Bring the hub's calendar to the official data and the catalog's overrides. Example: gateway calendar load."""

    def call() -> None:
        deployment = Deployment.open()
        known = calendar.Calendar.from_files(deployment.catalog.calendar_files)
        connection = deployment.hub(name="gateway calendar")
        with pg.hub_errors("load the calendar"), connection:
            out.print(f"{calendar.load(connection, known)} days changed")
        connection.close()

    raise typer.Exit(guarded(call))
