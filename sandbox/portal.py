"""The provincial portal's interface for letters and answers: a real HTTP server, signed (HMAC-SM3), in a hurry, and slow to judge.

It gives the letters that citizens of the city wrote there, and takes the city's own letters and answers: a page is taken
(202) before anybody has looked at it. An editor looks some moments later; what he sends back is told when it is asked for.
Now and then it is busy (503) whoever asks, and it bears few requests per second (429).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import messages, shelf
from sandbox.house import Refused
from sandbox.messages import POST, REPLY, Row, moment
from sandbox.shelf import Shelf
from sandbox.signed import Pace, Signatures, new_client
from sandbox.standin import Standin
from sandbox.standin import now as _now

Handler = Callable[[Request, bytes], Response]
BASE = "/portal/open"
SEED = 20261127
LETTERS, PAGE = 120, 50
LOOKED_AT = timedelta(seconds=1)  # so long an editor needs
_BUSY_EVERY = 9
_TABLES = """
create table if not exists verdict (no integer primary key autoincrement, dataset text not null, body text not null, told integer not null);
"""


class _Refused(Refused):
    """Raised by a handler to answer with an error."""

    def __init__(self, status: HTTPStatus, words: str, **headers: str) -> None:
        super().__init__(JSONResponse({"code": int(status), "message": words}, status, headers=headers))


class Portal(Standin):
    """The stand-in portal on 127.0.0.1, in a thread of its owner's process; a context manager."""

    name, keys = "provincial portal", {POST: ("message_id",)}

    def __init__(self, path: Path | None = None, *, seed: int = SEED, per_second: int = 20, one_in: int = 300) -> None:
        """Take the file that keeps everything (default: memory), how strict its pace is, and how rarely an editor objects."""
        self._seed, self._asked = seed, 0
        self.pace = Pace(per_second)
        self._signatures = Signatures(self, "sm3", _Refused)
        super().__init__(path, self._fill, shelf.TABLES + _TABLES)
        self.letters = Shelf(self, POST, "编辑退回：标题与内容不符", seed=seed, one_in=one_in, later=self._judge(POST))
        self.answered = Shelf(
            self, REPLY, "编辑退回：答复未说明依据", seed=seed, one_in=one_in, later=self._judge(REPLY)
        )

        self.links = Shelf(self, "site.link", "本网没有该链接", seed=seed)

    def _routes(self) -> list[Route]:
        given: list[tuple[str, Handler]] = [
            ("letters", self._give),
            ("letters/verdicts", self._tell(POST)),
            ("answers/verdicts", self._tell(REPLY)),
        ]
        taken = [
            ("letters", self._take(self.letters)),
            ("answers", self._take(self.answered)),
            ("links", self._take(self.links)),
        ]
        return [
            *[Route(f"{BASE}/{path}", self._guarded(handler), methods=["GET"]) for path, handler in given],
            *[Route(f"{BASE}/{path}", self._guarded(handler), methods=["POST"]) for path, handler in taken],
        ]

    @property
    def url(self) -> str:
        """Return the address without client and secret."""
        return f"http://127.0.0.1:{self.port}{BASE}"

    @property
    def dsn(self) -> str:
        """Return the address as GATEWAY_CONN_PROV_PORTAL holds it."""
        return f"http://{self.setting('client')}:{self.setting('secret')}@127.0.0.1:{self.port}{BASE}"

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""
        return f"the provincial portal answers at {self.url}: {len(self.rows(POST)):,} letters of its own"

    def live(self) -> None:
        """Let a citizen write."""
        with self.writing():
            self._write(POST, messages.post(self._next(), _now(), _now(), self._seed))

    def _fill(self) -> None:
        """Make the client and write good letters and a bad one."""
        now = _now()
        new_client(self)
        for row in messages.posts(now, self._seed, LETTERS):
            self._write(POST, row)
        rule = messages.breakable(POST)[0]
        row = messages.post(LETTERS, now - timedelta(days=10), now, self._seed)
        self._write_bad(POST, rule, messages.broken(POST, rule, row))
        self.set("next", LETTERS + 1)

    def _body(self, dataset: str, row: Row, fault: str | None) -> str:  # noqa: ARG002 - the protocol's
        return json.dumps(row, ensure_ascii=False)

    def _admit(self, request: Request, body: bytes) -> None:
        """Let a request pass that is signed, not too soon, and does not come at a bad moment."""
        with self._lock:
            self._signatures.admit(request, body)
            wait = self.pace.wait()
            self._asked += 1
            busy = self._asked % _BUSY_EVERY == 0
        if wait:
            raise _Refused(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", **{"Retry-After": str(wait)})
        if busy:
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, "busy, come back", **{"Retry-After": "1"})

    def _give(self, request: Request, body: bytes) -> Response:
        """Answer a page of letters; the next one is named in the head (RFC 8288)."""
        self._admit(request, body)
        asked = dict(request.query_params)
        if set(asked) - {"from", "until", "start"}:
            raise _Refused(HTTPStatus.BAD_REQUEST, "known are from, until and start")
        start = int(asked.pop("start", "0"))
        bounds = [_milliseconds(asked.get(name), other) for name, other in (("from", -math.inf), ("until", math.inf))]
        versions = self._versions(POST, *bounds, order="updated, seq")
        text = f'{{"total": {len(versions)}, "rows": [{", ".join(self._bodies(versions[start : start + PAGE]))}]}}'
        following = request.url.include_query_params(start=start + PAGE)
        more = {"Link": f'<{following}>; rel="next"'} if start + PAGE < len(versions) else {}
        return Response(text, media_type="application/json", headers=more)

    def _take(self, of: Shelf) -> Handler:
        def take(request: Request, body: bytes) -> Response:
            self._admit(request, body)
            answer = of.take(request, body)
            answer.status_code = HTTPStatus.ACCEPTED
            return answer

        return take

    def _judge(self, dataset: str) -> shelf.Later:
        def later(batch: int, told: Row) -> None:
            when = _now() + LOOKED_AT
            body = json.dumps({**told, "batch": batch, "at": moment(when)})
            self.ask(
                "insert into verdict (dataset, body, told) values (?, ?, ?)",
                dataset,
                body,
                round(when.timestamp() * 1000),
            )

        return later

    def _tell(self, dataset: str) -> Handler:
        def tell(request: Request, body: bytes) -> Response:
            """Tell what editors sent back since a moment, as far as they have come."""
            self._admit(request, body)
            since = _milliseconds(request.query_params.get("from"), 0)
            query = "select no, body from verdict where dataset = ? and told between ? and ? order by no"
            found = self.ask(query, dataset, since, _now().timestamp() * 1000)
            return JSONResponse({"rows": [{"no": no, **json.loads(text)} for no, text in found]})

        return tell


def _milliseconds(text: str | None, otherwise: float) -> float:
    if text is None:
        return otherwise
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise _Refused(HTTPStatus.BAD_REQUEST, "write a moment as 2026-09-30T08:00:00+08:00")
    return found.timestamp() * 1000
