"""`gateway backup base` and `wal`: the physical copy of a server and what it writes since."""

from __future__ import annotations

import signal
import threading
from contextlib import closing
from typing import Annotated

import typer

from backup import plans, records
from backup.physical import base as bases
from backup.physical import receive, status
from gateway.cli.frame import FAILED, Json, guarded, print_json, print_line, show_one
from gateway.cli.progress import telling
from gateway.deployment import Deployment

Name = Annotated[str, typer.Argument(metavar="PLAN", help="A plan of catalog/backups that has `wal`.")]


def base(name: Name, as_json: Json = False) -> None:  # noqa: FBT002
    """Copy the files of a plan's server, and survey an exact restore point behind them; its WAL must be received already.

    Example: gateway backup base hub_minutes
    """

    def call() -> None:
        deployment = Deployment.open()
        plan = plans.load(deployment.catalog).get(name)
        with telling(plan.plan) as tell:
            made = bases.take(deployment, plan, tell)
        if as_json:
            print_json(made.as_dict())
            return
        print_line(
            f"{made.backup}: {made.tables} tables, {made.rows:,} rows, {made.bytes:,} bytes stored in "
            f"{', '.join(made.repositories)} ({made.seconds} s); now drill it: gateway backup drill {plan.plan} --physical"
        )

    raise typer.Exit(guarded(call))


def wal(
    name: Name,
    show: Annotated[bool, typer.Option("--status", help="Show how it stands; receive nothing.")] = False,  # noqa: FBT002
    new_slot: Annotated[bool, typer.Option("--new-slot", help="Begin anew after the slot was lost.")] = False,  # noqa: FBT002
    seconds: Annotated[float | None, typer.Option(help="End after so many seconds; never unless given.")] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Receive the WAL of a plan's server as it is written, and store each segment sealed in every repository, until ended.

    With --status exit code 1 when something is wrong. Example: gateway backup wal hub_minutes --status
    """

    def call() -> int:
        deployment = Deployment.open()
        plan = plans.load(deployment.catalog).get(name)
        if show:
            found = status.status(deployment, plan)
            show_one(found, as_json=as_json)
            return FAILED if found["fault"] else 0
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        with telling(plan.plan) as tell:
            receive.receive(deployment, plan, tell, seconds=seconds, new_slot=new_slot, stop=stop)
        return 0

    raise typer.Exit(guarded(call))


def is_physical(deployment: Deployment, backup: str | None) -> bool:
    """Tell whether a backup that was named is a base."""
    if backup is None:
        return False
    with closing(deployment.hub(name="gateway cli", autocommit=True)) as hub:
        return bool(records.one(hub, backup)["kind"] == "physical")
