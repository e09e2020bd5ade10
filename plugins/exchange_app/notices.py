"""A notice as a unit opens it from its mail: the link shows, only the form's POST answers.

Mounted at /exchange/notices, apart from the pages: no login, but a secret that stands for one unit and one revision and
expires. Mail scanners and previews may open it as often as they like. This file must not postpone its annotations.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import date
from functools import lru_cache
from urllib.parse import parse_qs

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response

from exchange_app import guesses
from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import GatewayError, NotFound, NoticeRefused, TooManyGuesses
from schemas.notice import answers, lifecycle
from schemas.notice.answers import Seen
from schemas.notice.lifecycle import Reply

PREFIX = "/exchange/notices"
_LARGEST = 16_384
_CATALOG_SECONDS = 60
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{answers.STYLE_HASH}'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address is the secret
    "Cache-Control": "no-store",
}

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/{token}")
def shown(request: Request, token: str) -> Response:
    """Show the notice to the unit whose link this is; nothing is answered by that."""
    deployment = _deployment(_minute())
    return HTMLResponse(answers.page(deployment.catalog, _seen(request, deployment, token)))


@app.post("/{token}")
async def answered(request: Request, token: str) -> Response:
    """Keep the unit's answer, and show it."""
    form = await _form(request)
    return await run_in_threadpool(_answer, request, token, form)


def _answer(request: Request, token: str, form: dict[str, str]) -> Response:
    deployment = _deployment(_minute())
    seen = _seen(request, deployment, token)
    said = ""
    try:
        until = date.fromisoformat(form["until"]) if form.get("until") else None
        reply = Reply(form.get("answer", ""), form.get("by", ""), form.get("title", ""), until, form.get("remark", ""))
        lifecycle.answer(deployment, seen.notice.notice, seen.own.unit, reply, revision=seen.revision.revision)
    except NoticeRefused as refused:
        said = f"{refused.message}。{refused.hint}"
    except ValueError:
        said = "日期应写作 2026-12-31 · write the day as 2026-12-31"
    page = answers.page(deployment.catalog, _seen(request, deployment, token), said, form if said else {})
    return HTMLResponse(page, 409 if said else 200)


def _seen(request: Request, deployment: Deployment, token: str) -> Seen:
    with (
        closing(deployment.hub(name="gateway notice page")) as hub,
        pg.hub_errors("show a notice"),
        hub,
        guesses.counted(request, token),
    ):
        return answers.by_token(hub, token)


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            raise HTTPException(413, "the answer is too long")
    try:
        return {name: values[-1].strip() for name, values in parse_qs(body.decode(), max_num_fields=10).items()}
    except ValueError:
        raise HTTPException(400, "this is no form") from None


@app.middleware("http")
async def harden(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Let the page run no script, load nothing, stand in no frame, stay in no cache and tell no one its address."""
    response = await call_next(request)
    response.headers.update(_HEADERS)
    return response


@app.exception_handler(NotFound)
def unknown(_: Request, __: NotFound) -> Response:
    """Tell the same of a link that never was and of one that has expired."""
    return HTMLResponse(answers.gone(), 404)


@app.exception_handler(GatewayError)
def went_wrong(_: Request, error: GatewayError) -> Response:
    """Tell that it is our fault, and nothing of ours; or that too many unknown links came."""
    if isinstance(error, TooManyGuesses):
        return guesses.refused(error)
    return JSONResponse({"code": error.code, "detail": "try again later"}, 503, {"Retry-After": "30"})


def _minute() -> int:
    return int(time.monotonic()) // _CATALOG_SECONDS


@lru_cache(maxsize=1)
def _deployment(_: int) -> Deployment:
    """Return the deployment as it was at most a minute ago."""
    return Deployment.open()
