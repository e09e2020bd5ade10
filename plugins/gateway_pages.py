"""The gateway's own read-only pages below /exchange: one receipt, and where one route stands.

Every page demands Airflow's login, and the right to read the DAG of the route it tells about. They read the hub with
the gateway's own address as the role `gateway_report`, never Airflow's database. This file must not postpone its
annotations: FastAPI could not resolve them and would take `user` from the query.
"""

import base64
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import gateway_words as words
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, get_user
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from psycopg2.extensions import connection as Connection
from starlette.exceptions import HTTPException as AnyHTTPException

from gateway import catalog, pg, settings
from gateway.errors import GatewayError, HubUnavailable, NotFound
from gateway.exchange import quarantine
from gateway.ledger import chain, ledger, receipts
from gateway.model import Catalog, Route
from gateway.security.crypto import Keys, verify_signature
from gateway.sql import queries

_SQL = queries(__file__)
_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_CATALOG_SECONDS = 60
_STATUS = {HubUnavailable: 503, NotFound: 404}
_PREFIX = "route__"
_HELD = ("bad", "已挂起，等待决定", "on hold, waiting for a decision")
_HELD_BY_STRUCTURE = ("bad", "已挂起，结构不符", "on hold, the structure is not as declared")

app = FastAPI(dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None)
_templates = Jinja2Templates(_TEMPLATES)
_templates.env.globals.update(words=words, style=_STYLE)
_templates.env.filters.update(china=words.china, span=words.span)


@app.get("/receipts/{no}")
def receipt_page(request: Request, no: Annotated[int, InPath(ge=1, le=2**63 - 1)], user: GetUserDep) -> Response:
    """Show a receipt in words, and whether its own hash and signature hold."""
    with _hub() as hub:
        found = chain.get(hub, no)
        before = pg.one(hub, _SQL["before"], {"no": no - 1})
    _demand_right(user, found["route"])
    city = _catalog(_minute())
    body = found["body"]
    shown = {
        "receipt": found, "body": body, "route": city.routes.get(found["route"] or ""),
        "rejects": _reasons(city, body, "rejects"), "warnings": _reasons(city, body, "warnings"),
        "proof": _proof(found, before[0] if before else receipts.FIRST),
    }  # fmt: skip
    return _page(request, "receipt.html", shown)


@app.get("/routes/{name}")
def route_page(request: Request, name: str, user: GetUserDep) -> Response:
    """Show where a route stands; `name` is the route's or its DAG's."""
    name = name.removeprefix(_PREFIX)
    _demand_right(user, name)
    city = _catalog(_minute())
    route = _known(city, name)
    with _hub() as hub:
        state = ledger.states(hub).get(name)
        hold = ledger.waiting_hold(hub, name)
        asked = {"route": name}
        runs, rejects, comparison = (_rows(hub, query, asked) for query in ("runs", "rejects", "comparison"))
    for row in rejects:
        said = (
            row["words"] if row["rows"] == 1 or not row["rule"].startswith(quarantine.PEER) else None
        )  # each row has its own
        row["chinese"], row["english"] = quarantine.reason(city.datasets, route.dataset.name, row["rule"], said)
        row["owner_name"] = city.units[row["owner"]].name if row["owner"] in city.units else row["owner"]
    shown = {
        "route": route, "unit": city.units[route.peer.unit], "state": state, "hold": hold, "runs": runs,
        "last": next((r for r in runs if r["state"] == "committed"), None), "rejects": rejects,
        "comparison": comparison[0] if comparison else None, "now": settings.now(),
        "badge": _badge(state, hold, runs),
    }  # fmt: skip
    return _page(request, "route.html", shown)


@app.get("/runs/{dag}/{run_id}")
def run_page(request: Request, dag: str, run_id: str, user: GetUserDep) -> Response:
    """Lead from a run of Airflow to the receipt it made, or to its route when it made none."""
    route = dag.removeprefix(_PREFIX)
    _demand_right(user, route)
    with _hub() as hub:
        found = pg.one(hub, _SQL["receipt_of_run"], {"route": route, "run": run_id})
    kind, name = ("receipts", found[0]) if found else ("routes", quote(route, safe=""))
    return RedirectResponse(f"{_above(request)}/exchange/{kind}/{name}", 302)


