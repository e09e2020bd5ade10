"""What all calls of the interface of units share: the unit by its token, the hub, answers with their tags, and refusals.

This file must not postpone its annotations.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg2.extensions import connection as Connection
from pydantic import BaseModel
from starlette.exceptions import HTTPException as AnyHTTPException

from exchange_app import frame, guesses
from exchange_app.api.model import Problem
from gateway import pg
from gateway.errors import GatewayError, NotFound, NoticeRefused, PeriodInvalid, TooManyGuesses
from gateway.security import tokens
from gateway.security.guesses import SECONDS

_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache", "Referrer-Policy": "no-referrer"}
_WAIT = {429: str(SECONDS), 503: "30"}
WORDS = {
    400: "the request is not as described", 401: "no such token", 404: "not found", 405: "not this method",
    410: "the cursor is of another hub", 413: "the body is too large", 429: "too many unknown tokens",
}  # fmt: skip
_Bearer = Depends(HTTPBearer(auto_error=False, description="A token of the unit, made by `gateway token add`."))
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": words} for status, words in WORDS.items() if status in {400, 401, 429}
}
Given = Annotated[HTTPAuthorizationCredentials | None, _Bearer]


def unit(request: Request, given: Given) -> str:
    """Return the unit whose token was given."""
    return bearer(request, given, "api")


def bearer(request: Request, given: HTTPAuthorizationCredentials | None, purpose: tokens.Purpose) -> str:
    """Return the unit whose token of a purpose was given; 401 when it is none."""
    if given is None:
        raise HTTPException(401)
    try:
        with hub() as found, guesses.counted(request, given.credentials):
            return tokens.find(found, given.credentials, purpose)
    except NotFound:
        raise HTTPException(401) from None


Unit = Annotated[str, Depends(unit)]
Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]


@contextmanager
def hub() -> Iterator[Connection]:
    """Yield a connection to the hub, in a transaction."""
    with closing(frame.deployment().hub(name="gateway api")) as found, pg.hub_errors("answer a program"), found:
        yield found


def tagged(request: Request, model: BaseModel) -> Response:
    """Return what was asked for, or that it is still what the caller has."""
    said = answer(model)
    tag = f'"{hashlib.sha256(said.body).hexdigest()[:32]}"'
    known = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    if known & {tag, "*"}:
        return Response(status_code=304, headers={"ETag": tag})
    said.headers["ETag"] = tag
    return said


def answer(model: BaseModel) -> Response:
    """Return a model as it is described."""
    return Response(model.model_dump_json(by_alias=True), media_type="application/json")


def dress(app: FastAPI) -> None:
    """Give the interface its headers and its refusals."""
    app.middleware("http")(harden)
    app.exception_handler(AnyHTTPException)(refused)
    app.exception_handler(RequestValidationError)(not_as_described)
    app.exception_handler(GatewayError)(went_wrong)


async def harden(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Let nobody keep or guess at what is one unit's."""
    response = await call_next(request)
    response.headers.update(_HEADERS)
    return response


def _problem(status: int, detail: str, more: Mapping[str, str] | None = None) -> JSONResponse:
    body = Problem(type="about:blank", title=WORDS.get(status, "refused"), status=status, detail=detail, **(more or {}))
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None  # noqa: PLR2004
    headers = {"Retry-After": _WAIT[status]} if status in _WAIT else headers
    return JSONResponse(body.model_dump(exclude_none=True), status, headers, media_type="application/problem+json")


def refused(_: Request, error: AnyHTTPException) -> JSONResponse:
    """Tell it as a problem."""
    return _problem(error.status_code, WORDS.get(error.status_code, "refused") if error.status_code == 401 else error.detail)  # noqa: PLR2004  # fmt: skip


def not_as_described(_: Request, error: RequestValidationError) -> JSONResponse:
    """Name what is wrong and where; what was given is not repeated."""
    found = [f"{'.'.join(str(part) for part in one['loc']) or 'body'}: {one['msg']}" for one in error.errors()]
    return _problem(400, "; ".join(found[:10]))


def went_wrong(_: Request, error: GatewayError) -> JSONResponse:
    """Tell what the unit can mend; what is wrong with us is no caller's business."""
    more = {"code": error.code, "hint": error.hint}
    if isinstance(error, NotFound):
        return _problem(404, "there is no such notice for this unit", {"code": error.code, "hint": "See GET /notices."})
    if isinstance(error, TooManyGuesses):
        return _problem(429, WORDS[429], more)
    if isinstance(error, PeriodInvalid):
        return _problem(400, error.message, more)
    if isinstance(error, NoticeRefused):
        return _problem(409, error.message, more)
    return _problem(503, "try again later", {"code": error.code})
