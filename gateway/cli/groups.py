"""The command groups of the core: embedded, route, hold, quarantine, receipts, calendar, catalog."""

from __future__ import annotations

import json
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway import catalog, pg, resources, settings
from gateway.cli.frame import (
    DONE,
    FAILED,
    REJECTS,
    Json,
    Who,
    Why,
    guarded,
    hub,
    out,
    print_json,
    print_line,
    show,
    show_one,
)
from gateway.cli.setup import note_dsn
from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.errors import ChainBroken
from gateway.exchange import carry, proof, quarantine
from gateway.ledger import chain, decisions, ledger, verify_receipts
from gateway.security.crypto import Keys
from gateway.sla import calendar

embedded = typer.Typer(no_args_is_help=True, help="The PostgreSQL that comes with the gateway.")
route = typer.Typer(no_args_is_help=True, help="Routes: where they stand, pause, resume, send back (链路).")
hold = typer.Typer(no_args_is_help=True, help="Routes that wait for a person (挂起).")
quarantined = typer.Typer(no_args_is_help=True, help="Rejected rows, masked (隔离区).")
receipts = typer.Typer(no_args_is_help=True, help="The chain of signed receipts (回执).")
workdays = typer.Typer(no_args_is_help=True, help="The working-day calendar (工作日历).")
declared = typer.Typer(no_args_is_help=True, help="What the city declares: its catalogue of resources (资源目录).")
RouteName = Annotated[str, typer.Argument(metavar="ROUTE", help="A route of the catalog.")]
HoldNumber = Annotated[int, typer.Argument(metavar="HOLD", help="The hold's number.")]
RowNumber = Annotated[int, typer.Argument(metavar="ROW", help="The quarantined row's number.")]
GROUPS = {
    "embedded": embedded, "route": route, "hold": hold, "quarantine": quarantined, "receipts": receipts,
    "calendar": workdays, "catalog": declared,
}  # fmt: skip


@embedded.command("start")
def embedded_start() -> None:
    """Start the deployment's PostgreSQL; does nothing when it runs. Example: gateway embedded start."""

    def call() -> None:
        server = _server()
        server.start()
        note_dsn(settings.home(), server)
        out.print(f"PostgreSQL runs on 127.0.0.1:{server.port}")

    raise typer.Exit(guarded(call))


@embedded.command("stop")
def embedded_stop() -> None:
    """Stop the deployment's PostgreSQL; its data stays. Example: gateway embedded stop."""

    def call() -> None:
        _server().stop()
        out.print("PostgreSQL is stopped")

    raise typer.Exit(guarded(call))


@embedded.command("dsn")
def embedded_dsn() -> None:
    """Print the hub's DSN, password included: for scripts, not for logs.

    Example: psql "$(gateway embedded dsn)"
    """
    raise typer.Exit(guarded(lambda: print_line(_server().dsn("gateway"))))


@route.command("list")
def route_list(as_json: Json = False) -> None:  # noqa: FBT002
    """List the routes of the catalog by platform, and where they stand; broken ones with their reason.

    Example: gateway route list --json
    """

    def call() -> None:
        deployment = Deployment.open()
        with hub(deployment) as connection:
            states = ledger.states(connection)
            latest = {row["route"]: row for row in ledger.rows(connection, "latest_batches")}
        routes = sorted(deployment.catalog.routes.values(), key=lambda r: (r.peer.platform, r.outbound, r.route))
        rows = [_route_row(deployment, r.route, states.get(r.route), latest.get(r.route)) for r in routes]
        rows += [{"route": name, "state": "broken", "why": why} for name, why in deployment.catalog.broken.items()]
        columns = [
            "route",
            "dataset",
            "from",
            "to",
            "mode",
            "schedule",
            "state",
            "watermark",
            "verified_through",
            "why",
        ]
        show(rows, columns, as_json=as_json, title=deployment.catalog.city)

    raise typer.Exit(guarded(call))


@route.command("show")
def route_show(name: RouteName, as_json: Json = False) -> None:  # noqa: FBT002
    """Show one route: contract, state, and its newest runs. Example: gateway route show pop_person_in."""

    def call() -> None:
        deployment = Deployment.open()
        deployment.route(name)
        with hub(deployment) as connection:
            state = ledger.states(connection).get(name)
            runs = ledger.rows(connection, "batches_of", {"route": name})[:10]
        thing = _route_row(deployment, name, state, None)
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


@route.command("pause")
def route_pause(name: RouteName, why: Why, who: Who) -> None:
    """Stop a route until it is resumed. Example: gateway route pause pop_person_in --why '来源库维护'."""

    def call() -> None:
        decisions.pause(Deployment.open(), name, who=who, why=why)
        out.print(f"route {name} is paused; `gateway route resume {name} --why …` lets it run again")

    raise typer.Exit(guarded(call))


@route.command("resume")
def route_resume(name: RouteName, why: Why, who: Who) -> None:
    """Let a paused route run again. Example: gateway route resume pop_person_in --why '维护结束'."""

    def call() -> None:
        decisions.resume(Deployment.open(), name, who=who, why=why)
        out.print(f"route {name} runs again by its schedule")

    raise typer.Exit(guarded(call))


