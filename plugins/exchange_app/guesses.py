"""One count of unknown secrets for all that is opened by a secret: the interface, feeds, and links of notices."""

from __future__ import annotations

from contextlib import AbstractContextManager

from fastapi import Request
from fastapi.responses import JSONResponse

from gateway.errors import TooManyGuesses
from gateway.security.guesses import SECONDS, Guesses

_GUESSES = Guesses()


def counted(request: Request, secret: str) -> AbstractContextManager[None]:
    """Look a secret up inside; TooManyGuesses when the caller has tried too many."""
    return _GUESSES.counted(request.client.host if request.client else "", secret)


def refused(error: TooManyGuesses) -> JSONResponse:
    """Tell the caller to come again."""
    return JSONResponse({"code": error.code, "detail": "too many attempts"}, 429, {"Retry-After": str(SECONDS)})
