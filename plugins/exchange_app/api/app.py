"""The interface of a unit's programs: what it was told since it last asked, each notice whole, its answer, and what is its own.

Mounted at /exchange/api/v1, apart from the pages: no login, but the unit's own token (purpose api), which stands for one
unit. This file must not postpone its annotations.
"""

import re
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from exchange_app import frame
from exchange_app.api import base, own, watch
from exchange_app.api.base import REFUSALS, WORDS, Limit, Unit
from exchange_app.api.model import ChangeItem, Head, Page, Problem, Reply, Whole
from gateway.errors import NotFound, NoticeRefused
from gateway.sql import queries
from schemas.notice import lifecycle, store

PREFIX = "/exchange/api/v1"
_SQL = queries(__file__)
_LARGEST = 16_384
_CURSOR = re.compile(r"([0-9]{1,9})\.([0-9]{1,18})")
app = FastAPI(
    title="单位接口 · interface of units", version="1.1.0", servers=[{"url": PREFIX}],
    description="What a partner unit's programs are told of structure changes and how they answer; its own figures and rejected rows.",
    docs_url=None, redoc_url=None, openapi_url=None,
)  # fmt: skip
base.dress(app)

Since = Annotated[str, Query(max_length=40, description="The cursor of an earlier answer; all when left out.")]
No = Annotated[str, InPath(max_length=40, description="The id, or the number as it stands on paper.")]


@app.get("/notices", responses={**REFUSALS, 410: {"model": Problem, "description": WORDS[410]}}, response_model=Page)
def told(request: Request, unit: Unit, since: Since = "", limit: Limit = 50) -> Response:
    """List what the unit was told after a cursor: new notices, new revisions, and what became of them.

    Each stands once, as it is now. A cursor stays good; only after the hub was restored it is refused with 410: ask
    again without one.
    """
    with base.hub() as hub:
        epoch = frame.rows(hub, _SQL["epoch"], {})[0]["epoch"]
        after = _after(since, epoch)
        found = frame.rows(hub, _SQL["since"], {"unit": unit, "since": after, "limit": limit + 1})
    shown = found[:limit]
    last = shown[-1]["told"] if shown else after
    page = Page(items=[Head(**row) for row in shown], cursor=f"{epoch}.{last}", more=len(found) > limit)
    return base.tagged(request, page)


@app.get(
    "/notices/{no}",
    responses={**REFUSALS, 404: {"model": Problem, "description": "the unit was told of no such notice"}},
    response_model=Whole,
)
def one(request: Request, unit: Unit, no: No) -> Response:
    """Show a notice whole, as the unit was told it."""
    return base.tagged(request, _whole(unit, no))


@app.post(
    "/notices/{no}/ack",
    responses={
        **REFUSALS,
        404: {"model": Problem, "description": "the unit was told of no such notice"},
        409: {
            "model": Problem,
            "description": "answered otherwise already, replaced by a newer revision, or withdrawn",
        },
    },
    response_model=Whole,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Reply.model_json_schema()}}}
    },
)
async def acknowledged(request: Request, unit: Unit, no: No) -> Response:
    """Keep the unit's answer (签收); the first one to a revision stands, and the same one may be sent again."""
    try:
        reply = Reply.model_validate_json(await _body(request))
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None
    return await run_in_threadpool(_answer, unit, no, reply)


@app.get("/openapi.json", include_in_schema=False)
def described(_: Unit) -> JSONResponse:
    """Describe this interface."""
    return JSONResponse(app.openapi())


app.include_router(own.router)
app.include_router(watch.router)


def _answer(unit: str, no: str, reply: Reply) -> Response:
    before = _whole(unit, no)
    said = lifecycle.Reply(reply.answer, reply.by, reply.title, reply.until, reply.remark)
    try:
        lifecycle.answer(frame.deployment(), before.notice, unit, said, revision=reply.revision)
    except NoticeRefused:
        kept = _whole(unit, no)
        if not _is(kept, reply):
            raise
    return base.answer(_whole(unit, no))


def _is(kept: Whole, reply: Reply) -> bool:
    """Tell whether what is kept is this answer: its reply was lost, and it came again."""
    given = (reply.revision, reply.answer, reply.by, reply.title, reply.until, reply.remark or None)
    return given == (kept.revision, kept.answer, kept.answered_by, kept.answered_title, kept.answer_until, kept.answer_remark)  # fmt: skip


def _whole(unit: str, no: str) -> Whole:
    with base.hub() as hub:
        found = frame.rows(hub, _SQL["one"], {"unit": unit, "notice": store.find(hub, no)})
    if not found:
        raise NotFound(f"there is no notice {no}", "See GET /notices.")
    row = found[0]
    body, remark, uses = row.pop("body"), row.pop("remark"), row.pop("uses")
    said = {name: body.get(name) for name in ("reason", "measures", "fallback", "contact", "emergency", "remark")}
    return Whole(**row, **said, answer_remark=remark, changes=[ChangeItem(**item) for item in uses])


def _after(since: str, epoch: int) -> int:
    if not since:
        return 0
    if not (found := _CURSOR.fullmatch(since)):
        raise HTTPException(400, "since is no cursor of ours")
    if int(found[1]) != epoch:
        raise HTTPException(410, "the hub was restored since; ask again without `since`")
    return int(found[2])


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            raise HTTPException(413, f"a body has {_LARGEST} bytes at most")
    return bytes(body)
