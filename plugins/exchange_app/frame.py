"""What all pages below /exchange share: the template around them, their headers, their refusals, and the hub to read from.

They read the hub with the gateway's own address as the role `gateway_report`, never Airflow's database. This file must
not postpone its annotations.
"""

import base64
import hashlib
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from markupsafe import Markup
from psycopg2.extensions import connection as Connection
from starlette.exceptions import HTTPException as AnyHTTPException

from exchange_app import languages, static
from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import FormStale, GatewayError, HubUnavailable, NotFound
from gateway.model import Catalog
from gateway.sla.printed import percent
from gateway.sql import queries

TEMPLATES = Path(__file__).parent / "templates"
_SQL = queries(__file__)
_STYLE = (TEMPLATES / "style.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
_DRAWING = {"Content-Security-Policy": f"{_POLICY}; script-src 'self'"}
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_CATALOG_SECONDS = 60
_YEAR = 365 * 86400
_ACTED = "exchange_acted"
_ACTED_SECONDS = 10  # longer than any part of a page is kept
_STATUS = {HubUnavailable: 503, NotFound: 404, FormStale: 403}
_TITLES = {
    403: ("没有权限 · not allowed", "not allowed"),
    404: ("没有这个页面 · no such page", "no such page"),
    413: ("内容过大 · too large", "too large"),
}

_templates = languages.templates(TEMPLATES)
for _spoken in _templates.values():
    _spoken.env.globals.update(style=_STYLE, scripts=static.FILES)
    _spoken.env.filters.update(percent=percent)


class Part(NamedTuple):
    """What stands inside a page's frame, and the moment of which it tells."""

    body: Markup
    now: datetime


def dress(app: FastAPI) -> None:
    """Give an app of pages its headers and its refusals."""
    app.middleware("http")(harden)
    app.exception_handler(AnyHTTPException)(refused)
    app.exception_handler(RequestValidationError)(not_a_number)
    app.exception_handler(GatewayError)(went_wrong)


def page(request: Request, template: str, shown: Mapping[str, Any], status: int = 200) -> Response:
    """Return a page; whoever looks at it and where it stands are known to its template."""
    found = {**_around(request), **shown, "visitor": getattr(request.state, "visitor", None), "here": request.url.path}
    return _templates[languages.of(request)].TemplateResponse(request, template, found, status)


def part(request: Request, template: str, shown: Mapping[str, Any]) -> Part:
    """Return what a page shows to everybody who may open it: its template knows of no visitor."""
    around, template_of = _around(request), _templates[languages.of(request)].get_template
    return Part(Markup(template_of(template).render({**around, **shown})), around["now"])  # noqa: S704 - escaped there


def drawing(request: Request, template: str, shown: Mapping[str, Any]) -> Response:
    """Return a page with charts: the only ones that may run a script, and only our own."""
    response = page(request, template, shown)
    response.headers.update(_DRAWING)
    return response


def said(request: Request) -> Any:
    """Return the words of the language in which the page is asked for."""
    return languages.SAID[languages.of(request)]


def seen(request: Request, path: str) -> Response:
    """Return the way to a page after something was done."""
    return RedirectResponse(f"{above(request)}/exchange/{path}", 303)


def above(request: Request) -> str:
    """Return the path at which Airflow itself is served."""
    return str(request.scope.get("root_path", "")).removesuffix("/exchange")


def today() -> date:
    """Return the day in China."""
    return settings.now().astimezone(settings.CHINA).date()


def today_begins() -> datetime:
    """Return the first moment of the day in China."""
    return datetime.combine(today(), datetime.min.time(), settings.CHINA)


@contextmanager
def hub() -> Iterator[Connection]:
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


def rows(connection: Connection, statement: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a statement by column."""
    return pg.dicts(connection, statement, values)


def deployment() -> Deployment:
    """Return the deployment as it was at most a minute ago."""
    return _deployment(minute())


def city() -> Catalog:
    """Return the catalog as it was at most a minute ago."""
    return deployment().catalog


def minute() -> int:
    """Return a number that is another one every minute."""
    return int(time.monotonic()) // _CATALOG_SECONDS


def acted(request: Request) -> bool:
    """Tell whether the visitor sent a form just now, in whichever process: what it did is to be seen at once."""
    return _ACTED in request.cookies


async def harden(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Let a page load nothing, run no script unless it draws, stand in no foreign frame and stay in no cache.

    Whoever is logged in and sends a form bears a mark for some seconds.
    """
    response = refused(request, HTTPException(404)) if _unspeakable(request) else await call_next(request)
    if (chosen := request.query_params.get("lang")) in languages.OTHER:
        response.set_cookie(
            languages.COOKIE, chosen, _YEAR, path=f"{above(request)}/exchange", httponly=True, samesite="lax"
        )
    if request.method == "POST" and hasattr(request.state, "visitor"):
        response.set_cookie(_ACTED, "1", _ACTED_SECONDS, path=f"{above(request)}/", httponly=True, samesite="strict")
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def refused(request: Request, error: AnyHTTPException) -> Response:
    """Send a person without a login to the login page and back here; tell everybody else in the form they asked for."""
    if not _is_person(request):
        return JSONResponse({"detail": error.detail}, error.status_code)
    if error.status_code == 401:  # noqa: PLR2004 - HTTP's number
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if request.method != "GET":  # what a form sends is not sent again by opening its address
            here = f"{above(request)}/exchange/"
        return RedirectResponse(f"{above(request)}/auth/login?{urlencode({'next': here})}", 302)
    title = _TITLES.get(error.status_code, ("出错了 · error", "error"))
    return page(request, "error.html", {"title": title, "error": None}, error.status_code)


def not_a_number(request: Request, _: RequestValidationError) -> Response:
    """Treat an address that cannot exist like one that does not."""
    return refused(request, HTTPException(404))


def went_wrong(request: Request, error: GatewayError) -> Response:
    """Say what the gateway says: code, what failed, what to do."""
    status = next((number for kind, number in _STATUS.items() if isinstance(error, kind)), 500)
    if not _is_person(request):
        return JSONResponse({"code": error.code, "detail": error.message, "hint": error.hint}, status)
    return page(request, "error.html", {"title": (error.chinese, _english(error)), "error": error}, status)


def _around(request: Request) -> dict[str, Any]:
    """Return what every template knows: where the pages stand, when this is, and the page in the other language."""
    other = languages.OTHER[languages.of(request)]
    return {
        "above": above(request),
        "root": above(request) + "/exchange",
        "now": settings.now(),
        "today": today(),
        "other": {**languages.NAMES[other], "path": f"?{request.url.include_query_params(lang=other).query}"},
    }


def _unspeakable(request: Request) -> bool:
    """Tell whether an address holds a zero byte, which no name has and no database takes."""
    return b"%00" in request.scope["query_string"] or "\x00" in request.url.path


def _english(error: GatewayError) -> str:
    """Return the name of an error's kind in words."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__).capitalize()


def _is_person(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


@lru_cache(maxsize=1)
def _deployment(_: int) -> Deployment:
    return Deployment.open()
