"""`gateway notice ready`, `apply`, `view` and `report`: how an announced change takes effect, and what keeps the old shape readable."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.frame import DONE, HELD, Json, Who, guarded, out, print_json, show, show_one
from gateway.deployment import Deployment
from schemas import compat_sql, guard
from schemas.notice import gate, report, views

Name = Annotated[str, typer.Argument(metavar="NOTICE", help="Its number, 〔2026〕第1号.")]


def ready(name: Name, as_json: Json = False) -> None:  # noqa: FBT002
    """Tell what stands in the way of a notice: silence, objections, the day. Exit code 4 when it may not take effect.

    Example: gateway notice ready 〔2026〕第1号
    """

    def call() -> int:
        notice, found = gate.ready(Deployment.open(), name)
        rows = [o.as_dict() for o in found]
        if as_json:
            print_json({"notice": notice.number, "state": notice.state, "ready": not found, "obstacles": rows})
        elif found:
            show(rows, ["what", "unit", "words"], as_json=False)
        else:
            out.print(f"notice {notice.name} ({notice.state}): nothing stands in its way")
        return HELD if found else DONE

    raise typer.Exit(guarded(call))


def apply(
    name: Name,
    who: Who,
    override: Annotated[bool, typer.Option("--override", help="Pass units that did not agree; needs --why.")] = False,  # noqa: FBT002
    why: Annotated[str, typer.Option("--why", help="With --override: the reason; it is kept in the chain.")] = "",
) -> None:
    """Let a change take effect, and bring the hub's table to the contract's new version; the clock does it by itself.

    Refused before its day, and while a harmed unit has not agreed and no old-shape view serves it.
    Example: gateway notice apply 〔2026〕第1号 --override --why '主管局批准：承工信函〔2026〕9号'
    """

    def call() -> None:
        deployment = Deployment.open()
        done = gate.apply(deployment, name, who=who, override=override, why=why)
        out.print(f"notice {done.name} is in effect")
        opened = guard.open_window(deployment, str(done.number), done.platform, done.dataset)
        if opened:
            out.print(f"the guard of {done.platform} lets it through for {guard.HOURS} hours")

    raise typer.Exit(guarded(call))


def view(
    name: Name,
    who: Who,
    unit: Annotated[list[str] | None, typer.Option("--for", metavar="UNIT=ROLE", help="A unit and its role; repeatable.")] = None,
    hub: Annotated[bool, typer.Option("--hub", help="Of the hub's table instead of the platform's.")] = False,  # noqa: FBT002
    writable: Annotated[bool, typer.Option("--writable", help="With a trigger that takes rows of the old shape.")] = False,  # noqa: FBT002
    ddl: Annotated[bool, typer.Option("--ddl", help="With the announced change itself, in the same transaction.")] = False,  # noqa: FBT002
    as_sql: Annotated[bool, typer.Option("--sql", help="Print the script for the administrator; nothing is kept.")] = False,  # noqa: FBT002
    apply_: Annotated[bool, typer.Option("--apply", help="Make it on the platform now.")] = False,  # noqa: FBT002
    dsn: Annotated[str, typer.Option(help="With --apply: an account that may make views.")] = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:  # fmt: skip
    """Keep the old shape readable by a view for units that have not adapted (旧结构视图), for the transition.

    Without --sql or --apply it is asked for: the units that it serves stand in nobody's way, and the gate makes it in the
    hub, the platform's administrator on the platform. What old writers can not do through it is shown.
    Example: gateway notice view 〔2026〕第1号 --for zjj=share_zjj --sql
    """

    def call() -> None:
        deployment = Deployment.open()
        made = views.plan(deployment, name, _units(unit or []), hub=hub, writable=writable, ddl=ddl)
        if as_sql:
            with closing(deployment.hub(name="gateway view")) as quoting:
                sys.stdout.write(compat_sql.whole(made.statements(quoting), made.ddl))
            return
        if apply_:
            views.make(deployment, made, who=who, dsn=dsn)
        else:
            views.ask(deployment, made, who=who)
        _show(made, as_json=as_json)

    raise typer.Exit(guarded(call))


def reported(
    name: Name,
    who: Who,
    why: Annotated[str, typer.Option("--why", help="What it was, what it did, what was done.")] = "",
    file: Annotated[Path | None, typer.Option(help="The report as a document.")] = None,
) -> None:
    """Keep the report after an emergency (事后报告); it is asked for each working day until it is there.

    Example: gateway notice report 〔2026〕第2号 --file report.pdf
    """

    def call() -> None:
        done = report.keep(Deployment.open(), name, who=who, words=why, file=file)
        out.print(f"the report on {done.name} is kept")

    raise typer.Exit(guarded(call))


def _units(given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    if wrong := [unit for unit, sign, role in pairs if not (unit and sign and role)]:
        raise typer.BadParameter(f"--for {wrong[0]}: write UNIT=ROLE")
    return {unit: role for unit, _, role in pairs}


def _show(made: views.Plan, *, as_json: bool) -> None:
    whole: dict[str, Any] = {
        "place": made.view.place, "view": made.view.name, "of": made.view.base, "units": dict(made.view.units),
        "drop_after": made.view.drop_after, "lacking": made.lacking,
    }  # fmt: skip
    show_one(whole, as_json=as_json)