@app.middleware("http")
async def harden(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Let a page run no script, load nothing, stand in no foreign frame and stay in no cache."""
    response = await call_next(request)
    response.headers.update(_HEADERS)
    return response


@app.exception_handler(AnyHTTPException)
def refused(request: Request, error: AnyHTTPException) -> Response:
    """Send a person without a login to the login page and back here; tell everybody else in the form they asked for."""
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": error.detail}, error.status_code)
    if error.status_code == 401:  # noqa: PLR2004 - HTTP's number
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{_above(request)}/auth/login?{urlencode({'next': here})}", 302)
    title = {403: "没有权限 · not allowed", 404: "没有这个页面 · no such page"}.get(error.status_code, "出错了 · error")
    return _page(request, "error.html", {"title": title, "error": None}, error.status_code)


@app.exception_handler(RequestValidationError)
def not_a_number(request: Request, _: RequestValidationError) -> Response:
    """Treat an address that cannot exist like one that does not."""
    return refused(request, HTTPException(404))


@app.exception_handler(GatewayError)
def went_wrong(request: Request, error: GatewayError) -> Response:
    """Say what the gateway says: code, what failed, what to do."""
    status = next((number for kind, number in _STATUS.items() if isinstance(error, kind)), 500)
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"code": error.code, "detail": error.message, "hint": error.hint}, status)
    return _page(request, "error.html", {"title": error.chinese, "error": error}, status)


@contextmanager
def _hub() -> Iterator[Connection]:
    """Yield a read-only hub connection that acts as the report role where that role exists."""
    with pg.hub_errors("read the ledger"):
        connection = pg.connect(settings.hub_dsn(), name="gateway pages", autocommit=True)
        try:
            pg.run(connection, "set default_transaction_read_only = on; set statement_timeout = '10s'")
            allowed = pg.one(connection, _SQL["may_report"])
            if allowed and allowed[0]:
                pg.run(connection, "set role gateway_report")
            yield connection
        finally:
            connection.close()


def _demand_right(user: Any, route: str | None) -> None:
    """Refuse who may not read the route's DAG; an entry of no route needs the right to read all of them."""
    details = DagDetails(id=f"{_PREFIX}{route}") if route else None
    if not get_auth_manager().is_authorized_dag(method="GET", details=details, user=user):
        raise HTTPException(403)


def _known(city: Catalog, name: str) -> Route:
    if name in city.routes:
        return city.routes[name]
    if name in city.broken:
        raise NotFound(f"route {name} cannot be used: {city.broken[name]}", "Run `gateway check` and mend the file.")
    raise NotFound(f"there is no route {name}", "Run `gateway route list` to see the routes there are.")


def _proof(found: Mapping[str, Any], before: str) -> dict[str, bool | None]:
    """Prove one entry: its body gives its hash, it joins the one before it, its signature is ours."""
    pem = _public_keys(_minute()).get(found["key_id"])
    return {
        "hash": receipts.seal(found["prev"], found["body"]) == found["hash"],
        "joins": found["prev"] == before,
        "signed": None if pem is None else verify_signature(pem, bytes.fromhex(found["hash"]), found["signature"]),
    }


def _reasons(city: Catalog, body: Mapping[str, Any], kind: str) -> list[tuple[str, int, str, str]]:
    """Return (rule, rows, Chinese reason, English reason), the most frequent first."""
    counted = sorted(body.get(kind, {}).items(), key=lambda item: -item[1])
    return [(rule, n, *quarantine.reason(city.datasets, body.get("dataset", ""), rule)) for rule, n in counted]


def _badge(
    state: ledger.RouteState | None, hold: ledger.Hold | None, runs: list[dict[str, Any]]
) -> tuple[str, str, str]:
    """Return colour, Chinese and English of how a route is, worst first."""
    if state is not None and state.paused_by:
        return "warn", "已暂停", "paused"
    if hold is not None and hold.state == "open":
        return _HELD_BY_STRUCTURE if hold.kind == ledger.STRUCTURE else _HELD
    if runs and runs[0]["state"] == "aborted":
        return "bad", "最近一次失败", "the last run failed"
    if runs and runs[0]["state"] == "open":
        return "run", "运行中", "running"
    if state is None or not state.loaded:
        return "na", "尚未装载", "not loaded yet"
    return "ok", "正常", "in order"


def _rows(hub: Connection, query: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    with hub.cursor() as cursor:
        cursor.execute(_SQL[query], values)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _page(request: Request, template: str, shown: Mapping[str, Any], status: int = 200) -> Response:
    return _templates.TemplateResponse(request, template, {**shown, "root": _above(request) + "/exchange"}, status)


def _above(request: Request) -> str:
    """Return the path at which Airflow itself is served."""
    return str(request.scope.get("root_path", "")).removesuffix("/exchange")


def _minute() -> int:
    return int(time.monotonic()) // _CATALOG_SECONDS


@lru_cache(maxsize=1)
def _catalog(_: int) -> Catalog:
    """Return the catalog as it was at most a minute ago."""
    return catalog.load()


@lru_cache(maxsize=1)
def _public_keys(_: int) -> Mapping[str, str]:
    """Return the public keys that receipts may be signed with; none where this machine has no keys."""
    return Keys(settings.home() / "keys").public_keys()
