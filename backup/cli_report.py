"""`gateway backup report` and `export`: the evidence."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from backup import plans
from backup import report as reporting
from backup import watch as watching
from gateway import settings
from gateway.cli.frame import FAILED, Json, guarded, hub, out, show
from gateway.deployment import Deployment
from gateway.exchange import proof
from gateway.settings import CHINA

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day, YYYY-MM-DD.")]
_COLUMNS = [
    "plan", "unit", "proven", "rpo_promised_s", "rpo_worst_s", "rto_promised_s", "rto_worst_s", "stored", "failed",
    "drills_passed", "drills_failed", "kept",
]  # fmt: skip


def report(since: Day = None, until: Day = None, as_json: Json = False) -> None:  # noqa: FBT002
    """Show for each plan what was promised and what was reached: the worst RPO and RTO, by proven backups alone.

    The last 30 days unless days are given, `until` included. Example: gateway backup report --since 2026-11-01
    """

    def call() -> None:
        deployment = Deployment.open()
        ends = min(_midnight(until) + timedelta(days=1), settings.now()) if until else settings.now()
        begins = _midnight(since) if since else ends - timedelta(days=30)
        with hub(deployment) as connection:
            found = reporting.lines(connection, plans.load(deployment.catalog), begins, ends)
        show([line.as_dict() for line in found], _COLUMNS, as_json=as_json)

    raise typer.Exit(guarded(call))


def watch(as_json: Json = False) -> None:  # noqa: FBT002
    """Look after every plan: tell once of runs and drills that were missed and of data unproven beyond the promised RPO.

    Exit code 1 while anything is wrong. Airflow does it each hour. Example: gateway backup watch
    """

    def call() -> int:
        deployment = Deployment.open()
        found = watching.watch(deployment, plans.load(deployment.catalog))
        show(found, ["incident", "plan", "kind", "repository", "opened_at"], as_json=as_json)
        return FAILED if found else 0

    raise typer.Exit(guarded(call))


def export(file: Annotated[Path, typer.Argument(dir_okay=False, help="The zip to write.")]) -> None:
    """Write the chain that holds every record of backups and drills to a zip that proves itself with Python alone.

    Example: gateway backup export backups-2026-11.zip
    """
    raise typer.Exit(guarded(lambda: out.print(f"{proof.export(Deployment.open(), file)} records in {file}")))


def _midnight(day: datetime) -> datetime:
    return day.replace(tzinfo=CHINA)
