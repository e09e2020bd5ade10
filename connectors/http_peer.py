"""One platform over HTTP: requests within deadlines and caps, repeated where that may help.

Bytes are bounded after decompression. A request is repeated within its read's total time, and waits as the peer asks; a peer
that asks for longer than a page waits is left alone.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, ClassVar, TypeVar

import requests
import urllib3
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from connectors.http_address import Address
from gateway.errors import (
    AccessDenied,
    GatewayError,
    PlatformResting,
    PlatformUnavailable,
    SchemaMismatch,
    SettingMissing,
    SourceChanged,
)
from gateway.http_session import Watchdog, plain_session
from gateway.ports import Turns

T = TypeVar("T")
Receive = Callable[[requests.Response, Iterator[bytes]], T]
_TRIES = 5  # the first and four repetitions
_CONNECT = 5.0
MARK_SECONDS = 10.0  # a sign that takes longer is not worth a run's wait
_LONGEST_WAIT = 60.0
_LONGEST_REST = 86_400.0
_CHUNK = 65_536
_REFUSED = (401, 403)
_BUSY = 429
_sleep = time.sleep
_wait = wait_random_exponential(multiplier=0.5, max=10)


class Again(PlatformUnavailable):
    """Raised inside one read for what a repetition may mend; `after` is the wait the peer asked for."""

    after: float | None = None


class Clock:
    """The total time of one read."""

    def __init__(self, seconds: float) -> None:
        """Start it."""
        self._end = time.monotonic() + seconds

    def lengthen(self, seconds: float) -> None:
        """Leave out time that the platform is not to blame for."""
        self._end += seconds

    def left(self) -> float:
        """Return the seconds that are left; not positive when it is over."""
        return self._end - time.monotonic()


class Peer:
    """A platform to ask. `what` in its errors is a name that is declared, never the address that was asked.

    A protocol's own peer says what one answer is called, as in options.limits, and what may be declared wrongly.
    """

    unit: ClassVar[str]
    declared: ClassVar[str]

    def __init__(self, platform: str, address: Address, seconds: float, megabytes: float) -> None:
        """Keep the limits of one answer; connect to nobody yet."""
        self.platform, self._seconds, self._megabytes = platform, seconds, megabytes
        self._tls: dict[str, Any] = {"verify": address.ca or True, "cert": address.cert}
        self._session, self._asking = plain_session(), threading.RLock()
        self._turns: Turns | None = None

    def take(self, turns: Turns) -> None:
        """Take a turn before each request from now on."""
        self._turns = turns

    def close(self) -> None:
        """Drop the connections; may be called twice."""
        self._session.close()
        if self._turns is not None:
            self._turns.close()

    def repeated(self, call: Callable[[], T], clock: Clock) -> T:
        """Return what a call returns, repeating it while it raises Again and the clock is not over."""
        retrying = Retrying(
            retry=retry_if_exception_type(Again),
            stop=lambda state: stop_after_attempt(_TRIES)(state) or _too_long(state.upcoming_sleep, clock),
            wait=_pause,
            sleep=_sleep,
            reraise=True,
        )
        try:
            with self._asking:
                return retrying(call)
        except Again as last:
            if last.after and clock.left() > 0 and _too_long(last.after, clock):
                hint = "Its routes wait until that is over, and go on by themselves."
                raise PlatformResting(f"{last.message} and asks for {last.after:.0f} s", hint, last.after) from None
            raise PlatformUnavailable(last.message, last.hint) from None

    def exchange(self, request: requests.PreparedRequest, what: str, clock: Clock, receive: Receive[T]) -> T:
        """Send one request; return what `receive` makes of its answer within the time of a request and of the read.

        The wait for its turn is not counted.
        """
        if self._turns is not None:
            clock.lengthen(self._turns.turn())
        seconds = min(self._seconds, clock.left())
        if seconds <= 0:
            raise self.late(what)
        request.headers.update({"Accept-Encoding": "gzip, deflate", "User-Agent": "exchange-gateway"})
        with Watchdog(seconds) as watchdog, self._sent(request, what, seconds, watchdog) as response:
            return receive(response, self._chunks(response, what, watchdog))

    def marked(self, request: requests.PreparedRequest, what: str, memo: str, clock: Clock) -> str:
        """Return the hash of an answer's body and its ETag; with that of the answer before, an unchanged one has no body.

        It is asked for once: what cannot be told now is told by the next look.
        """
        etag = memo.partition(" ")[2]
        if etag:
            request.headers["If-None-Match"] = etag

        def receive(response: requests.Response, chunks: Iterator[bytes]) -> str:
            if etag and response.status_code == requests.codes.not_modified:
                return memo
            if response.status_code != requests.codes.ok:
                raise self.refusal(response, what)
            digest = sha256()
            for chunk in chunks:
                digest.update(chunk)
            return f"{digest.hexdigest()} {response.headers.get('ETag', '')}"

        return self.exchange(request, what, clock, receive)

    def refusal(self, response: requests.Response, what: str) -> GatewayError:
        """Return what a status other than 200 means."""
        status, said = response.status_code, f"platform {self.platform} answers {what} with HTTP {response.status_code}"
        if status == _BUSY or status >= requests.codes.internal_server_error:
            return self.busy(said, response.headers)
        if status in _REFUSED:
            return self.denied(what, f"HTTP {status}")
        if requests.codes.multiple_choices <= status < requests.codes.bad_request:
            return AccessDenied(
                f"{said}; redirects are refused", "Write the final address into the connection or the resource's path."
            )
        return SchemaMismatch(said, f"Compare {self.declared} of the resource with the platform's manual.")

    def busy(self, said: str, headers: Mapping[str, str]) -> Again:
        """Return the error of a platform that may answer in a while, at the earliest when it says."""
        busy = Again(said, f"Check that platform {self.platform} is up; the run is repeated.")
        busy.after = _retry_after(headers.get("Retry-After"))
        return busy

    def denied(self, what: str, words: str) -> AccessDenied:
        """Return the error of a platform that refuses who asks."""
        hint = f"Check the credentials of platform {self.platform}, or ask its owner for the right to read."
        return AccessDenied(f"platform {self.platform} answers {what} with {words}", hint)

    def late(self, what: str) -> Again:
        """Return the error of an answer that is not there in time."""
        hint = "The run is repeated; raise options.limits when the platform is slow but sound."
        return Again(f"platform {self.platform} did not finish {what} in time", hint)

    def _sent(
        self, request: requests.PreparedRequest, what: str, seconds: float, watchdog: Watchdog
    ) -> requests.Response:
        timeout = (min(_CONNECT, seconds), seconds)
        with self._worded(what, watchdog):
            response = self._session.send(
                request, stream=True, timeout=timeout, allow_redirects=False, proxies={}, **self._tls
            )
        if watchdog.late:  # a head looks whole when its socket is shut
            response.close()
            raise self.late(what)
        return response

    def _chunks(self, response: requests.Response, what: str, watchdog: Watchdog) -> Iterator[bytes]:
        """Yield the body; what its reader does meanwhile is none of the errors worded here."""
        came = 0
        with self._worded(what, watchdog):
            for chunk in response.iter_content(_CHUNK):
                came += len(chunk)
                if came > self._megabytes * 1_048_576:
                    raise self._too_much(what)
                yield chunk
        if watchdog.late:  # a body without length looks whole when its socket is shut
            raise self.late(what)

    @contextmanager
    def _worded(self, what: str, watchdog: Watchdog) -> Iterator[None]:
        try:
            yield
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failure = self.late(what) if watchdog.late else self._failure(error, what)
            raise failure from None  # the original tells addresses and values

    def _too_much(self, what: str) -> SchemaMismatch:
        return SchemaMismatch(
            f"platform {self.platform} answers {what} with more than {self._megabytes:g} MB a {self.unit}",
            f"Ask for smaller pages, or raise options.limits.{self.unit}_mb.",
        )

    def _failure(self, error: Exception, what: str) -> GatewayError:
        if _certificate(error):
            return AccessDenied(
                f"platform {self.platform}: the TLS certificates of {what} are not accepted",
                "Check host name, ca, cert and key of the connection, and that no certificate has expired.",
            )
        if isinstance(error, requests.exceptions.ContentDecodingError):
            return SourceChanged(f"platform {self.platform} sent {what} damaged", "The run is repeated.")
        if isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError):
            hint = f"Check that platform {self.platform} is up; the run is repeated."
            return Again(f"platform {self.platform} does not answer {what}, or broke off", hint)
        return SettingMissing(f"platform {self.platform} cannot be asked for {what}", "Check its connection.")


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """Return the peer's clock as the header Date shows it."""
    return _moment(headers.get("Date", ""))


def _moment(value: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


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
    """Return the seconds that a Retry-After of either form asks for, at most a day."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), _LONGEST_REST)
    at = _moment(value)
    return None if at is None else min(max((at - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_REST)


def _too_long(seconds: float, clock: Clock) -> bool:
    return seconds > _LONGEST_WAIT or seconds >= clock.left()


def _pause(state: RetryCallState) -> float:
    raised = state.outcome.exception() if state.outcome else None
    after = raised.after if isinstance(raised, Again) else None
    return _wait(state) if after is None else after
