"""Who may ask a stand-in whose interface is signed: HMAC over the whole request, made now, for the first time."""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from starlette.requests import Request

from sandbox.house import House, Refused

Digest = Literal["sha256", "sm3"]
_FRESH = 300
_ALGORITHMS: dict[Digest, type[hashes.HashAlgorithm]] = {"sha256": hashes.SHA256, "sm3": hashes.SM3}


class Signatures:
    """Admits what bears the signature of the house's client: over method, path, sorted query, body, time and nonce."""

    def __init__(self, house: House, digest: Digest, refusal: Callable[[HTTPStatus, str], Refused]) -> None:
        """Take whose settings hold client and secret, and how a refusal looks there."""
        self._house, self._algorithm, self._refusal = house, _ALGORITHMS[digest], refusal
        self._nonces: dict[str, float] = {}

    def admit(self, request: Request, body: bytes) -> None:
        """Refuse (401) a request that is not the client's, not of now, or not for the first time."""
        names = ("key", "timestamp", "nonce", "signature")
        client, stamp, nonce, signature = (request.headers.get(f"x-gateway-{name}", "") for name in names)
        path = request.scope["raw_path"].decode("ascii", "replace")
        query = "&".join(sorted(request.scope["query_string"].decode("ascii", "replace").split("&")))
        wanted = self._signed("\n".join([request.method, path, query, self._hash(body), stamp, nonce]))
        own = self._house.setting("client") or ""
        if not (_same(client, own) and _same(signature, wanted)):
            raise self._refusal(HTTPStatus.UNAUTHORIZED, "the signature is not ours")
        if not stamp.isdecimal() or abs(int(stamp) - time.time()) > _FRESH:
            raise self._refusal(HTTPStatus.UNAUTHORIZED, "the timestamp is more than five minutes off")
        self._use(nonce)

    def _use(self, nonce: str) -> None:
        """Remember a nonce for as long as its moment could be taken for fresh."""
        now = time.monotonic()
        self._nonces = {n: until for n, until in list(self._nonces.items()) if until > now}
        if len(nonce) < 16 or self._nonces.setdefault(nonce, now + 2 * _FRESH) != now + 2 * _FRESH:
            raise self._refusal(HTTPStatus.UNAUTHORIZED, "no nonce, or one that was used before")

    def _hash(self, body: bytes) -> str:
        digest = hashes.Hash(self._algorithm())
        digest.update(body)
        return digest.finalize().hex()

    def _signed(self, text: str) -> str:
        keyed = HMAC((self._house.setting("secret") or "").encode(), self._algorithm())
        keyed.update(text.encode())
        return keyed.finalize().hex()


class Pace:
    """Tells who asks too often; `per_second` may be changed at any time."""

    def __init__(self, per_second: int) -> None:
        """Take how many requests a second are let pass."""
        self.per_second = per_second
        self._asked: deque[float] = deque()

    def wait(self) -> int:
        """Count a request; return the seconds after which to come back, 0 when it may pass."""
        now = time.monotonic()
        while self._asked and self._asked[0] <= now - 1:
            self._asked.popleft()
        if len(self._asked) >= self.per_second:
            return max(1, math.ceil(self._asked[0] + 1 - now))
        self._asked.append(now)
        return 0


def new_client(house: House) -> None:
    """Give a new house a client of its own."""
    house.set("client", f"gateway-{secrets.token_hex(4)}")
    house.set("secret", secrets.token_urlsafe(24))


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
