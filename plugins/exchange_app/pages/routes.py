"""One route whole: where it stands, its runs with their stages and receipts, its clocks, comparisons and quarantine.

Open to whoever oversees and to whoever may read the route's DAG. This file must not postpone its annotations.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from exchange_app import frame, rights, words
from exchange_app.rights import VisitorDep
from gateway import pg
from gateway.errors import NotFound
from gateway.exchange import quarantine
from gateway.ledger import ledger
from gateway.model import Catalog, Route
from gateway.sla import board
from gateway.sla.periods import Period
from gateway.sql import queries

_SQL = queries(__file__)
_LATENCY_DAYS = 15

router = APIRouter()


@router.get("/routes/{name}")
def route_page(request: Request, name: str, user: GetUserDep, visitor: VisitorDep) -> Response:
    """Show where a route stands; `name` is the route's or its DAG's."""
    name = name.removeprefix(rights.DAG)
    rights.demand_route(visitor, user, name)
    city = frame.city()
    route = _known(city, name)
    with frame.hub() as hub:
        known = ledger.rows(hub, "state", {"route": name})
        state, hold = ledger.RouteState(**known[0]) if known else None, ledger.waiting_hold(hub, name)
        clocks = board.clocks(hub, name)
        latencies = board.latencies(hub, name, frame.today_begins() - timedelta(days=_LATENCY_DAYS - 1))
        runs, rejects, comparisons = (
            frame.rows(hub, _SQL[query], {"route": name}) for query in ("runs", "rejects", "comparisons")
        )
    for row in rejects:
        _explain(city, route, row)
    shown = {
        "route": route, "unit": city.units[route.peer.unit], "state": state, "hold": hold, "runs": runs,
        "last": next((r for r in runs if r["state"] == "committed"), None), "rejects": rejects, "clocks": clocks, "latencies": latencies,
        "comparisons": comparisons, "period": Period.around(frame.today()),
        "badge": words.ROUTE_STATES[_state(state, hold, runs)],
        "dag": f"{rights.DAG}{name}" if rights.may_read_dag(user, name) else None,
    }  # fmt: skip
    return frame.drawing(request, "route.html", shown)


@router.get("/runs/{dag}/{run_id}")
def run_page(request: Request, dag: str, run_id: str, user: GetUserDep, visitor: VisitorDep) -> Response:
    """Lead from a run of Airflow to the receipt it made, or to its route when it made none."""
    route = dag.removeprefix(rights.DAG)
    rights.demand_route(visitor, user, route)
    with frame.hub() as hub:
        found = pg.one(hub, _SQL["receipt_of_run"], {"route": route, "run": run_id})
    kind, name = ("receipts", found[0]) if found else ("routes", quote(route, safe=""))
    return RedirectResponse(f"{frame.above(request)}/exchange/{kind}/{name}", 302)


def standing(*, stopped: str | None, hold: str | None, newest: str | None, loaded: bool) -> str:
    """Return how a route is, worst first, as ROUTE_STATES names it: stopped by a person, an open hold's kind, a run's state."""
    if stopped:
        return stopped
    if hold:
        return "structure" if hold == ledger.STRUCTURE else "held"
    if newest in {"aborted", "open"}:
        return "failed" if newest == "aborted" else "running"
    return "good" if loaded else "empty"


def _state(state: ledger.RouteState | None, hold: ledger.Hold | None, runs: list[dict[str, Any]]) -> str:
    stopped = "retired" if state and state.retired_at else "paused" if state and state.paused_by else None
    return standing(
        stopped=stopped,
        hold=hold.kind if hold and hold.state == "open" else None,
        newest=runs[0]["state"] if runs else None,
        loaded=bool(state and state.loaded),
    )


def _known(city: Catalog, name: str) -> Route:
    if name in city.routes:
        return city.routes[name]
    if name in city.broken:
        raise NotFound(f"route {name} cannot be used: {city.broken[name]}", "Run `gateway check` and mend the file.")
    raise NotFound(f"there is no route {name}", "Run `gateway route list` to see the routes there are.")


def _explain(city: Catalog, route: Route, row: dict[str, Any]) -> None:
    """Add to a line of the quarantine its reason and its owner's name; what a peer said of one row is that row's own."""
    alone = row["rows"] == 1 or not row["rule"].startswith(quarantine.PEER)
    said = row["words"] if alone else None
    row["chinese"], row["english"] = quarantine.reason(city.datasets, route.dataset.name, row["rule"], said)
    row["owner_name"] = city.units[row["owner"]].name if row["owner"] in city.units else row["owner"]
