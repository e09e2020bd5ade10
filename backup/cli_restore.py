"""`gateway backup restore`."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from backup import plans, restore_mysql, restore_tree, wiring
from backup import restore as restoring
from backup.physical import restore as recovering
from backup.physical.restore import Recovered
from backup.plans import FILES, MYSQL, Plan
from backup.restore import Outcome, Wish
from backup.run import Progress
from gateway.cli.frame import Json, Who, guarded, print_json, print_line
from gateway.cli.progress import telling
from gateway.deployment import Deployment
from gateway.errors import RestoreRefused
from gateway.mysql_address import is_mysql
from gateway.settings import CHINA

_CONNECTION = re.compile(r"[A-Z][A-Z0-9_]*")


def restore(
    name: Annotated[str, typer.Argument(metavar="PLAN", help="A plan of catalog/backups.")],
    into: Annotated[
        str, typer.Option(help="A connection's name (GATEWAY_CONN_<NAME>), a DSN without password, or a new folder.")
    ],
    who: Who,
    at: Annotated[
        str, typer.Option(help="As of when, such as '2026-11-26 09:30' (China time) or RFC 3339; now unless given.")
    ] = "",
    table: Annotated[list[str] | None, typer.Option(help="Only this table, schema.table; may be repeated.")] = None,
    repository: Annotated[str | None, typer.Option(help="From this repository; any unless given.")] = None,
    overwrite: Annotated[
        str, typer.Option(metavar="DATABASE", help="The target's name, typed to replace what it holds.")
    ] = "",
    no_owner: Annotated[bool, typer.Option("--no-owner", help="Leave owners and rights out.")] = False,  # noqa: FBT002
    dump: Annotated[bool, typer.Option("--dump", help="Into a folder: only the opened dump.")] = False,  # noqa: FBT002
    point: Annotated[str, typer.Option(help="Into a folder: recover to this restore point instead of a time.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be restored; change nothing.")] = False,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Restore the newest backup taken at or before a moment; afterwards target and manifest are compared.

    Into a folder, a plan that keeps WAL recovers the whole server to that very moment: base backup and WAL.

    Works without the hub, which may be what is lost. Example: gateway backup restore hub_daily --at '2026-11-26 09:30'
    --into NEW_HUB
    """
    wish = Wish(_moment(at), repository, tuple(table or ()), overwrite, not no_owner, dry_run)

    def call() -> None:
        deployment = Deployment.open()
        plan = plans.load(deployment.catalog).get(name)
        with telling(plan.plan) as tell:
            dsn = _dsn(deployment, into)
            if dsn is None and plan.wal is not None and not dump:
                done = recovering.into_folder(deployment, plan, Path(into), wish, tell, who=who, point=point)
                _say_recovered(done, as_json=as_json)
                return
            if point:
                raise RestoreRefused("a dump knows no restore point", "Leave --point out, or recover into a folder.")
            found = _restored(deployment, plan, into, dsn, wish, tell, who)
        _say(found, as_json=as_json)

    raise typer.Exit(guarded(call))


def _restored(
    deployment: Deployment, plan: Plan, into: str, dsn: str | None, wish: Wish, tell: Progress, who: str
) -> Outcome:
    """Restore by the kind of the source; RestoreRefused when it does not go where it should."""
    if dsn is None:
        whole = restore_tree.into_folder if plan.engine == FILES else restoring.into_folder
        return whole(deployment, plan, Path(into), wish, tell, who=who)
    if plan.engine == FILES:
        raise RestoreRefused("a tree of files goes into a folder", "Name a new folder: --into /folder.")
    if is_mysql(dsn) != (plan.engine == MYSQL):
        raise RestoreRefused(
            f"a backup of {plan.engine} does not go into that server", "Name a server of its own kind."
        )
    database = restore_mysql.into_database if plan.engine == MYSQL else restoring.into_database
    return database(deployment, plan, dsn, wish, tell, who=who)


def _moment(text: str) -> datetime | None:
    """Return a moment; a time without a zone is China's."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("--at is a time such as '2026-11-26 09:30'") from None
    return found if found.tzinfo else found.replace(tzinfo=CHINA)


def _dsn(deployment: Deployment, into: str) -> str | None:
    """Return the database that is meant, or None for a folder."""
    if into.startswith(("postgresql://", "postgres://", "mysql://")):
        if re.match(r"\w+://[^/@]*:[^/@]*@", into):
            raise RestoreRefused(
                "a password stands on the command line, where every user sees it",
                "Set GATEWAY_CONN_NAME and name that.",
            )
        return into
    return wiring.secret(deployment, into) if _CONNECTION.fullmatch(into) else None


def _say(found: Outcome, *, as_json: bool) -> None:
    if as_json:
        print_json(found.as_dict())
        return
    did = (
        f"restored into {found.into} and compared in {found.seconds} s" if found.done else f"would go into {found.into}"
    )
    print_line(
        f"{found.backup} from {found.repository}, as of {found.snapshot_at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}: {did}"
    )
    print_line(f"  {found.tables} tables, {found.rows:,} rows; {found.working_bytes >> 20:,} MiB of working space")
    for remark in found.remarks:
        print_line(f"  {remark}")


def _say_recovered(found: Recovered, *, as_json: bool) -> None:
    if as_json:
        print_json(found.as_dict())
        return
    did = f"recovered into {found.into} in {found.seconds} s" if found.done else f"would be recovered into {found.into}"
    print_line(f"{found.backup} from {found.repository} and {found.segments} segments of WAL, to {found.target}: {did}")
    if found.last_commit:
        print_line(f"  the last commit that is there: {found.last_commit.astimezone(CHINA):%Y-%m-%d %H:%M:%S}")
    print_line(f"  {found.working_bytes >> 20:,} MiB of working space")
    for remark in found.remarks:
        print_line(f"  {remark}")
