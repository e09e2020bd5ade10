"""`gateway quarantine`: rejected rows."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.frame import (
    REJECTS,
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
from gateway.exchange import carry, quarantine

group = typer.Typer(no_args_is_help=True, help="Rejected rows, masked (隔离区).")
RowNumber = Annotated[int, typer.Argument(metavar="ROW", help="The quarantined row's number.")]


@group.command("list")
def quarantine_list(
    dataset: Annotated[str | None, typer.Option(help="Only rows of this data set.")] = None,
    route_name: Annotated[str | None, typer.Option("--route", help="Only rows of this route.")] = None,
    state: Annotated[
        str, typer.Option(help="open, waiting, corrected, discarded, replayed, superseded, gone, or all.")
    ] = "open",
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 50,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List rejected rows with the reason, owner and age; personal values are masked.

    Example: gateway quarantine list --dataset pop.person
    """

    def call() -> None:
        deployment = Deployment.open()
        with hub(deployment) as connection:
            wanted = None if state == "all" else state
            rows = quarantine.list_rows(connection, dataset=dataset, route=route_name, state=wanted, limit=limit)
        for row in rows:
            row["reason"] = "{} / {}".format(
                *quarantine.reason(deployment.catalog.datasets, row["dataset"], row["rule"], row["words"])
            )
        show(
            rows,
            ["id", "dataset", "rule", "reason", "owner", "age_days", "batch_id", "state"],
            as_json=as_json,
        )

    raise typer.Exit(guarded(call))


@group.command("show")
def quarantine_show(number: RowNumber, as_json: Json = False) -> None:  # noqa: FBT002
    """Show one rejected row, masked. Example: gateway quarantine show 12."""

    def call() -> None:
        deployment = Deployment.open()
        with hub(deployment) as connection:
            show_one(quarantine.show(connection, deployment.catalog.datasets, number), as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command("replay")
def quarantine_replay(
    number: RowNumber,
    why: Why,
    who: Who,
    edit: Annotated[
        list[str] | None, typer.Option("--set", help="field=value; `field=` empties it; may be repeated.")
    ] = None,
) -> None:
    """Judge a rejected row again, with edited values if given, and carry it when it passes.

    Example: gateway quarantine replay 12 --set sex=2 --why '已电话核实'
    """
    for given in edit or []:
        if "=" not in given:
            raise typer.BadParameter("write field=value, or `field=` to empty it", param_hint="--set")

    def call() -> int:
        edits = {name: value or None for name, _, value in (e.partition("=") for e in edit or [])}
        outcome = carry.replay(Deployment.open(), number, who=who, why=why, edits=edits)
        if outcome.rejected:
            out.print(f"the row still breaks {', '.join(outcome.rejects)}; it stays in quarantine")
            return REJECTS
        out.print(f"carried by batch {outcome.batch}: {outcome.inserted} inserted, {outcome.updated} updated")
        return 0

    raise typer.Exit(guarded(call))


@group.command("discard")
def quarantine_discard(number: RowNumber, why: Why, who: Who) -> None:
    """Give a rejected row up for good. Example: gateway quarantine discard 12 --why '来源确认作废'."""

    def call() -> None:
        quarantine.discard(Deployment.open(), number, who=who, why=why)
        out.print(f"row {number} is discarded")

    raise typer.Exit(guarded(call))
