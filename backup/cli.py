"""`gateway backup`: backups that count once a drill restored them (备份与恢复演练)."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer

from backup import available, catalogue, drill, plans, prune, records, run
from backup import copy as copying
from backup.cli_physical import base, is_physical, wal
from backup.cli_report import export, report, watch
from backup.cli_restore import restore
from backup.physical import drill as base_drill
from backup.plans import Plan
from gateway.cli.frame import FAILED, Json, Why, guarded, hub, out, print_json, print_line, show, show_one
from gateway.cli.progress import telling
from gateway.deployment import Deployment

group = typer.Typer(no_args_is_help=True, help="Backups that a drill has proven (备份与恢复演练).")
Name = Annotated[str, typer.Argument(metavar="PLAN", help="A plan of catalog/backups.")]
Repository = Annotated[str | None, typer.Option(help="A repository of the plan; its first unless given.")]
_COLUMNS = ["backup", "unit", "kind", "state", "snapshot_at", "rows", "bytes", "seconds", "copies"]


@group.command("run")
def run_(
    name: Name,
    now: Annotated[bool, typer.Option("--now", help="Begin though the plan's window is closed; give --why.")] = False,  # noqa: FBT002
    why: Why = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Back up what a plan names: dump and hashes of one moment, sealed, stored in each repository, manifest last.

    Exit code 5 while another run has the plan, 4 outside of its window. Example: gateway backup run hub_daily
    """
    if now and not why:
        raise typer.BadParameter("--now needs --why")

    def call() -> None:
        deployment = Deployment.open()
        plan = _plan(deployment, name)
        if now:
            records.chained(deployment, "begun now", {"plan": plan.plan, "who": getpass.getuser(), "why": why})
        with telling(plan.plan) as tell:
            found = run.run(deployment, plan, tell, now=now)
        if as_json:
            print_json(found.as_dict())
            return
        print_line(
            f"{found.backup}: {found.tables} tables, {found.rows:,} rows, {found.bytes:,} bytes stored in "
            f"{', '.join(found.repositories)} ({found.seconds} s); now drill it: gateway backup drill {plan.plan}"
        )

    raise typer.Exit(guarded(call))


@group.command("drill")
def drill_(
    name: Name,
    backup: Annotated[str | None, typer.Option(help="A backup; the newest unless given.")] = None,
    repository: Repository = None,
    physical: Annotated[bool, typer.Option("--physical", help="The newest base backup.")] = False,  # noqa: FBT002
    older: Annotated[bool, typer.Option("--older", help="Any older backup instead of the newest.")] = False,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Restore a backup from its repository on a server of its own, compare all of it, and keep a signed record (恢复演练).

    Exit code 1 when it is not what the source was. Example: gateway backup drill hub_daily --repository far
    """

    def call() -> None:
        deployment = Deployment.open()
        plan = _plan(deployment, name)
        with telling(plan.plan) as tell:
            if physical or is_physical(deployment, backup):
                found = base_drill.drill(deployment, plan, tell, backup=backup, repository=repository)
            else:
                found = drill.drill(deployment, plan, tell, backup=backup, repository=repository, older=older)
        if as_json:
            print_json(found.as_dict())
            return
        phases = ", ".join(f"{phase} {ms / 1000:.1f} s" for phase, ms in found.phases.items())
        print_line(
            f"{found.backup} is proven: restored from {found.repository} in {found.rto_ms / 1000:.1f} s ({phases})"
        )
        for remark in found.remarks:
            print_line(f"  {remark}")

    raise typer.Exit(guarded(call))


@group.command("copy")
def copy_(
    name: Name,
    source: Annotated[str, typer.Argument(metavar="FROM", help="The repository that has it.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The repository that is to have it.")],
    backup: Annotated[str | None, typer.Option(help="A backup; the newest in FROM unless given.")] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Copy a backup to another repository of its plan: parts are checked and read back, the manifest comes last.

    What broke off is gone on with when it is called again. Example: gateway backup copy hub_daily near far
    """

    def call() -> None:
        deployment = Deployment.open()
        plan = _plan(deployment, name)
        with telling(plan.plan) as tell:
            found = copying.copy(deployment, plan, source, target, tell, backup=backup)
        if as_json:
            print_json(found.as_dict())
            return
        print_line(
            f"{found.backup} lies in {target} too: {found.parts} parts, {found.bytes:,} bytes; now drill it there"
        )

    raise typer.Exit(guarded(call))


@group.command("list")
def list_(
    name: Annotated[str | None, typer.Option("--plan", help="Only this plan.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many backups.")] = 20,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List backups, newest first; plans that cannot be used are named. Example: gateway backup list --plan hub_daily."""

    def call() -> int:
        deployment = Deployment.open()
        found = plans.load(deployment.catalog)
        with hub(deployment) as connection:
            show([_flat(r) for r in records.listing(connection, name, limit=limit)], _COLUMNS, as_json=as_json)
        for reason in found.broken.values():
            out.print(f"[red]broken[/red] {reason}", soft_wrap=True)
        return FAILED if found.broken else 0

    raise typer.Exit(guarded(call))


@group.command("show")
def show_(
    backup: Annotated[str, typer.Argument(help="A backup, as `gateway backup list` names it.")],
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show one backup with its copies and drills. Example: gateway backup show hub_daily-20261126T020003Z-7f3a."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            show_one(records.one(connection, backup), as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command()
def verify(
    name: Name,
    backup: Annotated[str | None, typer.Option(help="A backup; the newest unless given.")] = None,
    repository: Repository = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Read a stored backup again and compare each part with the signed manifest; nothing is opened or restored.

    This proves storage, not the backup: only a drill does. Example: gateway backup verify hub_daily
    """

    def call() -> int:
        deployment = Deployment.open()
        plan = _plan(deployment, name)
        place = plan.place(repository)
        wanted = backup or available.at(deployment, plan, None, place.repository).manifest.backup
        faults = available.verify(deployment, place, wanted)
        show_one(
            {"backup": wanted, "repository": place.repository, "ok": not faults, "faults": faults}, as_json=as_json
        )
        return FAILED if faults else 0

    raise typer.Exit(guarded(call))


@group.command("prune")
def prune_(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this it is only shown.")] = False,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show which copies the plan's retention keeps and why, and which go; with --yes delete those.

    The last proven copy stays whatever its age. What goes is marked first, and deleted three days later at the earliest.
    Example: gateway backup prune hub_daily --yes
    """

    def call() -> None:
        deployment = Deployment.open()
        fates = prune.prune(deployment, _plan(deployment, name), dry_run=not yes)
        show([f.as_dict() for f in fates], ["backup", "repository", "state", "fate", "why"], as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command("verify-catalog")
def verify_catalog(as_json: Json = False) -> None:  # noqa: FBT002
    """Hold the catalogue of backups against the chain of receipts and every repository.

    Example: gateway backup verify-catalog
    """

    def call() -> int:
        deployment = Deployment.open()
        found = catalogue.verify(deployment, plans.load(deployment.catalog))
        show_one(found.as_dict(), as_json=as_json)
        return 0 if found.ok else FAILED

    raise typer.Exit(guarded(call))


group.command()(base)
group.command()(wal)
group.command()(restore)
group.command()(report)
group.command()(watch)
group.command()(export)


def _plan(deployment: Deployment, name: str) -> Plan:
    return plans.load(deployment.catalog).get(name)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    seconds = row["seconds"]
    copies = " ".join(f"{copy['repository']}:{copy['state']}" for copy in row["copies"])
    return {**row, "seconds": None if seconds is None else round(seconds, 1), "copies": copies}
