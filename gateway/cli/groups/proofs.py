"""`gateway evidence`: what figures were made of, as a file that proves itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway import settings
from gateway.cli.frame import Json, guarded, out
from gateway.cli.groups.sla import period_of, proved
from gateway.deployment import Deployment
from gateway.sla import evidence

group = typer.Typer(no_args_is_help=True, help="What figures were made of (考核证据).")


@group.command("export")
def evidence_export(
    period: Annotated[str, typer.Argument(help="A half month, 2026-11A, or a month, 2026-11.")],
    file: Annotated[Path | None, typer.Argument(help="Where to write it; evidence-PERIOD.zip when left out.")] = None,
) -> None:
    """Write receipts, occurrences, calendar and figures of a period to a file with its own verifier.

    `python3 verify.py` in the unpacked folder recomputes all figures with Python alone. Example: gateway evidence export 2026-11A
    """

    def call() -> None:
        found = period_of(period)
        path = file or Path(f"evidence-{found.name}.zip")
        made = evidence.export(Deployment.open(), found, path, settings.now())
        out.print(f"{path}: {made.count:,} occurrences, head {made.root}", soft_wrap=True)

    raise typer.Exit(guarded(call))


@group.command("verify")
def evidence_verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of `gateway evidence export`.")],
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Recompute every figure of a file from its receipts; exit code 1 at the first difference, which is named.

    The same as `gateway sla verify FILE`. Example: gateway evidence verify evidence-2026-11A.zip
    """
    raise typer.Exit(guarded(lambda: proved(file, "", as_json=as_json)))
