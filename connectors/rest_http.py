"""Pages of a REST platform: signed requests, a token where one is needed, whole bodies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import requests

from connectors.http_address import Address
from connectors.http_peer import Clock, Peer, Receive
from connectors.rest_auth import Auth
from connectors.rest_options import Limits

T = TypeVar("T")
_TOKEN = "its token"  # noqa: S105 - what errors call it


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request; its body is empty unless it was wanted."""

    headers: Mapping[str, str]
    links: Mapping[str, Any]
    body: bytes = b""


class RestPeer(Peer):
    """A REST platform to ask."""

    unit, declared = "page", "path and parameters"
    accept: ClassVar[str] = "application/json"

    def __init__(self, platform: str, address: Address, auth: Auth, limits: Limits) -> None:
        """Connect to nobody yet."""
        super().__init__(platform, address, limits.page_seconds, limits.page_mb)
        self._auth, self.limits = auth, limits

    def get(self, what: str, url: str, parameters: Mapping[str, str], clock: Clock, *, body: bool = True) -> Answer:
        """Ask for a resource, repeating what may pass, until the clock is over."""

        def answer(response: requests.Response, chunks: Iterator[bytes]) -> Answer:
            return self._answer(response, chunks, what, body=body)

        return self.ask(what, url, parameters, clock, answer)

    def ask(self, what: str, url: str, parameters: Mapping[str, str], clock: Clock, receive: Receive[T]) -> T:
        """Return what `receive` makes of an answer; a token that is refused once is fetched anew."""

        def first(response: requests.Response, chunks: Iterator[bytes]) -> list[T]:
            refused = response.status_code == requests.codes.unauthorized and self._auth.forget()
            return [] if refused else [receive(response, chunks)]

        def once() -> T:
            for answer in self.exchange(self._signed(url, parameters, clock), what, clock, first):
                return answer
            return self.exchange(self._signed(url, parameters, clock), what, clock, receive)

        return self.repeated(once, clock)

    def _signed(self, url: str, parameters: Mapping[str, str], clock: Clock) -> requests.PreparedRequest:
        request = requests.Request("GET", url, {"Accept": self.accept}, params=dict(parameters)).prepare()
        self._auth.sign(request, lambda asked: self._token(asked, clock))
        return request

    def _token(self, request: requests.PreparedRequest, clock: Clock) -> bytes:
        def token(response: requests.Response, chunks: Iterator[bytes]) -> bytes:
            if response.status_code == requests.codes.bad_request:  # how RFC 6749 says that a client is refused
                raise self.denied(_TOKEN, f"HTTP {response.status_code}")
            return self._answer(response, chunks, _TOKEN, body=True).body

        request.headers["Accept"] = "application/json"
        return self.exchange(request, _TOKEN, clock, token)

    def _answer(self, response: requests.Response, chunks: Iterator[bytes], what: str, *, body: bool) -> Answer:
        if response.status_code != requests.codes.ok:
            raise self.refusal(response, what)
        return Answer(response.headers, response.links, b"".join(chunks) if body else b"")
