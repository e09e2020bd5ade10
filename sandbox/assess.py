"""The supervision and assessment system's interface: exemptions out, results of the circular in; strict in what it takes.

HTTP Basic, numbered pages, whole seconds with an offset. What it holds survives a restart in an SQLite file, its address
and its account too.
"""

from __future__ import annotations

import base64
import json
import math
import secrets
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import exemptions, shelf
from sandbox.exemptions import EXEMPTION, KEYS
from sandbox.house import Refused
from sandbox.messages import Row, moment
from sandbox.shelf import Shelf
from sandbox.standin import Standin
from sandbox.standin import now as _now

BASE = "/assess/api"
SEED = 20261127
LARGEST = 200
_KNOWN = frozenset({"pageNo", "pageSize", "begin", "end"})


class _Refused(Refused):
    """Raised by a handler to answer with an error."""

    def __init__(self, status: HTTPStatus, words: str, **headers: str) -> None:
        super().__init__(JSONResponse({"success": False, "message": words}, status, headers=headers))


class AssessmentSystem(Standin):
    """The stand-in assessment system on 127.0.0.1, in a thread of its owner's process; a context manager."""

    name, keys = "assessment system", KEYS

    def __init__(self, path: Path | None = None, *, seed: int = SEED, count: int = exemptions.EXEMPTIONS) -> None:
        """Take the file that keeps everything (default: memory); fill it when it is new."""
        self._seed, self._count = seed, count
        super().__init__(path, self._fill, shelf.TABLES)
        self.results = Shelf(self, "assess.result", "本系统没有该单位", seed=seed)

    def _routes(self) -> list[Route]:
        return [
            Route(f"{BASE}/exemptions", self._guarded(self._page), methods=["GET"]),
            Route(f"{BASE}/results", self._guarded(self._take), methods=["POST"]),
        ]

    @property
    def url(self) -> str:
        """Return the address without account."""
        return f"http://127.0.0.1:{self.port}{BASE}"

    @property
    def dsn(self) -> str:
        """Return the address as GATEWAY_CONN_ASSESS holds it."""
        return f"http://{self.setting('account')}:{self.setting('secret')}@127.0.0.1:{self.port}{BASE}"

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""
        return f"the assessment system answers at {self.url}: {len(self.rows(EXEMPTION)):,} exemptions"

    def live(self) -> None:
        """Let the office grant what waits longest, if anything does."""
        waiting = [row for row in self.rows(EXEMPTION) if row["state"] == "1" and self._is_good(row)]
        if waiting:
            self.grant(str(min(waiting, key=lambda row: str(row["applied_at"]))["exemption_id"]))

    def grant(self, exemption_id: str, **changes: Any) -> Row:
        """Grant an exemption now, and return it."""
        with self.writing():
            number = self._next()
            made = exemptions.decision(number, _now(), Random(f"{self._seed}:granted:{number}"))
            return self.edit(EXEMPTION, (exemption_id,), **({"state": "2"} | made | changes))

    def _is_good(self, row: Row) -> bool:
        return (row["exemption_id"],) not in {key for key, _ in self.bad[EXEMPTION]}

    # What it holds

    def _fill(self) -> None:
        """Make the account and write good records and bad ones."""
        now = _now()
        self.set("account", f"gateway-{secrets.token_hex(4)}")
        self.set("secret", secrets.token_urlsafe(24))
        good = list(exemptions.exemptions(now, self._seed, self._count))
        for row in good:
            self._write(EXEMPTION, row)
        decided = next(row for row in good if row["state"] != "1")
        for place, rule in enumerate(exemptions.breakable()):
            row = exemptions.exemption(self._count + place, now, self._seed)
            self._write_bad(EXEMPTION, rule, exemptions.broken(rule, row, decided))
        self.set("next", self._count + len(exemptions.breakable()))

    def _body(self, dataset: str, row: Row, fault: str | None) -> str:  # noqa: ARG002 - the protocol's
        shown = dict(row)
        shown["interval"] = {"begin": shown.pop("begins_at"), "end": shown.pop("ends_at")}
        shown["attachments"] = []
        return json.dumps(shown, ensure_ascii=False)

    # What it answers

    def _page(self, request: Request, _: bytes) -> Response:
        """Answer one page in the order in which they were applied for; a page past the end is empty."""
        self._admit(request)
        pairs = request.query_params.multi_items()
        asked = dict(pairs)
        if len(asked) < len(pairs) or asked.keys() - _KNOWN:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"known once each: {', '.join(sorted(_KNOWN))}")
        number, size = _whole(asked, "pageNo", 1, 10**6), _whole(asked, "pageSize", 20, LARGEST)
        low, high = _moment(asked, "begin", -math.inf), _moment(asked, "end", math.inf)
        versions = self._versions(EXEMPTION, low, high, order="born")
        page = ", ".join(self._bodies(versions[(number - 1) * size : number * size]))
        text = f'{{"success": true, "result": {{"total": {len(versions)}, "records": [{page}]}}}}'
        return Response(text, media_type="application/json")

    def _take(self, request: Request, body: bytes) -> Response:
        """Take a page of results."""
        self._admit(request)
        return self.results.take(request, body)

    def _admit(self, request: Request) -> None:
        account = f"{self.setting('account')}:{self.setting('secret')}".encode()
        wanted = f"Basic {base64.b64encode(account).decode()}"
        if not secrets.compare_digest(request.headers.get("authorization", "").encode(), wanted.encode()):
            raise _Refused(HTTPStatus.UNAUTHORIZED, "unknown account", **{"WWW-Authenticate": 'Basic realm="assess"'})


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
