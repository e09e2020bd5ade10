"""The guide service of the city's mobile app: an HTTP server that takes divisions, strict in what it takes and slow to judge.

Requests are signed (HMAC-SHA256 over the body too), each with a nonce and within a few minutes; there is a limit of requests
per second; a page is known by its key and answered as before. A few rows are refused at once, a few by an editor later.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.house import House, Refused
from sandbox.signed import Pace, Signatures, new_client
from sandbox.standin import now as _now

Row = dict[str, Any]
BASE = "/guide/api"
SEED = 20261124
LARGEST_PAGE = 300
_SHARE = 100  # one row in so many is refused at once, as many again later
_TEXTS = ("name", "level", "kind", "source")
_OPTIONAL = ("validTo", "replacedBy", "parent")
_NAMES = frozenset({"code", "validFrom", "action", *_TEXTS, *_OPTIONAL})
_TABLES = """
create table if not exists division (code text, valid_from text, row text not null, primary key (code, valid_from));
create table if not exists answered (key text primary key, answer text not null);
create table if not exists verdict (no integer primary key autoincrement, code text, valid_from text, batch text not null,
  sent text not null, error text not null, words text not null, judged integer not null);
"""


class _Refused(Refused):
    """Raised by a handler to answer with an error."""

    def __init__(self, status: HTTPStatus, words: str, **headers: str) -> None:
        super().__init__(JSONResponse({"code": int(status), "message": words}, status, headers=headers))


class GuideApp(House):
    """The stand-in guide service on 127.0.0.1, in a thread of its owner's process; a context manager."""

    name = "guide app"

    def __init__(
        self, path: Path | None = None, *, seed: int = SEED, share: int = _SHARE, per_second: int = 20
    ) -> None:
        """Take the file that keeps everything (default: memory), how many rows it refuses and how strict its pace is."""
        self._seed, self._share = seed, share
        self.pace = Pace(per_second)
        self._signatures = Signatures(self, "sha256", _Refused)
        super().__init__(path, self._fill, _TABLES)

    def _routes(self) -> list[Route]:
        return [
            Route(f"{BASE}/v1/divisions", self._guarded(self._take), methods=["POST"]),
            Route(f"{BASE}/v1/verdicts", self._guarded(self._tell), methods=["GET"]),
        ]

    @property
    def dsn(self) -> str:
        """Return the address as GATEWAY_CONN_APP_GUIDE holds it."""
        return f"http://{self.setting('client')}:{self.setting('secret')}@127.0.0.1:{self.port}{BASE}"

    def held(self) -> list[Row]:
        """Return the divisions that it shows to citizens, in key order."""
        return [json.loads(row) for (row,) in self.ask("select row from division order by code, valid_from")]

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""
        return f"the guide app answers at http://127.0.0.1:{self.port}{BASE}: {len(self.held()):,} divisions"

    def live(self) -> None:
        """Do nothing by itself: it lives on what it is sent."""

    def _fill(self) -> None:
        new_client(self)

    # What it answers

    def _take(self, request: Request, body: bytes) -> Response:
        """Take a page of divisions once."""
        self._admitted(request, body)
        name = request.headers.get("idempotency-key", "")
        if not 16 <= len(name) <= 64:
            raise _Refused(HTTPStatus.BAD_REQUEST, "send an Idempotency-Key of 16 to 64 letters")
        with self.writing():
            known = self.ask("select answer from answered where key = ?", name)
            if known:
                return JSONResponse(json.loads(known[0][0]) | {"repeated": True})
            batch, sent, items = _page(body)
            answer = {"code": 0, "message": "ok", "repeated": False, "result": self._taken(batch, sent, items)}
            self._store.execute("insert into answered values (?, ?)", (name, json.dumps(answer)))
        return JSONResponse(answer)

    def _taken(self, batch: str, sent: str, items: list[Row]) -> dict[str, Any]:
        counts = {"inserted": 0, "updated": 0, "deleted": 0}
        failed: list[Row] = []
        for item in items:
            key = (item["code"], item["validFrom"])
            held = bool(self.ask("select 1 from division where code = ? and valid_from = ?", *key))
            action = item.pop("action")
            if action == "remove":
                self._store.execute("delete from division where code = ? and valid_from = ?", key)
                counts["deleted"] += 1
            elif fault := self._fault(item):
                failed.append(
                    {"code": item["code"], "validFrom": item["validFrom"], "error": fault[0], "reason": fault[1]}
                )
            else:
                self._store.execute("insert or replace into division values (?, ?, ?)", (*key, json.dumps(item)))
                counts["updated" if held else "inserted"] += 1
                self._judge(batch, sent, item)
        return {**counts, "failed": failed}

    def _fault(self, item: Row) -> tuple[str, str] | None:
        if len(item["name"]) > 60:
            return "E101", "名称超过60字"
        return ("E201", "该区划没有配置办事地图") if self._lot(item, "at once") else None

    def _judge(self, batch: str, sent: str, item: Row) -> None:
        """Let an editor look at a row: what he finds wrong is told when it is asked for."""
        if self._lot(item, "later"):
            values = (
                item["code"],
                item["validFrom"],
                batch,
                sent,
                "E305",
                "编辑退回:名称与地图标注不一致",
                _milliseconds(),
            )
            self._store.execute(
                "insert into verdict (code, valid_from, batch, sent, error, words, judged) values (?, ?, ?, ?, ?, ?, ?)",
                values,
            )

    def _lot(self, item: Row, turn: str) -> bool:
        drawn = hashlib.sha256(f"{self._seed}:{turn}:{item['code']}:{item['validFrom']}".encode()).digest()
        return int.from_bytes(drawn[:4], "big") % self._share == 0

    def _tell(self, request: Request, body: bytes) -> Response:
        """Tell a page of verdicts from a moment on, oldest first."""
        self._admitted(request, body)
        asked = dict(request.query_params)
        if set(asked) - {"since", "page", "size"} or not all(v.isascii() and v.isdecimal() for v in asked.values()):
            raise _Refused(HTTPStatus.BAD_REQUEST, "known are since, page and size: numbers")
        size, page = min(int(asked.get("size", 100)), 100), int(asked.get("page", 1))
        names = ("no", "code", "validFrom", "batchNo", "sentAt", "error", "words", "judgedAt")
        rows = self.ask(
            "select no, code, valid_from, batch, sent, error, words, judged from verdict where judged >= ? order by no limit ? offset ?",
            int(asked.get("since", 0)), size, (page - 1) * size,
        )  # fmt: skip
        return JSONResponse({"code": 0, "result": [dict(zip(names, row, strict=True)) for row in rows]})

    def _admitted(self, request: Request, body: bytes) -> None:
        """Let a request pass whose signature, time, nonce and pace are in order."""
        with self._lock:
            self._signatures.admit(request, body)
            if wait := self.pace.wait():
                raise _Refused(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", **{"Retry-After": str(wait)})


def _page(body: bytes) -> tuple[str, str, list[Row]]:
    """Return batch, moment and items of a page; whatever is not as the manual says is refused as a whole."""
    try:
        told = json.loads(body)
        batch, sent, items = str(int(told["batchNo"])), str(told["sentAt"]), told["data"]["items"]
        datetime.fromisoformat(sent)
        faults = [item for item in items if not _sound(item)]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _Refused(HTTPStatus.BAD_REQUEST, "the body is not what the manual says") from None
    if set(told) != {"batchNo", "sentAt", "data", "sender"} or faults or not 0 < len(items) <= LARGEST_PAGE:
        raise _Refused(HTTPStatus.BAD_REQUEST, "the body is not what the manual says")
    return batch, sent, items


def _sound(item: Row) -> bool:
    """Tell whether an item has the names and types of the manual."""
    date.fromisoformat(item["validFrom"])
    if item["action"] == "remove":
        return set(item) == {"code", "validFrom", "action"}
    texts = all(isinstance(item[name], str) for name in ("code", *_TEXTS))
    return item["action"] == "save" and set(item) == _NAMES and texts and len(item["code"]) == 12


def _milliseconds() -> int:
    return round(_now().timestamp() * 1000)
