"""`gateway catalog`: the catalogue of resources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway import catalog, resources
from gateway.cli.frame import (
    DONE,
    FAILED,
    Json,
    guarded,
    out,
    show,
)

group = typer.Typer(no_args_is_help=True, help="What the city declares: its catalogue of resources (资源目录).")


@group.command("export")
def catalog_export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; it is made when it is not there.")],
) -> None:
    """Write the catalogue of resources: contracts of the open standard, CSV files, and a page to read.

    Example: gateway catalog export resources
    """

    def call() -> None:
        count = resources.export(catalog.load(), folder)
        out.print(
            f"{count} data sets written: {folder}/index.html, datasets.csv, fields.csv, contracts/", soft_wrap=True
        )

    raise typer.Exit(guarded(call))


@group.command("coverage")
def catalog_coverage(as_json: Json = False) -> None:  # noqa: FBT002
    """List the platforms with the routes that use them; exit code 1 when one has none.

    Example: gateway catalog coverage
    """

    def call() -> int:
        rows = resources.coverage(catalog.load())
        show(rows, ["platform", "name", "unit", "connector", "inbound", "outbound"], as_json=as_json)
        return DONE if all(row["inbound"] + row["outbound"] for row in rows) else FAILED

    raise typer.Exit(guarded(call))
