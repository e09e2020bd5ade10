"""`gateway notice`: structure changes announced ahead of time (变更通知单)."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.frame import Json, Who, Why, guarded, hub, out, show, show_one
from gateway.deployment import Deployment
from gateway.errors import NoticeRefused
from schemas import cli_documents
from schemas.cli_transition import apply, ready, reported, view
from schemas.cli_use import rehearse
from schemas.notice import lifecycle, planned, reminders, store
from schemas.notice.lifecycle import Reply
from schemas.notice.store import Notice

group = typer.Typer(no_args_is_help=True, help="Structure changes announced ahead of time (变更通知单).")
Name = Annotated[str, typer.Argument(metavar="NOTICE", help="Its number, 〔2026〕第1号, or the id of a draft.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day, YYYY-MM-DD.")]
cli_documents.add_to(group)
_COLUMNS = [
    "notice", "number", "platform", "dataset", "class", "state", "revision", "effective_on", "answers_due", "recipients",
    "answered", "escalated",
]  # fmt: skip
_STATES = ("draft", "announced", "effective", "transition", "closed", "withdrawn")
_UNIT = ("unit", "impact", "answer", "answered_at", "escalated_at", "blocks")
_REHEARSED = ["unit", "result", "said", "began_at"]

group.command()(rehearse)

for _command in (ready, apply, view):
    group.command()(_command)
group.command("report")(reported)


@group.command()
def draft(
    plan: Annotated[Path, typer.Argument(help="A planned change (YAML).")],
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Find out what a planned change does, and to whom, and keep it as a draft; nobody is told yet.

    The plan names change (its own name), platform, dataset, reason, and what changes: ddl, a script that is run on a copy of
    the platform's structure, or kind, old and new, two documents that are compared; files stand beside the plan. It may name
    effective (a day), measures, fallback, contact, basis, rehearsal and old_columns. The same plan has one draft; a mended one
    is drafted anew. Example: gateway notice draft changes/legal_address_split.yaml
    """

    def call() -> None:
        deployment = Deployment.open()
        found = planned.read(deployment, plan)
        number = lifecycle.draft(deployment, found.body, found.changes)
        _show(deployment, str(number), as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command()
def announce(
    name: Name,
    who: Who,
    effective: Day = None,
    emergency: Annotated[str, typer.Option(help="Without lead time: the basis of the bureau's approval.")] = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Send a draft to every unit it touches. Refused when the day comes too soon, or nobody answers for a unit.

    Example: gateway notice announce 3 --effective 2026-12-20
    """

    def call() -> None:
        deployment = Deployment.open()
        done = lifecycle.announce(deployment, name, who=who, effective_on=_date(effective), emergency=emergency)
        _said(deployment, done, as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command()
def revise(
    name: Name,
    why: Why,
    who: Who,
    plan: Annotated[Path | None, typer.Option(help="The planned change as it is now (YAML).")] = None,
    effective: Day = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Announce other changes or an earlier day under the same number: lead time and answers begin anew.

    Example: gateway notice revise 〔2026〕第1号 --why '字段长度改为200' --plan changes/legal_address_split.yaml
    """

    def call() -> None:
        deployment = Deployment.open()
        found = planned.read(deployment, plan) if plan else None
        changes, body = (found.changes, found.body) if found else (None, None)
        done = lifecycle.revise(
            deployment, name, changes, who=who, why=why, effective_on=_date(effective), planned=body
        )
        _said(deployment, done, as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command()
def postpone(
    name: Name,
    why: Why,
    who: Who,
    effective: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The later day.")],
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Move the day of effect later; answers stand. Example: gateway notice postpone 〔2026〕第1号 --effective 2027-01-11 --why …."""

    def call() -> None:
        deployment = Deployment.open()
        done = lifecycle.postpone(deployment, name, who=who, why=why, effective_on=effective.date())
        _said(deployment, done, as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command()
def withdraw(name: Name, why: Why, who: Who) -> None:
    """Take a notice back; everybody who was told is told so. Example: gateway notice withdraw 3 --why 取消改造."""

    def call() -> None:
        done = lifecycle.withdraw(Deployment.open(), name, who=who, why=why)
        out.print(f"notice {done.name} withdrawn")

    raise typer.Exit(guarded(call))


@group.command("list")
def notice_list(
    state: Annotated[
        str | None, typer.Option(help="draft, announced, effective, transition, closed or withdrawn.")
    ] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List notices, newest first. Example: gateway notice list --state announced."""

    def call() -> None:
        if state is not None and state not in _STATES:
            raise NoticeRefused(f"there is no state {state}", f"There are {', '.join(_STATES)}.")
        with hub(Deployment.open()) as connection:
            show(store.rows(connection, "standing", {"state": state}), _COLUMNS, as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command("show")
def notice_show(name: Name, as_json: Json = False) -> None:  # noqa: FBT002
    """Show a notice: what changes, what it does to each unit, who has answered. Example: gateway notice show 3."""

    def call() -> None:
        _show(Deployment.open(), name, as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command()
def ack(
    name: Name,
    unit: Annotated[str, typer.Option(help="The unit that answers.")],
    answer: Annotated[str, typer.Option(help="no_impact, adapted, needs_time or objects.")],
    by: Annotated[str, typer.Option(help="Who answers for the unit.")],
    title: Annotated[str, typer.Option(help="That person's title.")],
    until: Day = None,
    remark: Annotated[str, typer.Option(help="The reason of an objection, or whatever is to be kept.")] = "",
) -> None:
    """Keep an answer that a unit gave on paper or by telephone (签收); the first one stands.

    Example: gateway notice ack 〔2026〕第1号 --unit zjj --answer adapted --by 李四 --title 科长
    """

    def call() -> None:
        deployment = Deployment.open()
        with hub(deployment) as connection:
            number = store.find(connection, name)
        own = lifecycle.answer(deployment, number, unit, Reply(answer, by, title, _date(until), remark))
        out.print(f"unit {own.unit} answered {own.answer}")

    raise typer.Exit(guarded(call))


@group.command()
def remind(as_json: Json = False) -> None:  # noqa: FBT002
    """Remind every unit that is due to be reminded today; the clock does it by itself. Example: gateway notice remind."""

    def call() -> None:
        show_one(dict(reminders.remind(Deployment.open())) or {"reminded": 0}, as_json=as_json)

    raise typer.Exit(guarded(call))


def _said(deployment: Deployment, done: Notice, *, as_json: bool) -> None:
    _show(deployment, done.name, as_json=as_json)


def _show(deployment: Deployment, name: str, *, as_json: bool) -> None:
    with hub(deployment) as connection:
        found = next(
            r
            for r in store.rows(connection, "standing", {"state": None})
            if r["notice"] == store.find(connection, name)
        )
        revision = store.revision(connection, found["notice"], found["revision"])
        told = store.recipients(connection, found["notice"], found["revision"])
        rehearsed = list(store.rehearsed(connection, revision).values())
    if found["state"] == "draft":
        told = lifecycle.concerned(deployment, str(found["notice"]))
        found["recipients"] = len(told)
    whole: dict[str, Any] = {**found, "changes": revision.body["changes"], "reason": revision.body["reason"]}
    whole["units"] = [{name: getattr(own, name) for name in _UNIT} for own in told]
    whole["rehearsal"] = rehearsed
    if as_json:
        show_one(whole, as_json=True)
        return
    show_one({k: v for k, v in whole.items() if k not in {"changes", "units", "rehearsal"}}, as_json=False)
    show(whole["changes"], ["path", "kind", "before", "after", "effect_reader", "effect_writer", "rule"], as_json=False)
    show(whole["units"], _UNIT, as_json=False)
    if rehearsed:
        show(rehearsed, _REHEARSED, as_json=False, title="演练 rehearsal")


def _date(found: datetime | None) -> date | None:
    return found.date() if found else None
