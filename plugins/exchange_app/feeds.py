"""A unit's notices for its feed readers and calendars, which cannot log in: a token of the unit stands in the address.

Mounted at /exchange/feeds, apart from the pages. It only shows; a token that is unknown, expired, revoked or meant for
another purpose is not told apart. This file must not postpone its annotations.
"""

import hashlib
import time
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from exchange_app import guesses
from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import GatewayError, NotFound, TooManyGuesses
from gateway.model import Catalog
from gateway.security import tokens
from schemas.notice import feeds
from schemas.notice.feeds import Told

PREFIX = "/exchange/feeds"
_CATALOG_SECONDS = 60
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address is the secret
    "Cache-Control": "private, no-cache",  # kept by the reader alone, and asked for anew by its ETag
}
_Made = Callable[[Catalog, list[Told], str], bytes]

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


@app.api_route("/{token}/notices.atom", methods=["GET", "HEAD"])
def atom(request: Request, token: str) -> Response:
    """Return the unit's notices as Atom."""
    return _served(request, token, feeds.atom, "application/atom+xml; charset=utf-8")


@app.api_route("/{token}/notices.ics", methods=["GET", "HEAD"])
def calendar(request: Request, token: str) -> Response:
    """Return the days of effect of the unit's notices as a calendar."""
    return _served(request, token, feeds.calendar_of, "text/calendar; charset=utf-8")


def _served(request: Request, token: str, made: _Made, media_type: str) -> Response:
    deployment = _deployment(int(time.monotonic()) // _CATALOG_SECONDS)
    with closing(deployment.hub(name="gateway feed")) as hub, pg.hub_errors("show a feed"), hub:
        with guesses.counted(request, token):
            unit = tokens.find(hub, token, "feed")
        rows = feeds.told(hub, unit)
    body = made(deployment.catalog, rows, unit)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**_HEADERS, "ETag": tag}
    if _known(request.headers.get("If-None-Match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def _known(asked: str, tag: str) -> bool:
    """Tell whether the reader has this very feed (RFC 9110, 13.1.2: compared weakly)."""
    return asked.strip() == "*" or tag in {one.strip().removeprefix("W/") for one in asked.split(",")}


@app.exception_handler(NotFound)
def unknown(_: Request, __: NotFound) -> Response:
    """Tell the same of every token that opens nothing."""
    words = "令牌无效或已过期，请向发布单位索取新的订阅地址 · this token is not valid\n"
    return PlainTextResponse(words, 404, {**_HEADERS, "Cache-Control": "no-store"})


@app.exception_handler(GatewayError)
def went_wrong(_: Request, error: GatewayError) -> Response:
    """Tell that it is our fault, and nothing of ours; or that too many unknown tokens came."""
    if isinstance(error, TooManyGuesses):
        return guesses.refused(error)
    return JSONResponse({"code": error.code, "detail": "try again later"}, 503, {"Retry-After": "30"})


@lru_cache(maxsize=1)
def _deployment(_: int) -> Deployment:
    """Return the deployment as it was at most a minute ago."""
    return Deployment.open()
