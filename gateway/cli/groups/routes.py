"""`gateway route`: where routes stand, and a person's word on them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from gateway import settings
from gateway.cli.frame import (
    Json,
    Who,
    Why,
    guarded,
    hub,
    out,
    print_json,
    show,
    show_one,
)
from gateway.deployment import Deployment
from gateway.errors import TargetLags
from gateway.exchange import retirement, timing
from gateway.ledger import decisions, ledger, pace, settlements
from gateway.ledger.pace import Rest

group = typer.Typer(no_args_is_help=True, help="Routes: where they stand, pause, resume, send back, retire (链路).")
_SOMETIMES = ("window", "watermark", "verified_through", "not_before", "why")  # a column without a word only takes room
RouteName = Annotated[str, typer.Argument(metavar="ROUTE", help="A route of the catalog.")]


@group.command("list")
def route_list(as_json: Json = False) -> None:  # noqa: FBT002
    """List the routes of the catalog by platform, and where they stand; broken ones with their reason.

    Example: gateway route list --json
    """

    def call() -> None:
        deployment = Deployment.open()
        with hub(deployment) as connection:
            states = ledger.states(connection)
            latest = {row["route"]: row for row in ledger.rows(connection, "latest_batches")}
            rests = pace.resting(connection)
        routes = sorted(deployment.catalog.routes.values(), key=lambda r: (r.peer.platform, r.outbound, r.route))
        rows = [row_of(deployment, r.route, states.get(r.route), latest.get(r.route), rests) for r in routes]
        rows += [{"route": name, "state": "broken", "why": why} for name, why in deployment.catalog.broken.items()]
        told = [c for c in _SOMETIMES if any(row.get(c) for row in rows)]
        columns = ["route", "dataset", "from", "to", "mode", "schedule", "state", *told]
        show(rows, columns, as_json=as_json, title=deployment.catalog.city)

    raise typer.Exit(guarded(call))


@group.command("show")
def route_show(name: RouteName, as_json: Json = False) -> None:  # noqa: FBT002
    """Show one route: contract, state, and its newest runs. Example: gateway route show pop_person_in."""

    def call() -> None:
        deployment = Deployment.open()
        deployment.route(name)
        with hub(deployment) as connection:
            state = ledger.states(connection).get(name)
            runs = ledger.rows(connection, "batches_of", {"route": name})[:10]
            rests = pace.resting(connection)
            settled = settlements.figures(connection, name) if deployment.route(name).settle else None
        thing = row_of(deployment, name, state, runs[0] if runs else None, rests)
        if settled is not None:
            thing |= {"settle": str(deployment.route(name).settle), "settlement": settled}
        if as_json:
            print_json({**thing, "runs": runs})
            return
        show_one(thing, as_json=False)
        shown = [{**r, **{k: r["counts"].get(k) for k in ("read", "inserted", "rejected")}} for r in runs]
        columns = [
            "batch_id",
            "kind",
            "state",
            "stage",
            "opened_at",
            "read",
            "inserted",
            "rejected",
            "error_code",
            "error_text",
        ]
        show(shown, columns, as_json=False, title="newest runs")

    raise typer.Exit(guarded(call))


@group.command("pause")
def route_pause(name: RouteName, why: Why, who: Who) -> None:
    """Stop a route until it is resumed. Example: gateway route pause pop_person_in --why '来源库维护'."""

    def call() -> None:
        decisions.pause(Deployment.open(), name, who=who, why=why)
        out.print(f"route {name} is paused; `gateway route resume {name} --why …` lets it run again")

    raise typer.Exit(guarded(call))


@group.command("resume")
def route_resume(name: RouteName, why: Why, who: Who) -> None:
    """Let a paused route run again. Example: gateway route resume pop_person_in --why '维护结束'."""

    def call() -> None:
        decisions.resume(Deployment.open(), name, who=who, why=why)
        out.print(f"route {name} runs again by its schedule")

    raise typer.Exit(guarded(call))


@group.command("retire")
def route_retire(name: RouteName, why: Why, who: Who) -> None:
    """End a route for good: its holds are released, its quarantined rows discarded, it runs no more. Its data stays.

    Example: gateway route retire pop_person_in --why '来源系统停用'. Then remove its file from the catalog.
    """

    def call() -> None:
        ended = retirement.retire(Deployment.open(), name, who=who, why=why)
        out.print(
            f"route {name} is retired: {ended.holds} holds released, {ended.discarded} quarantined rows discarded; "
            "what it brought stays. Remove its file from the catalog"
        )

    raise typer.Exit(guarded(call))


@group.command("backfill")
def route_backfill(
    name: RouteName,
    why: Why,
    who: Who,
    since: Annotated[
        datetime | None, typer.Option(help="Read again from here (China time); all when left out.")
    ] = None,
) -> None:
    """Read a route again: from a moment, or by comparing everything at its next run.

    Example: gateway route backfill pop_person_in --since 2026-11-01 --why '来源补录'
    """
    moment = since.replace(tzinfo=settings.CHINA) if since else None

    def call() -> None:
        decisions.backfill(Deployment.open(), name, since=moment, who=who, why=why)
        out.print(
            f"the next run of route {name} " + (f"reads from {since} (China time)" if since else "compares everything")
        )

    raise typer.Exit(guarded(call))


def row_of(
    deployment: Deployment, name: str, state: ledger.RouteState | None, latest: dict[str, Any] | None,
    rests: Mapping[str, Rest],
) -> dict[str, Any]:  # fmt: skip
    """Return where a route stands, for people and machines; `latest` is its newest run."""
    found = deployment.catalog.routes[name]
    window, rest = found.peer.window, rests.get(found.peer.platform)
    row: dict[str, Any] = {
        "route": name, "dataset": found.dataset.name, "from": found.origin, "to": found.target,
        "protocol": found.peer.connector, "direction": found.direction, "mode": found.mode, "schedule": found.schedule,
        "unit": found.peer.unit, "state": "not prepared", "watermark": None, "verified_through": None, "why": None,
        "window": str(window) if window else None, "rate": str(found.peer.rate) or None,
        "not_before": timing.not_before(deployment.catalog, found.peer, rests),
    }  # fmt: skip
    if state is not None:
        row["state"] = _word(state)
        row |= {
            "watermark": state.watermark,
            "verified_through": state.verified_through,
            "why": state.paused_why,
        }
    if state is not None and state.hold is not None:
        row |= {"state": "held", "why": f"gateway hold show {state.hold}"}
    elif rest is not None and row["state"] not in ("paused", "retired"):
        row["why"] = rest.why
    elif latest and latest["state"] == "aborted" and latest["error_text"]:
        code = latest["error_code"] or ""
        row["state"] = "waiting" if code == TargetLags.code else "failed"
        row["why"] = f"{code} {latest['error_text']}".strip()
    return row


def _word(state: ledger.RouteState) -> str:
    """Return the one word for where a route stands that no hold stops."""
    if state.retired_at:
        return "retired"
    if state.paused_by:
        return "paused"
    return "loaded" if state.loaded else "new"
