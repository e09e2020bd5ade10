"""`gateway sla`: what was promised and what was kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway import settings
from gateway.cli.frame import DONE, FAILED, Json, guarded, out, print_json, print_line, show
from gateway.deployment import Deployment
from gateway.sla import evidence, figures, issues
from gateway.sla.periods import Period

group = typer.Typer(no_args_is_help=True, help="What was promised and what was kept (时效考核).")
PeriodName = Annotated[
    str, typer.Option("--period", help="A half month, 2026-11A, or a month, 2026-11; now's when left out.")
]
_FORMS = ("table", "json", "csv", "xlsx", "pdf", "docx")
_COLUMNS = [
    "place", "kind", "unit", "name", "expected", "on_time", "late", "late_own", "exempt", "unmeasured", "open", "rate_bp",
    "coverage_bp", "allowed", "why",
]  # fmt: skip


def period_of(name: str) -> Period:
    """Return the period of a name; the half month of now for none."""
    return Period.of(name) if name else Period.around(settings.now().astimezone(settings.CHINA).date())


@group.command()
def report(
    period: PeriodName = "",
    form: Annotated[str, typer.Option("--format", help="table, json, csv, xlsx, pdf or docx.")] = "table",
    to: Annotated[Path | None, typer.Option("--to", help="Write to this file; xlsx, pdf and docx need one.")] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Make the figures of a period from receipts, and show them.

    Every obligation counts, whether or not anything ran; what nobody looked at is not met. Example:
    gateway sla report --period 2026-11A --format xlsx --to 2026-11A.xlsx
    """
    form = "json" if as_json else form
    if form not in _FORMS:
        raise typer.BadParameter(f"--format is one of {', '.join(_FORMS)}")
    if form in ("xlsx", "pdf", "docx") and to is None:
        raise typer.BadParameter(f"--format {form} needs --to FILE")

    def call() -> None:
        deployment, found, now = Deployment.open(), period_of(period), settings.now()
        made = figures.report(deployment, found, now)
        if form == "json" and to is None:
            print_json(made)
        elif form == "table":
            show(made["units"], _COLUMNS, as_json=False, title=made["chinese"])
        else:
            _write(deployment, form, made, found, to)

    raise typer.Exit(guarded(call))


def _write(deployment: Deployment, form: str, made: dict[str, Any], period: Period, to: Path | None) -> None:
    data = issues.printed_as(deployment, form, made, period)
    if to is None:
        sys.stdout.buffer.write(data)
    else:
        to.write_bytes(data)
        out.print(f"{to}: {len(data):,} bytes")


@group.command()
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="A file of `gateway evidence export`; the period's own when left out.")
    ] = None,
    period: PeriodName = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Recompute every figure from the receipts of a file and compare; exit code 1 at the first difference.

    The file's signatures are compared with this deployment's keys too. Example: gateway sla verify evidence-2026-11A.zip
    """
    raise typer.Exit(guarded(lambda: proved(file, period, as_json=as_json)))


def proved(file: Path | None, period: str, *, as_json: bool) -> int:
    """Recompute a file, or a period when there is none, say what was found and return the exit code."""
    fault, said = evidence.verify(Deployment.open(), file, period_of(period))
    if as_json:
        print_json({"equal": fault is None, "fault": fault, "said": said})
    else:
        for line in said:
            print_line(line)
    return FAILED if fault else DONE
