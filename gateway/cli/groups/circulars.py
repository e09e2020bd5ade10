"""`gateway circular`: the half-monthly circular."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.frame import Json, Who, guarded, hub, out, show
from gateway.deployment import Deployment
from gateway.sla import issues
from gateway.sla.periods import Period

group = typer.Typer(no_args_is_help=True, help="The half-monthly circular (通报).")
Name = Annotated[str, typer.Argument(metavar="PERIOD", help="A half month that is over, such as 2026-11A.")]
_COLUMNS = ["period", "state", "issue_no", "evidence_count", "evidence_root", "drafted_at", "frozen_at", "published_at"]


@group.command()
def draft(period: Name) -> None:
    """Make the figures of a period as a draft; again as often as needed until it is frozen. Example: gateway circular draft 2026-11A."""

    def call() -> None:
        found = issues.draft(Deployment.open(), Period.of(period))
        total = found["figures"]["totals"]["all"]
        out.print(
            f"{period}: draft, {total['on_time']} on time, {total['late']} late, {total['unmeasured']} unmeasured"
        )

    raise typer.Exit(guarded(call))


@group.command()
def review(period: Name, who: Who) -> None:
    """Note that you have read the draft. Example: gateway circular review 2026-11A."""

    def call() -> None:
        issues.review(Deployment.open(), Period.of(period), who=who)
        out.print(f"{period}: reviewed")

    raise typer.Exit(guarded(call))


@group.command()
def freeze(period: Name) -> None:
    """Make the figures a last time, keep their evidence, number the issue; nothing changes it afterwards.

    Example: gateway circular freeze 2026-11A
    """

    def call() -> None:
        found = issues.freeze(Deployment.open(), Period.of(period))
        out.print(f"{period}: frozen as issue {found['issue_no']}, head {found['evidence_root']}", soft_wrap=True)

    raise typer.Exit(guarded(call))


@group.command()
def publish(period: Name, who: Who) -> None:
    """Print a frozen issue and queue it to the bureau and the units. Example: gateway circular publish 2026-11A."""

    def call() -> None:
        for path in issues.publish(Deployment.open(), Period.of(period), who=who):
            out.print(str(path), soft_wrap=True)

    raise typer.Exit(guarded(call))


@group.command("print")
def print_files(
    period: Name,
    to: Annotated[Path, typer.Option("--to", help="The folder to write to.", file_okay=False)] = Path(),
) -> None:
    """Write an issue as PDF, DOCX, XLSX, CSV and JSON; a draft bears its mark. Example: gateway circular print 2026-11A --to /tmp."""

    def call() -> None:
        deployment = Deployment.open()
        to.mkdir(parents=True, exist_ok=True)
        for name, data in issues.documents(deployment, issues.get(deployment, Period.of(period))).items():
            (to / name).write_bytes(data)
            out.print(str(to / name), soft_wrap=True)

    raise typer.Exit(guarded(call))


@group.command("list")
def list_issues(as_json: Json = False) -> None:  # noqa: FBT002
    """List issues, newest period first. Example: gateway circular list."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            rows = issues.listing(connection)
        show(rows, _COLUMNS, as_json=as_json)

    raise typer.Exit(guarded(call))
