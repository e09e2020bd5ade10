"""Stand-ins that are asked for numbered pages and take pages of what is delivered: strict in what they take.

HTTP Basic, numbered pages, whole seconds with an offset. What one holds survives a restart in an SQLite file, its address
and its account too.
"""

from __future__ import annotations

import base64
import math
import secrets
from abc import abstractmethod
from datetime import datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.house import Refused
from sandbox.messages import moment
from sandbox.shelf import Shelf
from sandbox.standin import Standin
from sandbox.standin import now as _now

LARGEST = 200
_KNOWN = frozenset({"pageNo", "pageSize", "begin", "end"})


class _Refused(Refused):
    """Raised by a handler to answer with an error."""

    def __init__(self, status: HTTPStatus, words: str, **headers: str) -> None:
        super().__init__(JSONResponse({"success": False, "message": words}, status, headers=headers))


class Paged(Standin):
    """A stand-in platform that tells of one data set by pages and keeps another on a shelf; `base` is its path."""

    base: str
    realm: str

    @property
    @abstractmethod
    def shelf(self) -> Shelf:
        """Return where it keeps what it is sent."""

    @property
    def url(self) -> str:
        """Return the address without account."""
        return f"http://127.0.0.1:{self.port}{self.base}"

    @property
    def dsn(self) -> str:
        """Return the address as its connection holds it."""
        return f"http://{self.setting('account')}:{self.setting('secret')}@127.0.0.1:{self.port}{self.base}"

    def _make_account(self) -> None:
        self.set("account", f"gateway-{secrets.token_hex(4)}")
        self.set("secret", secrets.token_urlsafe(24))

    def _page(self, request: Request, _: bytes) -> Response:
        """Answer one page in the order in which the records were made; a page past the end is empty."""
        self._admit(request)
        pairs = request.query_params.multi_items()
        asked = dict(pairs)
        if len(asked) < len(pairs) or asked.keys() - _KNOWN:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"known once each: {', '.join(sorted(_KNOWN))}")
        number, size = _whole(asked, "pageNo", 1, 10**6), _whole(asked, "pageSize", 20, LARGEST)
        low, high = _moment(asked, "begin", -math.inf), _moment(asked, "end", math.inf)
        (told,) = self.keys
        versions = self._versions(told, low, high, order="born")
        page = ", ".join(self._bodies(versions[(number - 1) * size : number * size]))
        text = f'{{"success": true, "result": {{"total": {len(versions)}, "records": [{page}]}}}}'
        return Response(text, media_type="application/json")

    def _take(self, request: Request, body: bytes) -> Response:
        """Take a page of what is delivered."""
        self._admit(request)
        return self.shelf.take(request, body)

    def _admit(self, request: Request) -> None:
        account = f"{self.setting('account')}:{self.setting('secret')}".encode()
        wanted = f"Basic {base64.b64encode(account).decode()}"
        if not secrets.compare_digest(request.headers.get("authorization", "").encode(), wanted.encode()):
            raise _Refused(
                HTTPStatus.UNAUTHORIZED, "unknown account", **{"WWW-Authenticate": f'Basic realm="{self.realm}"'}
            )


def _moment(asked: dict[str, str], name: str, otherwise: float) -> float:
    """Return a moment as milliseconds; one without offset is refused."""
    if name not in asked:
        return otherwise
    try:
        found = datetime.fromisoformat(asked[name])
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise _Refused(HTTPStatus.BAD_REQUEST, f"{name}: write {moment(_now())}")
    return found.timestamp() * 1000


def _whole(asked: dict[str, str], name: str, otherwise: int, high: int) -> int:
    text = asked.get(name, str(otherwise))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= high):
        raise _Refused(HTTPStatus.BAD_REQUEST, f"{name}: write a number from 1 to {high}")
    return int(text)
