"""Calls of a SOAP platform: requests with credentials of their own, replies read as they arrive, faults as errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

import requests

from connectors.http_address import Address
from connectors.http_peer import MARK_SECONDS, Again, Clock, Peer
from connectors.soap_options import Limits, passed
from connectors.soap_reply import Fault, Reply
from connectors.soap_wsdl import Message, Service
from gateway.errors import AccessDenied, GatewayError, SchemaMismatch, SourceChanged
from gateway.model import Dataset, Platform
from gateway.ports import Description, Mark

T = TypeVar("T")
_NO_FAULT = frozenset({401, 403, 429})  # these say it all
_CALLERS = frozenset({"client", "sender", "versionmismatch", "mustunderstand", "dataencodingunknown"})
_WSSE = frozenset({
    "failedauthentication", "failedcheck", "invalidsecurity", "invalidsecuritytoken", "securitytokenunavailable",
    "unsupportedsecuritytoken", "messageexpired",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer and its reply, unread when nobody looked."""

    headers: Mapping[str, str]
    reply: Reply


class SoapPeer(Peer):
    """A SOAP platform to ask."""

    unit, declared = "reply", "operation and arguments"

    def __init__(self, platform: str, address: Address, limits: Limits) -> None:
        """Connect to nobody yet."""
        super().__init__(platform, address, limits.reply_seconds, limits.reply_mb)
        self.limits = limits

    def call(
        self, what: str, message: Callable[[], Message], reply: Callable[[Iterator[bytes]], Reply], clock: Clock,
        look: Callable[[Reply], None] | None,
    ) -> Answer:  # fmt: skip
        """Return an answer whose reply `look` has read; a call that may pass is repeated until the clock is over."""

        def receive(response: requests.Response, chunks: Iterator[bytes]) -> Answer:
            if response.status_code != requests.codes.ok:
                raise self._unwell(response, chunks, what)
            found = reply(chunks)
            try:
                if look:
                    look(found)
            except (Fault, Again) as broken:
                raise self._broken(broken, found, response, what) from None
            return Answer(response.headers, found)

        return self.repeated(lambda: self.exchange(_prepared(message()), what, clock, receive), clock)

    def fetch(self, what: str, url: str, headers: Mapping[str, str], clock: Clock) -> bytes:
        """Return a whole document that the platform publishes."""

        def receive(response: requests.Response, chunks: Iterator[bytes]) -> bytes:
            if response.status_code != requests.codes.ok:
                raise self.refusal(response, what)
            return b"".join(chunks)

        def once() -> bytes:
            return self.exchange(requests.Request("GET", url, headers=dict(headers)).prepare(), what, clock, receive)

        return self.repeated(once, clock)

    def send(
        self, what: str, message: Callable[[], Message], clock: Clock,
        receive: Callable[[Any, Mapping[str, str]], T], refused: Callable[[tuple[str, ...]], T | None],
    ) -> T:  # fmt: skip
        """Send what is to be written; return what `receive` makes of the body's one element, or `refused` of a fault's codes.

        It is sent again, with credentials of its own, when it may not have arrived or its answer was lost: it must bear what
        makes that harmless.
        """

        def answered(response: requests.Response, chunks: Iterator[bytes]) -> T:
            reply = Reply(chunks, None, None, what)
            try:
                if response.status_code == requests.codes.ok:
                    _drained(reply)
                elif fault := self._fault(response, chunks, what):
                    raise fault
                else:
                    raise self.refusal(response, what)
            except Fault as fault:
                told = refused(fault.codes)
                if told is None:
                    raise self._meaning(fault, response, what) from None
                return told
            return receive(reply.body[0], response.headers)

        return self.repeated(lambda: self.exchange(_prepared(message()), what, clock, answered), clock)

    def _broken(self, broken: Fault | Again, reply: Reply, response: requests.Response, what: str) -> GatewayError:
        """Return the error of a reply that ended wrongly; one whose records are on their way is not asked for again."""
        error = self._meaning(broken, response, what) if isinstance(broken, Fault) else broken
        return SourceChanged(error.message, error.hint) if reply.kept and isinstance(error, Again) else error

    def _unwell(self, response: requests.Response, chunks: Iterator[bytes], what: str) -> GatewayError:
        """Return what a status other than 200 means: the fault in its body, if there is one."""
        fault = self._fault(response, chunks, what)
        return self._meaning(fault, response, what) if fault else self.refusal(response, what)

    def _fault(self, response: requests.Response, chunks: Iterator[bytes], what: str) -> Fault | None:
        """Return the fault that an answer with an error's status bears; none when the status alone counts."""
        status, kind = response.status_code, response.headers.get("Content-Type", "")
        if status >= requests.codes.bad_request and status not in _NO_FAULT and "xml" in kind:
            try:
                _drained(Reply(chunks, None, None, what))
            except Fault as fault:
                return fault
            except (SchemaMismatch, SourceChanged):  # no envelope
                pass
        return None

    def _meaning(self, fault: Fault, response: requests.Response, what: str) -> GatewayError:
        """Return the error of a fault, in none of its own words."""
        codes = [code.lower() for code in fault.codes]
        said = f"platform {self.platform} answers {what} with a SOAP fault"
        if any(code in _WSSE for code in codes) or (codes[:1] and codes[0] in _CALLERS and _of_access(codes)):
            return self.denied(what, "a SOAP fault that refuses who asks")
        if codes[:1] and codes[0] in _CALLERS:
            hint = f"Compare {self.declared} of the resource with the platform's manual."
            return SchemaMismatch(f"{said} that blames the request", hint)
        return self.busy(f"{said} of its own", response.headers)


def _prepared(message: Message) -> requests.PreparedRequest:
    return requests.Request("POST", message.url, headers=dict(message.headers), data=message.body).prepare()


def _drained(reply: Reply) -> None:
    for _ in reply.records():
        pass


def _of_access(codes: list[str]) -> bool:
    return any(word in code for code in codes for word in ("authenti", "authoriz", "accessdenied"))


def told(peer: SoapPeer, described: tuple[str, Mapping[str, str]], vetted: bytes) -> Description:
    """Return the WSDL that a platform publishes; the copy that was vetted when it publishes none."""
    source = "platform"
    try:
        body = peer.fetch("its WSDL", *described, Clock(peer.limits.seconds))
    except (SchemaMismatch, AccessDenied):
        body, source = vetted, "catalog"
    return Description("wsdl", {"document": body.decode("utf-8", "replace")}, {"source": source})


def mark(peer: SoapPeer, service: Service, platform: Platform, dataset: Dataset, memo: str) -> Mark | None:
    """Return the sign of the WSDL that a platform publishes; None when it publishes none."""
    url, headers = service.described
    request = requests.Request("GET", url, headers=dict(headers)).prepare()
    try:
        found = peer.marked(request, "its WSDL", memo, Clock(min(peer.limits.seconds, MARK_SECONDS)))
    except (SchemaMismatch, AccessDenied):
        return None
    operations, within, names = passed(platform, dataset)
    at = frozenset(f"{service.port}/{one}" for one in operations)
    return Mark(
        found.partition(" ")[0], found, at=at, within=within, names=names, mapped=sha256(service.vetted).hexdigest()
    )
