"""The push system's interface: orders in, receipts out by offset; a real HTTP server behind an API key, strict in what it takes."""

from __future__ import annotations

import json
import math
import secrets
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import pushes, shelf
from sandbox.house import Refused
from sandbox.messages import Row, moment
from sandbox.pushes import KEYS, RECEIPT
from sandbox.shelf import Shelf
from sandbox.standin import Standin
from sandbox.standin import now as _now

BASE, HEADER = "/push", "X-Push-Key"
SEED = 20261124
LARGEST = 500
_KNOWN = frozenset({"limit", "offset", "changed_after", "changed_before"})


class _Refused(Refused):
    """Raised by a handler to answer with an error."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(JSONResponse({"errcode": int(status), "errmsg": words}, status))


class PushSystem(Standin):
    """The stand-in push system on 127.0.0.1, in a thread of its owner's process; a context manager."""

    name, keys = "push system", KEYS

    def __init__(self, path: Path | None = None, *, seed: int = SEED, messages: int = pushes.MESSAGES) -> None:
        """Take the file that keeps everything (default: memory), and how many messages it was given."""
        self._seed, self._messages = seed, messages
        super().__init__(path, self._fill, shelf.TABLES)
        self.orders = Shelf(self, "push.message", "接收人已退订该模板", seed=seed, one_in=700)

    def _routes(self) -> list[Route]:
        return [
            Route(f"{BASE}/v2/receipts", self._guarded(self._receipts), methods=["GET"]),
            Route(f"{BASE}/v2/messages", self._guarded(self._take), methods=["POST"]),
        ]

    @property
    def url(self) -> str:
        """Return the address without the key."""
        return f"http://127.0.0.1:{self.port}{BASE}"

    @property
    def dsn(self) -> str:
        """Return the address as GATEWAY_CONN_PUSH holds it."""
        return f"http://gateway:{self.setting('key')}@127.0.0.1:{self.port}{BASE}"

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""
        return f"the push system answers at {self.url}: {len(self.rows(RECEIPT)):,} receipts, {len(self.orders.rows()):,} orders"

    def live(self) -> None:
        """Try a message again that failed at its first attempt; after the last one there is nothing left to do."""
        numbers = range(self._next(), self._messages)
        number = next((n for n in numbers if n % 15 == 3 and n % 2 == 0), None)
        if number is not None:
            self.set("next", number + 1)
            self.retry(number)

    def retry(self, number: int, **changes: Any) -> Row:
        """Deliver a message at its second attempt, now, and return the receipt."""
        stamp = moment(_now())
        made = pushes.receipt(number, 2, _now(), self._seed)
        row = made | {"accepted_at": stamp, "delivered_at": stamp, "updated_at": stamp} | changes
        with self.writing():
            self._write(RECEIPT, row)
        return row

    def _fill(self) -> None:
        """Make the key and write good receipts and bad ones."""
        now = _now()
        self.set("key", secrets.token_urlsafe(24))
        for row in pushes.receipts(now, self._seed, self._messages):
            self._write(RECEIPT, row)
        for place, rule in enumerate(pushes.breakable()):
            row = pushes.receipt(place, 9, now, self._seed)
            self._write_bad(RECEIPT, rule, pushes.broken(rule, row))

    def _body(self, dataset: str, row: Row, fault: str | None) -> str:  # noqa: ARG002 - the protocol's
        return json.dumps(row, ensure_ascii=False)

    def _take(self, request: Request, body: bytes) -> Response:
        """Take orders to push a message."""
        self._admit(request)
        return self.orders.take(request, body)

    def _admit(self, request: Request) -> None:
        if not secrets.compare_digest(request.headers.get(HEADER, "").encode(), (self.setting("key") or "").encode()):
            raise _Refused(HTTPStatus.UNAUTHORIZED, "unknown key")

    def _receipts(self, request: Request, _: bytes) -> Response:
        """Answer a part of the receipts in the order in which they were written."""
        self._admit(request)
        asked = dict(request.query_params.multi_items())
        if unknown := asked.keys() - _KNOWN:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"unknown parameter: {', '.join(sorted(unknown))}")
        low, high = _moment(asked, "changed_after", -math.inf), _moment(asked, "changed_before", math.inf)
        limit, offset = _whole(asked, "limit", 100, 1, LARGEST), _whole(asked, "offset", 0, 0, 10**9)
        versions = self._versions(RECEIPT, low, high, order="born")
        page = ", ".join(self._bodies(versions[offset : offset + limit]))
        text = f'{{"errcode": 0, "total": {len(versions)}, "list": [{page}]}}'
        return Response(text, media_type="application/json")


def _moment(asked: dict[str, str], name: str, otherwise: float) -> float:
    """Return a moment as milliseconds; one without offset is refused."""
    if name not in asked:
        return otherwise
    try:
        found = datetime.fromisoformat(asked[name])
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise _Refused(HTTPStatus.BAD_REQUEST, f"{name}: write 2026-09-30T08:00:00+08:00")
    return found.timestamp() * 1000


def _whole(asked: dict[str, str], name: str, otherwise: int, low: int, high: int) -> int:
    text = asked.get(name, str(otherwise))
    if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
        raise _Refused(HTTPStatus.BAD_REQUEST, f"{name}: write a number from {low} to {high}")
    return int(text)
