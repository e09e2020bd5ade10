"""`gateway docket`: exemptions and disputes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from gateway.cli.frame import Json, Who, Why, guarded, hub, out, show
from gateway.deployment import Deployment
from gateway.settings import CHINA
from gateway.sla import dockets

group = typer.Typer(no_args_is_help=True, help="Exemptions (免考核) and disputes (申诉).")
No = Annotated[str, typer.Argument(metavar="NO", help="Its number, such as MK-2026-001.")]
_FORMS = ["%Y-%m-%d %H:%M", "%Y-%m-%d"]
_COLUMNS = [
    "no",
    "kind",
    "unit",
    "reason",
    "effect",
    "occurrences",
    "first",
    "last",
    "filed_at",
    "ruling",
    "ruled_at",
    "withdrawn_at",
]


@group.command("file")
def docket_file(
    route: Annotated[str, typer.Argument(metavar="ROUTE", help="The route that it is about.")],
    begins: Annotated[datetime, typer.Option("--from", formats=_FORMS, help="From this time on (China time).")],
    ends: Annotated[datetime, typer.Option("--to", formats=_FORMS, help="Up to this time.")],
    reason: Annotated[
        str,
        typer.Option("--reason", help=f"{', '.join(dockets.EXEMPTIONS)}; of a dispute {', '.join(dockets.DISPUTES)}."),
    ],
    why: Why,
    who: Who,
    dispute: Annotated[bool, typer.Option("--dispute", help="What was judged is disputed.")] = False,  # noqa: FBT002
    effect: Annotated[
        str, typer.Option("--effect", help="Of a dispute: exempt, or the clock that is to answer: source, hub, target.")
    ] = "exempt",
) -> None:
    """File an exemption or dispute about what is or was expected of a route in some time.

    Maintenance is filed before it begins. Example: gateway docket file pop_person_in --from '2026-11-28 02:00' --to '2026-11-28 06:00'
    --reason maintenance --why '机房割接'
    """

    def call() -> None:
        no = dockets.file(
            Deployment.open(), "dispute" if dispute else "exempt", route, begins.replace(tzinfo=CHINA), ends.replace(tzinfo=CHINA),
            reason=reason, words=why, who=who, effect=effect,
        )  # fmt: skip
        out.print(f"docket {no} filed; `gateway docket rule {no}` decides on it")

    raise typer.Exit(guarded(call))


@group.command("list")
def docket_list(
    unit: Annotated[str | None, typer.Option("--unit", help="Only this unit's.")] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List dockets, newest first. Example: gateway docket list --unit gaj."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            rows = dockets.listing(connection, unit)
        show(rows, _COLUMNS, as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command("rule")
def docket_rule(
    no: No,
    why: Why,
    who: Who,
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse it; granted otherwise.")] = False,  # noqa: FBT002
) -> None:
    """Grant or refuse a docket, once. Example: gateway docket rule MK-2026-001 --why '公告在先，准予'."""

    def call() -> None:
        dockets.rule(Deployment.open(), no, granted=not refuse, words=why, who=who)
        out.print(f"docket {no} {'refused' if refuse else 'granted'}")

    raise typer.Exit(guarded(call))


@group.command("withdraw")
def docket_withdraw(no: No, why: Why, who: Who) -> None:
    """Take a docket back: figures are again as without it. Example: gateway docket withdraw MK-2026-001 --why '割接取消'."""

    def call() -> None:
        dockets.withdraw(Deployment.open(), no, words=why, who=who)
        out.print(f"docket {no} withdrawn")

    raise typer.Exit(guarded(call))