@route.command("backfill")
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


@hold.command("list")
def hold_list(
    state: Annotated[str | None, typer.Option(help="open, approved, released or used; all when left out.")] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List holds, newest first. Example: gateway hold list --state open."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            rows = decisions.list_holds(connection, state)
        show(rows, ["id", "route", "kind", "facts", "state", "raised_at", "decided_by", "why"], as_json=as_json)

    raise typer.Exit(guarded(call))


@hold.command("show")
def hold_show(number: HoldNumber, as_json: Json = False) -> None:  # noqa: FBT002
    """Show one hold and the facts to decide on. Example: gateway hold show 3."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            show_one(decisions.show_hold(connection, number), as_json=as_json)

    raise typer.Exit(guarded(call))


@hold.command("release")
def hold_release(number: HoldNumber, why: Why, who: Who) -> None:
    """End a hold without approving what it stopped: the next run judges afresh.

    Example: gateway hold release 3 --why '来源数据已恢复'
    """

    def call() -> None:
        name = decisions.release(Deployment.open(), number, who=who, why=why)
        out.print(f"hold {number} released; the next run of {name} judges afresh")

    raise typer.Exit(guarded(call))


@quarantined.command("list")
def quarantine_list(
    dataset: Annotated[str | None, typer.Option(help="Only rows of this data set.")] = None,
    route_name: Annotated[str | None, typer.Option("--route", help="Only rows of this route.")] = None,
    state: Annotated[
        str, typer.Option(help="open, waiting, corrected, discarded, replayed, superseded, gone, or all.")
    ] = "open",
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 50,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List rejected rows with the reason, owner and age; personal values are masked.

    Example: gateway quarantine list --dataset pop.person
    """

    def call() -> None:
        deployment = Deployment.open()
        with hub(deployment) as connection:
            wanted = None if state == "all" else state
            rows = quarantine.list_rows(connection, dataset=dataset, route=route_name, state=wanted, limit=limit)
        for row in rows:
            row["reason"] = "{} / {}".format(
                *quarantine.reason(deployment.catalog.datasets, row["dataset"], row["rule"], row["words"])
            )
        show(
            rows,
            ["id", "dataset", "rule", "reason", "owner", "age_days", "batch_id", "state"],
            as_json=as_json,
        )

    raise typer.Exit(guarded(call))


@quarantined.command("show")
def quarantine_show(number: RowNumber, as_json: Json = False) -> None:  # noqa: FBT002
    """Show one rejected row, masked. Example: gateway quarantine show 12."""

    def call() -> None:
        deployment = Deployment.open()
        with hub(deployment) as connection:
            show_one(quarantine.show(connection, deployment.catalog.datasets, number), as_json=as_json)

    raise typer.Exit(guarded(call))


@quarantined.command("replay")
def quarantine_replay(
    number: RowNumber,
    why: Why,
    who: Who,
    edit: Annotated[
        list[str] | None, typer.Option("--set", help="field=value; `field=` empties it; may be repeated.")
    ] = None,
) -> None:
    """Judge a rejected row again, with edited values if given, and carry it when it passes.

    Example: gateway quarantine replay 12 --set sex=2 --why '已电话核实'
    """
    for given in edit or []:
        if "=" not in given:
            raise typer.BadParameter("write field=value, or `field=` to empty it", param_hint="--set")

    def call() -> int:
        edits = {name: value or None for name, _, value in (e.partition("=") for e in edit or [])}
        outcome = carry.replay(Deployment.open(), number, who=who, why=why, edits=edits)
        if outcome.rejected:
            out.print(f"the row still breaks {', '.join(outcome.rejects)}; it stays in quarantine")
            return REJECTS
        out.print(f"carried by batch {outcome.batch}: {outcome.inserted} inserted, {outcome.updated} updated")
        return 0

    raise typer.Exit(guarded(call))


@quarantined.command("discard")
def quarantine_discard(number: RowNumber, why: Why, who: Who) -> None:
    """Give a rejected row up for good. Example: gateway quarantine discard 12 --why '来源确认作废'."""

    def call() -> None:
        quarantine.discard(Deployment.open(), number, who=who, why=why)
        out.print(f"row {number} is discarded")

    raise typer.Exit(guarded(call))


@receipts.command("list")
def receipts_list(
    route_name: Annotated[str | None, typer.Option("--route", help="Only receipts of this route.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many receipts.")] = 20,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List receipts, newest first. Example: gateway receipts list --route pop_person_in."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            rows = chain.listing(connection, route_name, limit)
        flat = [{**r, **{k: r["body"].get(k) for k in ("run", "read", "inserted", "rejected")}} for r in rows]
        show(
            flat,
            ["no", "kind", "batch_id", "route", "run", "read", "inserted", "rejected", "made_at"],
            as_json=as_json,
        )

    raise typer.Exit(guarded(call))


@receipts.command("show")
def receipts_show(number: Annotated[int, typer.Argument(help="The receipt's number.")], as_json: Json = False) -> None:  # noqa: FBT002
    """Show one receipt in full. Example: gateway receipts show 7."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            show_one(chain.get(connection, number), as_json=as_json)

    raise typer.Exit(guarded(call))


@receipts.command("export")
def receipts_export(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The zip to write.")],
) -> None:
    """Write all receipts to a zip that proves itself with Python alone. Example: gateway receipts export 2026-11.zip."""
    raise typer.Exit(guarded(lambda: out.print(f"{proof.export(Deployment.open(), file)} records in {file}")))


@receipts.command("verify")
def receipts_verify(
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="An exported file; the hub when left out.")
    ] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Prove the chain, and each batch's content against the hub; or prove an exported file.

    Examples: gateway receipts verify · gateway receipts verify 2026-11.zip
    """

    def call() -> int:
        found = _verify_file(file) if file else proof.verify(Deployment.open()).as_dict()
        show_one(found, as_json=as_json)
        return 0 if found["ok"] else FAILED

    raise typer.Exit(guarded(call))


@workdays.command("show")
def calendar_show(
    first: Annotated[
        datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="The first day; today when left out.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="How many days.")] = 14,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show which days are worked, and whether that is official, an override or provisional.

    Example: gateway calendar show 2026-10-01 --days 12
    """

    def call() -> None:
        known = calendar.Calendar.from_files(Deployment.open().catalog.calendar_files)
        begin = first.date() if first else settings.now().astimezone(settings.CHINA).date()
        last = date.fromordinal(begin.toordinal() + days - 1)
        rows = [{"day": d.day, "is_work": d.is_work, "basis": d.basis, "note": d.note} for d in known.days(begin, last)]
        show(rows, ["day", "is_work", "basis", "note"], as_json=as_json)

    raise typer.Exit(guarded(call))


@workdays.command("load")
def calendar_load() -> None:
    """Bring the hub's calendar to the official data and the catalog's overrides. Example: gateway calendar load."""

    def call() -> None:
        deployment = Deployment.open()
        known = calendar.Calendar.from_files(deployment.catalog.calendar_files)
        connection = deployment.hub(name="gateway calendar")
        with pg.hub_errors("load the calendar"), connection:
            out.print(f"{calendar.load(connection, known)} days changed")
        connection.close()

    raise typer.Exit(guarded(call))


@declared.command("export")
def catalog_export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; it is made when it is not there.")],
) -> None:
    """Write the catalogue of resources: contracts of the open standard, CSV files, and a page to read.

    Example: gateway catalog export resources
    """

    def call() -> None:
        count = resources.export(catalog.load(), folder)
        out.print(
            f"{count} data sets written: {folder}/index.html, datasets.csv, fields.csv, contracts/", soft_wrap=True
        )

    raise typer.Exit(guarded(call))


@declared.command("coverage")
def catalog_coverage(as_json: Json = False) -> None:  # noqa: FBT002
    """List the platforms with the routes that use them; exit code 1 when one has none.

    Example: gateway catalog coverage
    """

    def call() -> int:
        rows = resources.coverage(catalog.load())
        show(rows, ["platform", "name", "unit", "connector", "inbound", "outbound"], as_json=as_json)
        return DONE if all(row["inbound"] + row["outbound"] for row in rows) else FAILED

    raise typer.Exit(guarded(call))


def _verify_file(file: Path) -> dict[str, Any]:
    """Prove an exported file; where the deployment has keys of its own, the file's must be among them."""
    try:
        with zipfile.ZipFile(file) as archive:
            fault, checked = verify_receipts.verify(archive, signatures=True)  # type: ignore[no-untyped-call]
            theirs = json.loads(archive.read("keys.json"))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ChainBroken(f"{file.name} is not a file of receipts", "Export it again.") from error
    ours = Keys(settings.home() / "keys").public_keys()
    if fault is None and ours and not set(theirs.items()) <= set(ours.items()):
        fault = "signed with a key that is not ours"
    return {"ok": fault is None, "records": checked, "first_fault": fault}


def _server() -> Server:
    return Server(settings.home() / "postgres")


def _route_row(
    deployment: Deployment, name: str, state: ledger.RouteState | None, latest: dict[str, Any] | None
) -> dict[str, Any]:
    found = deployment.catalog.routes[name]
    row: dict[str, Any] = {
        "route": name, "dataset": found.dataset.name, "from": found.origin, "to": found.target,
        "protocol": found.peer.connector, "direction": found.direction, "mode": found.mode, "schedule": found.schedule,
        "unit": found.peer.unit, "state": "not prepared", "watermark": None, "verified_through": None, "why": None,
    }  # fmt: skip
    if state is not None:
        row["state"] = "paused" if state.paused_by else ("loaded" if state.loaded else "new")
        row |= {
            "watermark": state.watermark,
            "verified_through": state.verified_through,
            "why": state.paused_why,
        }
    if state is not None and state.hold is not None:
        row |= {"state": "held", "why": f"gateway hold show {state.hold}"}
    elif latest and latest["state"] == "aborted" and latest["error_text"]:
        row |= {"state": "failed", "why": f"{latest['error_code'] or ''} {latest['error_text']}".strip()}
    return row
