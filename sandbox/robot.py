"""Stand-ins of what takes short notices: a group robot of WeCom, a unit's signed receiver, and an SMS platform; all strict.

The robot answers HTTP 200 whatever it thinks, and says what it thinks in `errcode`, as the real one does.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections import deque
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.house import House

PER_MINUTE = 20
_LIMITS = {"text": 2048, "markdown": 4096}
_FRESH = 300
_TABLES = "create table if not exists taken (no integer primary key autoincrement, kind text not null, id text, body text not null);"
_DIGESTS = {"sha256": hashes.SHA256, "sm3": hashes.SM3}


class Robot(House):
    """The three on 127.0.0.1, in a thread of its owner's process; a context manager. `errors` come first, one an answer."""

    name = "robot"

    def __init__(self, path: Path | None = None, *, per_minute: int = PER_MINUTE) -> None:
        """Take the file that keeps everything (default: memory) and how many messages a minute the robot takes."""
        self._per_minute = per_minute
        self._times: deque[float] = deque()
        self.errors: deque[int] = deque()
        super().__init__(path, self._fill, _TABLES)

    def _routes(self) -> list[Route]:
        return [
            Route("/cgi-bin/webhook/send", self._guarded(self._robot), methods=["POST"]),
            Route("/notices", self._guarded(self._receiver), methods=["POST"]),
            Route("/sms/send", self._guarded(self._sms), methods=["POST"]),
        ]

    @property
    def connections(self) -> dict[str, str]:
        """Return the address of each as GATEWAY_CONN_<NAME> holds it, by that name."""
        host, secret = f"127.0.0.1:{self.port}", quote(self.setting("secret") or "")
        body = quote(
            '{"mobile": "{phone}", "content": "{text}", "account": "{user}", "password": "{secret}", "seq": "{id}"}'
        )
        return {
            "ROBOT": f"http://:{self.setting('key')}@{host}",
            "HOOK": f"http://:{secret}@{host}/notices?digest=sm3",
            "NOTIFY_SMS": f"http://gateway:{secret}@{host}/sms/send?sign={quote('承德数据交换')}&ok=result.code:0&refused=1001&body={body}",
        }

    def taken(self, kind: str) -> list[dict[str, Any]]:
        """Return what robot, hook or sms took, oldest first."""
        return [json.loads(body) for (body,) in self.ask("select body from taken where kind = ? order by no", kind)]

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""
        count = self.ask("select count(*) from taken")[0][0]
        return f"robot, receiver and SMS platform answer at http://127.0.0.1:{self.port}: {count:,} messages"

    def live(self) -> None:
        """Do nothing by itself: it lives on what it is sent."""

    def _fill(self) -> None:
        self.set("key", "693a91f6-" + secrets.token_hex(12))
        self.set("secret", secrets.token_urlsafe(24))

    # What it answers

    def _robot(self, request: Request, body: bytes) -> Response:
        """Take a text or markdown within its bytes and the robot's pace."""
        code, words = self._thinks(request, body)
        return JSONResponse({"errcode": code, "errmsg": words})

    def _thinks(self, request: Request, body: bytes) -> tuple[int, str]:
        key = request.query_params.get("key", "")
        if key != self.setting("key"):
            return 93000, f"invalid webhook url, key: {key}"
        if self.errors:
            return self.errors.popleft(), "as it was told"
        told = json.loads(body)
        kind = told.get("msgtype")
        if kind not in _LIMITS or set(told) != {"msgtype", kind} or not told[kind].get("content"):
            return 40008, "invalid message type"
        if len(told[kind]["content"].encode()) > _LIMITS[kind]:
            return 40058, f"{kind}.content exceed max length {_LIMITS[kind]}"
        now = time.monotonic()
        while self._times and self._times[0] <= now - 60:
            self._times.popleft()
        if len(self._times) >= self._per_minute:
            return 45009, "api freq out of limit"
        self._times.append(now)
        self._keep("robot", None, told)
        return 0, "ok"

    def _receiver(self, request: Request, body: bytes) -> Response:
        """Take what is signed and of now; a known id is answered as before and kept once."""
        name, stamp = request.headers.get("x-gateway-id", ""), request.headers.get("x-gateway-timestamp", "")
        digest, _, signature = request.headers.get("x-gateway-signature", "").partition("=")
        if self.errors:
            return JSONResponse({"error": "as it was told"}, self.errors.popleft())
        if digest not in _DIGESTS or not stamp.isdecimal() or abs(int(stamp) - time.time()) > _FRESH or not name:
            return JSONResponse({"error": "not signed now"}, HTTPStatus.UNAUTHORIZED)
        keyed = HMAC((self.setting("secret") or "").encode(), _DIGESTS[digest]())
        keyed.update(stamp.encode() + b"." + body)
        if not hmac.compare_digest(keyed.finalize().hex(), signature):
            return JSONResponse({"error": "the signature is not ours"}, HTTPStatus.UNAUTHORIZED)
        with self.writing():
            if not self.ask("select 1 from taken where kind = 'hook' and id = ?", name):
                self._keep("hook", name, json.loads(body))
        return JSONResponse({"received": name})

    def _sms(self, request: Request, body: bytes) -> Response:
        """Take a short message with the account's password, signed with a name in brackets; 139… is not served."""
        del request
        told = json.loads(body)
        if (told.get("account"), told.get("password")) != ("gateway", self.setting("secret")):
            return JSONResponse({"result": {"code": 9, "words": "unknown account"}})
        if self.errors:
            return JSONResponse({"result": {"code": self.errors.popleft(), "words": "as it was told"}})
        if told["mobile"].startswith("139"):
            return JSONResponse({"result": {"code": 1001, "words": f"{told['mobile']} is not served"}})
        if not told["content"].startswith("【承德数据交换】"):
            return JSONResponse({"result": {"code": 1002, "words": "no signature"}})
        self._keep("sms", told["seq"], told)
        return JSONResponse({"result": {"code": 0}})

    def _keep(self, kind: str, name: str | None, body: dict[str, Any]) -> None:
        self.ask("insert into taken (kind, id, body) values (?, ?, ?)", kind, name, json.dumps(body))
