"""How a REST platform is told who asks: five kinds of authentication, each putting headers on a prepared request."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote_plus, urlencode

from requests import PreparedRequest, Request

from connectors import strict_json
from connectors.http_address import Address, basic
from gateway.errors import AccessDenied
from gateway.security.signing import HEADERS, Signer

Post = Callable[[PreparedRequest], bytes]
_LIFE = 300.0  # of a token whose answer does not tell its life
_EARLY = 10.0  # a token that ends while its request travels is of no use


class Auth(Protocol):
    """Puts credentials on a request."""

    def sign(self, request: PreparedRequest, post: Post) -> None:
        """Add the headers; `post` sends a request of its own when that is needed."""

    def forget(self) -> bool:
        """Drop what was refused; tell whether a second try may go better."""


class Headers:
    """The same headers on every request: none, basic and api_key."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """Keep the headers."""
        self._headers = dict(headers)

    def sign(self, request: PreparedRequest, post: Post) -> None:  # noqa: ARG002 - the protocol's
        """Add the headers."""
        request.headers.update(self._headers)

    def forget(self) -> bool:
        """Tell that nothing else can be tried."""
        return False


class Signature:
    """A keyed digest of method, path, sorted query, body digest, time and nonce (HMAC-SHA256 or HMAC-SM3)."""

    def __init__(self, signer: Signer) -> None:
        """Keep the key."""
        self._signer = signer

    def sign(self, request: PreparedRequest, post: Post) -> None:  # noqa: ARG002 - the protocol's
        """Add key, timestamp, nonce and signature."""
        stamp, nonce = str(int(time.time())), secrets.token_hex(16)
        path, _, query = request.path_url.partition("?")
        body = request.body or b""
        signed = self._signer.signature(
            str(request.method), path, query, body.encode() if isinstance(body, str) else body, stamp, nonce
        )
        request.headers.update(zip(HEADERS, (self._signer.user, stamp, nonce, signed), strict=True))

    def forget(self) -> bool:
        """Tell that nothing else can be tried."""
        return False


class Token:
    """OAuth 2 client credentials: a bearer token, fetched when there is none or its life is over."""

    def __init__(self, url: str, basic: str, scope: str | None, platform: str) -> None:
        """Keep where the token comes from."""
        self._url, self._basic, self._platform = url, basic, platform
        self._form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
        self._token, self._until = "", 0.0

    def sign(self, request: PreparedRequest, post: Post) -> None:
        """Add the token."""
        if time.monotonic() >= self._until:
            self._fetch(post)
        request.headers["Authorization"] = f"Bearer {self._token}"

    def forget(self) -> bool:
        """Drop the token; another one may be accepted."""
        self._until = 0.0
        return True

    def _fetch(self, post: Post) -> None:
        headers = {"Authorization": self._basic, "Content-Type": "application/x-www-form-urlencoded"}
        asked = Request("POST", self._url, headers=headers, data=urlencode(self._form)).prepare()
        at = time.monotonic()
        try:
            answer = strict_json.loads(post(asked))
        except (ValueError, RecursionError):
            answer = None
        self._token, life = self._checked(answer)
        self._until = at + max(life - _EARLY, life / 2)

    def _checked(self, answer: Any) -> tuple[str, float]:
        told = answer if isinstance(answer, dict) else {}
        token, life = told.get("access_token"), told.get("expires_in", _LIFE)
        usable = isinstance(token, str) and token and token.isascii() and token.isprintable() and " " not in token
        if not usable or str(told.get("token_type", "bearer")).lower() != "bearer":
            raise AccessDenied(
                f"platform {self._platform} answers the request for a token without a bearer token",
                "Ask the platform's owner about its token address and the client's grant.",
            )
        try:
            seconds = min(float(life), 86_400.0)
        except (TypeError, ValueError, OverflowError):
            seconds = _LIFE
        return str(token), seconds if seconds > 0 else _LIFE


def auth(options: Mapping[str, Any], address: Address, platform: str) -> Auth:
    """Return the authentication that the options name, with the DSN's credentials."""
    kind = options["kind"]
    if kind == "basic":
        return Headers({"Authorization": basic(address.user, address.secret)})
    if kind == "api_key":
        return Headers({options.get("header", "X-Api-Key"): address.secret})
    if kind == "hmac":
        return Signature(Signer(address.user, address.secret, options.get("digest", "sha256")))
    if kind == "oauth2":
        # RFC 6749, 2.3.1: both parts are form-encoded first
        encoded = basic(quote_plus(address.user), quote_plus(address.secret))
        return Token(f"{address.origin}{address.base}{options['token_path']}", encoded, options.get("scope"), platform)
    return Headers({})
