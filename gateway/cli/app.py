"""The top of the command line: global options, the groups, and `init`, `check`, `sync`, `reconcile`, `approve`."""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import click
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from gateway import __version__
from gateway.cli import check as checking
from gateway.cli import doctor as doctoring
from gateway.cli import groups, setup
from gateway.cli.frame import FAILED, REJECTS, Json, Who, Why, err, guarded, out, print_json, show_one
from gateway.deployment import Deployment
from gateway.exchange import carry
from gateway.exchange import reconcile as reconciling
from gateway.exchange.timing import Override
from gateway.ledger import decisions

Now = Annotated[bool, typer.Option("--now", help="Start outside the platform's window, or while it rests.")]
NowWhy = Annotated[str, typer.Option("--why", help="With --now: the reason; it is kept in the chain of receipts.")]

app = typer.Typer(
    name="gateway",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="市级数据交换网关 · the data-exchange gateway.\n\nExit codes: 0 done, 1 failed, 2 usage, 3 done with rejects, "
    "4 held or waiting for approval, 5 busy.",
)


@app.callback(invoke_without_command=True)
def top(
    folder: Annotated[Path | None, typer.Option("--dir", help="The deployment made by `gateway init DIR`.")] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,  # noqa: FBT002 - an option
) -> None:
    """Point the commands at a deployment: --dir, or the current folder."""
    if version:
        out.print(__version__)
        raise typer.Exit
    if folder is not None:
        os.environ["GATEWAY_HOME"] = str(folder / ".gateway")
        os.environ["GATEWAY_CATALOG"] = str(folder / "catalog")


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="The folder to make the deployment in.")]) -> None:
    """Make a working deployment: catalog skeleton, keys, hub and ledger, without Airflow.

    Uses the PostgreSQL of GATEWAY_HUB_DSN, or starts an embedded one. Example: gateway init /srv/gateway
    """
    raise typer.Exit(guarded(lambda: setup.init(folder)))


@app.command()
def check(
    offline: Annotated[bool, typer.Option("--offline", help="Do not connect to platforms or hub.")] = False,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Check catalog, contracts, rules and connections; name every fault with file, line and remedy.

    Example: gateway check --offline
    """
    raise typer.Exit(guarded(lambda: checking.run(offline=offline, as_json=as_json)))


@app.command()
def doctor(as_json: Json = False) -> None:  # noqa: FBT002
    """Examine the deployment: settings, keys, hub, ledger, clocks, disk, platforms; each with what to do.

    Example: gateway doctor
    """
    raise typer.Exit(guarded(lambda: doctoring.run(as_json=as_json)))


@app.command()
def sync(
    route: Annotated[str, typer.Argument(help="A route of the catalog.")],
    who: Who,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what a run would do; change nothing.")] = False,  # noqa: FBT002
    whole: Annotated[bool, typer.Option("--whole", help="Compare, or deliver, everything.")] = False,  # noqa: FBT002
    now: Now = False,  # noqa: FBT002
    why: NowWhy = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Run a route once, without Airflow; exit code 4 while its platform's window is closed or it rests.

    Example: gateway sync pop_person_in --dry-run
    """
    override = _override(who, why, now=now)
    raise typer.Exit(guarded(lambda: _sync(route, dry_run=dry_run, whole=whole, as_json=as_json, now=override)))


@app.command()
def reconcile(
    route: Annotated[str, typer.Argument(help="A route of the catalog.")],
    who: Who,
    repair: Annotated[bool, typer.Option("--repair", help="Carry what differs, then compare again.")] = False,  # noqa: FBT002
    now: Now = False,  # noqa: FBT002
    why: NowWhy = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Compare a route's two sides (对账).

    Exactly, or by what a target that only collects still holds. Exit code 1 when they differ; 0
    with passed = null when the platform cannot be asked; 4 while its window is closed or it rests.

    Example: gateway reconcile pop_person_in --repair
    """
    override = _override(who, why, now=now)

    def call() -> int:
        found = reconciling.run(Deployment.open(), route, repair=repair, now=override)
        show_one(found.as_dict(), as_json=as_json)
        return FAILED if found.passed is False else 0

    raise typer.Exit(guarded(call))


@app.command()
def approve(hold: Annotated[int, typer.Argument(help="The hold's number.")], why: Why, who: Who) -> None:
    """Let what a hold stopped pass, once. Example: gateway approve 3 --why '来源单位确认已注销'."""

    def call() -> None:
        route = decisions.approve(Deployment.open(), hold, who=who, why=why)
        out.print(f"hold {hold} approved; run `gateway sync {route}` or wait for its schedule")

    raise typer.Exit(guarded(call))


def _override(who: str, why: str, *, now: bool) -> Override | None:
    """Return who lets a run start now; a usage error without the reason, or for a reason of nothing."""
    if now != bool(why.strip()):
        raise typer.BadParameter("--now and --why '…' go together; both are kept in the chain of receipts.")
    return Override(who, why) if now else None


def _sync(route: str, *, dry_run: bool, whole: bool, as_json: bool, now: Override | None) -> int:
    deployment = Deployment.open()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(f"{route}: connect")

        def tell(stage: str, rows: int) -> None:
            bar.update(task, description=f"{route}: {stage}{f' {rows:,} rows' if rows else ''}")

        outcome = carry.run(
            deployment, route, progress=tell, dry_run=dry_run, whole=whole, run_id="gateway sync", now=now
        )
    if as_json:
        print_json(outcome.as_dict())
    else:
        done = "nothing was changed" if dry_run else f"batch {outcome.batch}, receipt {outcome.receipt}"
        out.print(
            f"{route}: {outcome.kind}, {outcome.read:,} read; {outcome.inserted:,} inserted, {outcome.updated:,} updated, "
            f"{outcome.deleted:,} deleted, {outcome.unchanged:,} unchanged, {outcome.rejected:,} rejected "
            f"({outcome.seconds} s); {done}",
            soft_wrap=True,
        )
        for rule, count in sorted(outcome.rejects.items()):
            out.print(f"  {rule}: {count:,} rejected")
    return REJECTS if outcome.rejected else 0


for _name, _group in groups.GROUPS.items():
    app.add_typer(_group, name=_name)


@cache
def whole() -> typer.Typer:
    """Return the command line with the groups that packages above the core add by entry point."""
    for entry in entry_points(group="gateway.commands"):
        app.add_typer(entry.load(), name=entry.name)
    return app


def main() -> None:
    """Run the command line."""
    try:
        whole()()
    except click.exceptions.Abort:
        sys.exit(FAILED)
