"""Pages of a REST platform: signed requests, a token where one is needed, whole bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import requests

from connectors.http_address import Address
from connectors.http_peer import MARK_SECONDS, Clock, Peer, Receive
from connectors.rest_auth import Auth
from connectors.rest_options import Limits, passed
from gateway.errors import SchemaMismatch
from gateway.model import Dataset, Platform
from gateway.ports import Description, Mark

T = TypeVar("T")
_TOKEN = "its token"  # noqa: S105 - what errors call it


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request; its body is empty unless it was wanted."""

    headers: Mapping[str, str]
    links: Mapping[str, Any]
    body: bytes = b""


_DOCUMENT = "its description"


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

    def described(self, platform: Platform, address: Address, clock: Clock) -> Description | None:
        """Return the OpenAPI document that the platform declares to publish; None when it declares none."""
        path = platform.options.get("describe")
        if path is None:
            return None
        body = self.get(_DOCUMENT, f"{address.origin}{address.base}{path}", {}, clock).body
        return Description("openapi", {"document": body}, {"path": path})

    def described_mark(self, platform: Platform, address: Address, dataset: Dataset, memo: str) -> Mark | None:
        """Return the mark of the OpenAPI document; None when the platform declares none."""
        path = platform.options.get("describe")
        if path is None:
            return None
        at, within, names = passed(platform, address, dataset)
        found = self.mark(_DOCUMENT, [f"{address.origin}{address.base}{path}"], {}, memo)
        return replace(found, at=at, within=within, names=names)

    def mark(self, what: str, addresses: Sequence[str], parameters: Mapping[str, str], memo: str) -> Mark:
        """Return the mark of documents that the platform publishes; one that it does not have is marked as that."""
        clock, found = Clock(min(self.limits.seconds, MARK_SECONDS)), list[str]()
        known = memo.split("\n") if memo else [""] * len(addresses)
        for url, before in zip(addresses, known, strict=True):
            request = requests.Request("GET", url, {"Accept": self.accept}, params=dict(parameters)).prepare()
            try:
                found.append(self.marked(self._signed(request, clock), what, before, clock))
            except SchemaMismatch:
                if url == addresses[0]:
                    raise
                found.append("")
        return Mark(" ".join(one.partition(" ")[0] for one in found), "\n".join(found))

    def ask(self, what: str, url: str, parameters: Mapping[str, str], clock: Clock, receive: Receive[T]) -> T:
        """Return what `receive` makes of an answer; a token that is refused once is fetched anew."""

        def asked() -> requests.PreparedRequest:
            return requests.Request("GET", url, {"Accept": self.accept}, params=dict(parameters)).prepare()

        return self._exchanged(asked, what, clock, receive)

    def send(
        self, what: str, method: str, url: str, body: bytes, headers: Mapping[str, str], clock: Clock,
        receive: Receive[T],
    ) -> T:  # fmt: skip
        """Send a body and return what `receive` makes of the answer, until the clock is over.

        It is sent again when it may not have arrived, or its answer was lost: it must bear what makes that harmless.
        """
        said = {"Accept": "application/json", "Content-Type": "application/json; charset=utf-8", **headers}
        return self._exchanged(lambda: requests.Request(method, url, said, data=body).prepare(), what, clock, receive)

    def _exchanged(
        self, asked: Callable[[], requests.PreparedRequest], what: str, clock: Clock, receive: Receive[T]
    ) -> T:
        def first(response: requests.Response, chunks: Iterator[bytes]) -> list[T]:
            refused = response.status_code == requests.codes.unauthorized and self._auth.forget()
            return [] if refused else [receive(response, chunks)]

        def once() -> T:
            for answer in self.exchange(self._signed(asked(), clock), what, clock, first):
                return answer
            return self.exchange(self._signed(asked(), clock), what, clock, receive)

        return self.repeated(once, clock)

    def _signed(self, request: requests.PreparedRequest, clock: Clock) -> requests.PreparedRequest:
        self._auth.sign(request, lambda wanted: self._token(wanted, clock))
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
