"""One REST platform over HTTP: requests within deadlines and caps, repeated where that may help.

Bytes are bounded after decompression. A request is repeated within its read's total time, and waits as the peer asks.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from connectors.rest_address import Address
from connectors.rest_auth import Auth
from connectors.rest_options import Limits
from connectors.rest_session import Watchdog, plain_session
from gateway.errors import (
    AccessDenied,
    GatewayError,
    PlatformUnavailable,
    SchemaMismatch,
    SettingMissing,
    SourceChanged,
)

_TRIES = 5  # the first and four repetitions
_CONNECT = 5.0
_LONGEST_WAIT = 60.0
_CHUNK = 65_536
_REFUSED = (401, 403)
_BUSY = 429
_sleep = time.sleep
_wait = wait_random_exponential(multiplier=0.5, max=10)


class _Again(PlatformUnavailable):
    """Raised inside one read for what a repetition may mend; `after` is the wait the peer asked for."""

    after: float | None = None


class Clock:
    """The total time of one read."""

    def __init__(self, seconds: float) -> None:
        """Start it."""
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; not positive when it is over."""
        return self._end - time.monotonic()


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its final body is empty unless it was wanted and the status is 200."""

    status: int
    headers: Mapping[str, str]
    links: Mapping[str, Any]
    body: bytes = b""


class Peer:
    """A platform to ask. `what` in its errors is the resource's path as declared, never the address that was asked."""

    def __init__(self, platform: str, address: Address, auth: Auth, limits: Limits) -> None:
        """Connect to nobody yet."""
        self._platform, self._auth, self.limits = platform, auth, limits
        self._tls: dict[str, Any] = {"verify": address.ca or True, "cert": address.cert}
        self._session, self._asking = plain_session(), threading.RLock()

    def close(self) -> None:
        """Drop the connections; may be called twice."""
        self._session.close()

    def get(self, what: str, url: str, parameters: Mapping[str, str], clock: Clock, *, body: bool = True) -> Answer:
        """Ask for a resource, repeating what may pass, until the clock is over."""
        retrying = Retrying(
            retry=retry_if_exception_type(_Again),
            stop=lambda state: stop_after_attempt(_TRIES)(state) or state.upcoming_sleep >= clock.left(),
            wait=_pause,
            sleep=_sleep,
            reraise=True,
        )
        try:
            with self._asking:
                return retrying(self._get, what, url, parameters, clock, body=body)
        except _Again as last:
            raise PlatformUnavailable(last.message, last.hint) from None

    def _get(self, what: str, url: str, parameters: Mapping[str, str], clock: Clock, *, body: bool) -> Answer:
        answer = self._signed(what, url, parameters, clock, body=body)
        if answer.status == requests.codes.unauthorized and self._auth.forget():
            answer = self._signed(what, url, parameters, clock, body=body)
        self._check(answer, what)
        return answer

    def _signed(self, what: str, url: str, parameters: Mapping[str, str], clock: Clock, *, body: bool) -> Answer:
        request = requests.Request("GET", url, params=dict(parameters)).prepare()
        self._auth.sign(request, lambda asked: self._token(asked, clock))
        return self._exchange(request, what, clock, body=body)

    def _token(self, request: requests.PreparedRequest, clock: Clock) -> bytes:
        answer = self._exchange(request, "its token", clock, body=True)
        if answer.status == requests.codes.bad_request:  # how RFC 6749 says that a client or its grant is refused
            raise self._denied("its token", answer.status)
        self._check(answer, "its token")
        return answer.body

    def _exchange(self, request: requests.PreparedRequest, what: str, clock: Clock, *, body: bool) -> Answer:
        """Send one request and receive its answer within the time of a request and of the whole read."""
        seconds = min(self.limits.page_seconds, clock.left())
        if seconds <= 0:
            raise self._late(what)
        request.headers.update({"Accept": "application/json", "Accept-Encoding": "gzip, deflate"})
        request.headers["User-Agent"] = "exchange-gateway"
        with Watchdog(seconds) as watchdog:
            try:
                answer = self._received(request, what, seconds, body=body)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                failure = self._late(what) if watchdog.late else self._failure(error, what)
                raise failure from None  # the original tells addresses and values
        if watchdog.late:  # a body without length looks whole when its socket is shut
            raise self._late(what)
        return answer

    def _received(self, request: requests.PreparedRequest, what: str, seconds: float, *, body: bool) -> Answer:
        timeout = (min(_CONNECT, seconds), seconds)
        with self._session.send(
            request, stream=True, timeout=timeout, allow_redirects=False, proxies={}, **self._tls
        ) as response:
            wanted = body and response.status_code == requests.codes.ok
            return Answer(
                response.status_code, response.headers, response.links, self._body(response, what) if wanted else b""
            )

    def _body(self, response: requests.Response, what: str) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > self.limits.page_mb * 1_048_576:
                raise SchemaMismatch(
                    f"platform {self._platform} answers GET {what} with more than {self.limits.page_mb:g} MB a page",
                    "Ask for smaller pages, or raise options.limits.page_mb.",
                )
        return bytes(body)

    def _check(self, answer: Answer, what: str) -> None:
        """Raise what a status other than 200 means."""
        status, said = answer.status, f"platform {self._platform} answers {what} with HTTP {answer.status}"
        if status == requests.codes.ok:
            return
        if status == _BUSY or status >= requests.codes.internal_server_error:
            busy = _Again(said, f"Check that platform {self._platform} is up; the run is repeated.")
            busy.after = _retry_after(answer.headers.get("Retry-After"))
            raise busy
        if status in _REFUSED:
            raise self._denied(what, status)
        if requests.codes.multiple_choices <= status < requests.codes.bad_request:
            raise AccessDenied(
                f"{said}; redirects are refused", "Write the final address into the connection or the resource's path."
            )
        raise SchemaMismatch(said, "Compare path and parameters of the resource with the platform's manual.")

    def _denied(self, what: str, status: int) -> AccessDenied:
        hint = f"Check the credentials of platform {self._platform}, or ask its owner for the right to read."
        return AccessDenied(f"platform {self._platform} answers {what} with HTTP {status}", hint)

    def _late(self, what: str) -> _Again:
        hint = "The run is repeated; raise options.limits when the platform is slow but sound."
        return _Again(f"platform {self._platform} did not finish {what} in time", hint)

    def _failure(self, error: Exception, what: str) -> GatewayError:
        if _certificate(error):
            return AccessDenied(
                f"platform {self._platform}: the TLS certificates of {what} are not accepted",
                "Check host name, ca, cert and key of the connection, and that no certificate has expired.",
            )
        if isinstance(error, requests.exceptions.ContentDecodingError):
            return SourceChanged(f"platform {self._platform} sent {what} damaged", "The run is repeated.")
        if isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError):
            hint = f"Check that platform {self._platform} is up; the run is repeated."
            return _Again(f"platform {self._platform} does not answer {what}, or broke off", hint)
        return SettingMissing(f"platform {self._platform} cannot be asked for {what}", "Check its connection.")


def _certificate(error: BaseException) -> bool:
    """Tell whether a certificate, theirs or ours, is why; libraries keep the cause in args or context."""
    queue, seen = [error], set[int]()
    while queue:
        current = queue.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, ssl.SSLError) and any(word in (current.reason or "") for word in ("CERT", "UNKNOWN_CA")):
            return True
        inner = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        queue += [one for one in inner if isinstance(one, BaseException)]
    return False


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After of either form asks for, at most a minute."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(value)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max((at - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_WAIT)
    except (ValueError, OverflowError):
        return None


def _pause(state: RetryCallState) -> float:
    raised = state.outcome.exception() if state.outcome else None
    after = raised.after if isinstance(raised, _Again) else None
    return _wait(state) if after is None else after
