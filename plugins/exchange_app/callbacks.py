"""What platforms call by themselves: no login, a signature instead, and nothing to be seen.

Mounted at /exchange/callbacks, apart from the pages: no session, no page and no private key is of use here. Whatever is
wrong with a proof, the answer is the same. The signed path begins at /exchange, whatever a proxy puts in front of it.
"""

import time
from contextlib import closing
from functools import lru_cache

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import GatewayError, SchemaMismatch, SourceChanged
from gateway.exchange import callbacks
from gateway.exchange.callbacks import Call, NotProven
from gateway.security.signing import HEADERS
from schemas.notice import deprecation

PREFIX = "/exchange/callbacks"
_LARGEST = 1_048_576
_CATALOG_SECONDS = 60

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


@app.post("/{platform}/{dataset}")
async def told(request: Request, platform: str, dataset: str) -> JSONResponse:
    """Take what a platform tells of a data set: 200 when it is kept, also for the second time."""
    user, stamp, nonce, signature = (request.headers.get(name, "") for name in HEADERS)
    path, query = f"{PREFIX}/{platform}/{dataset}", request.scope["query_string"].decode("ascii", "replace")
    call = Call(platform, dataset, request.method, path, query, user, stamp, nonce, signature)
    try:
        deployment = await run_in_threadpool(_deployment, int(time.monotonic()) // _CATALOG_SECONDS)
        signer = await run_in_threadpool(callbacks.expected, deployment, call)
        body = await _body(request)
        if body is None:
            return JSONResponse({"detail": f"the body is larger than {_LARGEST} bytes"}, 413)
        kept = await run_in_threadpool(callbacks.receive, deployment, call, signer, body)
    except NotProven:
        return JSONResponse({"detail": "not proven"}, 401)
    return JSONResponse({"kept": kept}, headers=await run_in_threadpool(_announced, deployment, platform, dataset))


@app.exception_handler(GatewayError)
def went_wrong(_: Request, error: GatewayError) -> JSONResponse:
    """Tell who is proven what is wrong with the call; what is wrong with us is no caller's business."""
    if isinstance(error, SchemaMismatch | SourceChanged):
        return JSONResponse({"code": error.code, "detail": error.message, "hint": error.hint}, 422)
    return JSONResponse({"code": error.code, "detail": "try again later"}, 503, {"Retry-After": "30"})


def _announced(deployment: Deployment, platform: str, dataset: str) -> dict[str, str]:
    """Return what a notice about this interface puts into the head of its answers."""
    with closing(deployment.hub(name="gateway callbacks")) as hub, pg.hub_errors("read notices"), hub:
        return deprecation.of(hub, platform, dataset)


async def _body(request: Request) -> bytes | None:
    """Return the body, or None as soon as it is too large, whatever its length was said to be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            return None
    return bytes(body)


@lru_cache(maxsize=1)
def _deployment(_: int) -> Deployment:
    """Return the deployment as it was at most a minute ago; connections come from the environment."""
    return Deployment.open()
