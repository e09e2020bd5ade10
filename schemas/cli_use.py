"""`gateway schema uses` and `observe`, `gateway notice rehearse`: who uses what, and whether it will work on the day."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated, Any

import typer

from gateway import pg
from gateway.cli.frame import FAILED, Json, Who, guarded, out, show, show_one
from gateway.deployment import Deployment
from schemas.rehearsal import rehearse as rehearsing
from schemas.use import observed, profile

_COLUMNS = ["unit", "dataset", "platform", "source", "name", "columns", "last_used", "stale", "unknown"]


def uses(
    unit: Annotated[str | None, typer.Option(help="Of one unit.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Of one data set.")] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show what units use of which columns, and how that is known (使用画像): by routes, statements, what was seen or declared.

    Example: gateway schema uses --unit zjj
    """

    def call() -> None:
        deployment = Deployment.open()
        with (
            closing(deployment.hub(name="gateway cli")) as connection,
            pg.hub_errors("keep profiles of use"),
            connection,
        ):
            profile.keep(connection, deployment.catalog)
            rows = profile.kept(connection, unit, dataset)
        show(
            rows if as_json else [{**row, "columns": _short(row["columns"])} for row in rows], _COLUMNS, as_json=as_json
        )

    raise typer.Exit(guarded(call))


def _short(columns: list[dict[str, Any]]) -> str:
    """Return columns as people read them: `name, uscc (key)`."""
    said = []
    for item in columns:
        roles = [role for role in item["roles"] if role != "read"]
        if item["column"]:
            said.append(f"{item['column']} ({', '.join(roles)})" if roles else item["column"])
    return ", ".join(said)


def observe(
    platform: Annotated[str, typer.Argument(help="A platform of the catalog, or hub.")],
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Look at what the accounts of units do at a platform, and keep it; needs pg_stat_statements there.

    Example: gateway schema observe share
    """

    def call() -> None:
        found = observed.observe(Deployment.open(), platform)
        lines = [{"unit": e.unit, **e.as_dict(), "columns": profile.written(e.columns)} for e in found]
        shown = lines if as_json else [{**line, "columns": _short(line["columns"])} for line in lines]
        show(shown, ["unit", "name", "columns", "last_used", "unknown"], as_json=as_json)

    raise typer.Exit(guarded(call))


def rehearse(
    name: Annotated[str, typer.Argument(metavar="NOTICE", help="Its number, 〔2026〕第1号, or the id of a draft.")],
    who: Who,
    sample: Annotated[int, typer.Option(min=1, max=rehearsing.MOST, help="Rows of each table.")] = rehearsing.ROWS,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Do each unit's own work on a copy with the announced structure and masked rows (演练); exit 1 when one fails.

    Example: gateway notice rehearse 3 --sample 500
    """

    def call() -> int | None:
        found = rehearsing.rehearse(Deployment.open(), name, who=who, rows=sample)
        if as_json:
            show_one(found.as_dict(), as_json=True)
        else:
            show([o.as_dict() for o in found.outcomes], ["unit", "result", "said"], as_json=False)
            out.print(f"{found.seconds:.1f} s")
        return FAILED if any(outcome.result == "fail" for outcome in found.outcomes) else None

    raise typer.Exit(guarded(call))
