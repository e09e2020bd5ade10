"""The top of the command line: global options, the groups, and `init`, `check`, `sync`, `reconcile`, `approve`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click
import typer

from gateway import __version__
from gateway.cli.frame import FAILED, REJECTS, Json, Who, Why, guarded, out, print_json, show_one
from gateway.deployment import Deployment

if TYPE_CHECKING:
    from gateway.exchange.timing import Override

# Commands import what they do: the engine and the channels take longer to load than most groups take to answer.
# ruff: noqa: PLC0415

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
    from gateway.cli import setup

    raise typer.Exit(guarded(lambda: setup.init(folder)))


@app.command()
def check(
    offline: Annotated[bool, typer.Option("--offline", help="Do not connect to platforms or hub.")] = False,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Check catalog, contracts, rules and connections; name every fault with file, line and remedy.

    Example: gateway check --offline
    """
    from gateway.cli import check as checking

    raise typer.Exit(guarded(lambda: checking.run(offline=offline, as_json=as_json)))


@app.command()
def doctor(as_json: Json = False) -> None:  # noqa: FBT002
    """Examine the deployment: settings, keys, hub, ledger, clocks, disk, platforms; each with what to do.

    Example: gateway doctor
    """
    from gateway.cli import doctor as doctoring

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
    from gateway.exchange import reconcile as reconciling

    override = _override(who, why, now=now)

    def call() -> int:
        found = reconciling.run(Deployment.open(), route, repair=repair, now=override)
        show_one(found.as_dict(), as_json=as_json)
        return FAILED if found.passed is False else 0

    raise typer.Exit(guarded(call))


@app.command()
def approve(hold: Annotated[int, typer.Argument(help="The hold's number.")], why: Why, who: Who) -> None:
    """Let what a hold stopped pass, once. Example: gateway approve 3 --why '来源单位确认已注销'."""
    from gateway.ledger import decisions

    def call() -> None:
        route = decisions.approve(Deployment.open(), hold, who=who, why=why)
        out.print(f"hold {hold} approved; run `gateway sync {route}` or wait for its schedule")

    raise typer.Exit(guarded(call))


def _override(who: str, why: str, *, now: bool) -> Override | None:
    """Return who lets a run start now; a usage error without the reason, or for a reason of nothing."""
    from gateway.exchange.timing import Override

    if now != bool(why.strip()):
        raise typer.BadParameter("--now and --why '…' go together; both are kept in the chain of receipts.")
    return Override(who, why) if now else None


def _sync(route: str, *, dry_run: bool, whole: bool, as_json: bool, now: Override | None) -> int:
    from gateway.cli.progress import telling
    from gateway.exchange import carry

    deployment = Deployment.open()
    with telling(route) as tell:
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


def _groups() -> Mapping[str, EntryPoint]:
    """Return where each group is found, by its word; a group is loaded when it is asked for."""
    return {entry.name: entry for entry in entry_points(group="gateway.commands")}


@cache
def whole() -> typer.Typer:
    """Return the command line with every group."""
    return _with(_groups())


def _with(found: Mapping[str, EntryPoint]) -> typer.Typer:
    for word, entry in found.items():
        app.add_typer(entry.load(), name=word)
    return app


def _asked_for(arguments: Sequence[str]) -> typer.Typer:
    """Return the command line with what the arguments need of it: loading the rest would take longer than most commands."""
    word, rest = None, iter(arguments)
    while word is None and (argument := next(rest, None)) is not None:
        if argument == "--dir":
            next(rest, None)
        elif not argument.startswith("-"):
            word = argument
    if word in {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}:
        return app
    found = _groups().get(word or "")
    return _with({found.name: found}) if found else whole()


def main() -> None:
    """Run the command line."""
    try:
        _asked_for(sys.argv[1:])()
    except click.exceptions.Abort:
        sys.exit(FAILED)
