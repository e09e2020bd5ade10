"""Read a platform that is a SOAP service (source); what writes one is in `soap_target`.

Zeep makes the requests, the replies are read as they arrive.

What it sends is not typed: every value leaves as text, and the hub judges it. Nothing here promises that two reads see
the same records; a declared total, and the hub's comparison, tell when they did not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO, Literal

from connectors import soap_http, soap_pages, soap_records, untyped
from connectors.http_address import Address, address
from connectors.http_peer import Clock
from connectors.soap_http import Answer, SoapPeer
from connectors.soap_options import OPTIONS, Limits, Resource, checked, operation, resource
from connectors.soap_pages import Arguments, Page
from connectors.soap_records import Plan
from connectors.soap_reply import Reply
from connectors.soap_target import SoapTarget
from connectors.soap_wsdl import Service
from gateway.model import Dataset, Platform
from gateway.ports import Description, Mark, Probe, Shape, Turns, Window

__all__ = ["OPTIONS", "Soap", "connect", "connect_target", "returns"]
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def connect(platform: Platform, dsn: str) -> Soap:
    """Return the platform as a source; CatalogInvalid for wrong options or WSDL, SettingMissing for a useless DSN."""
    return Soap(platform, *_reached(platform, dsn))


def connect_target(platform: Platform, dsn: str) -> SoapTarget:
    """Return the platform as a target; raises what `connect` does."""
    _, service, peer = _reached(platform, dsn)
    return SoapTarget(platform, service, peer)


def returns(platform: Platform) -> bool:
    """Tell whether some data set's verdicts are asked for."""
    return any("verdicts" in declared for declared in platform.options.get("resources", {}).values())


def _reached(platform: Platform, dsn: str) -> tuple[Address, Service, SoapPeer]:
    options = checked(platform)
    where = address(platform, dsn)
    service = Service(platform, where)
    for name, declared in options["resources"].items():
        at = f"platform {platform.platform}: options.resources.{name}"
        for where_, one in ((at, declared), (f"{at}.verdicts", declared.get("verdicts", {}))):
            if "operation" in one:
                asked = operation(one, {})
                service.check(where_, asked.operation, partial(soap_pages.first, asked, Window(_ANY_TIME, _ANY_TIME)))
    return where, service, SoapPeer(platform.platform, where, Limits(**options.get("limits", {})))


class Soap:
    """Raises PlatformUnavailable, SourceChanged (retryable); AccessDenied, SchemaMismatch, CatalogInvalid (permanent)."""

    format: Literal["binary", "text"] = "text"
    typed = False

    def __init__(self, platform: Platform, where: Address, service: Service, peer: SoapPeer) -> None:
        """Keep whom to ask; connections are opened when they are needed."""
        self._platform, self._address, self._service, self._peer = platform, where, service, peer

    def __repr__(self) -> str:
        """Name the platform, never the DSN."""
        return f"Soap({self._platform.platform!r})"

    def probe(self, dataset: Dataset) -> Probe:
        """Return the clock of the platform's HTTP head, or ours when it shows none."""
        declared = resource(self._platform, dataset)
        identity = f"{self._address.origin}{self._address.path}#{declared.operation}"
        ask = partial(self._call, declared, soap_pages.smallest(declared), self._clock())
        return untyped.probed(dataset, identity, lambda: ask().headers)

    def describe(self, dataset: Dataset) -> Shape:
        """Return what the first reply shows."""
        declared = resource(self._platform, dataset)
        plan, what = Plan(declared.fields), self._what(declared)
        found, names = set[str](), dict[str, None]()

        def look(reply: Reply) -> None:
            for record in soap_pages.limited(reply.records(), declared, what):
                found.update(plan.found(record))
                names.update((child.tag.rpartition("}")[2], None) for child in record)

        came = self._call(declared, soap_pages.first(declared, Window()), self._clock(), look).reply.came
        return untyped.shape(dataset, declared.fields, declared.ignored, found if came else None, names)

    def told(self, dataset: Dataset) -> Description:  # noqa: ARG002 - one WSDL describes all
        """Return the WSDL as the platform publishes it; the vetted copy when it publishes none."""
        return soap_http.told(self._peer, self._service.described, self._service.vetted)

    def mark(self, dataset: Dataset, memo: str) -> Mark | None:
        """Return the sign of the WSDL that the platform publishes; None when it publishes none."""
        return soap_http.mark(self._peer, self._service, self._platform, dataset, memo)

    @contextmanager
    def snapshot(self, parts: int = 1) -> Iterator[SoapSnapshot]:  # noqa: ARG002 - pages come one after the other
        """Yield what reads the platform; it is one part."""
        yield SoapSnapshot(self)

    def take(self, turns: Turns) -> None:
        """Have each request wait for its turn."""
        self._peer.take(turns)

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._peer.close()

    def write(self, dataset: Dataset, window: Window, out: BinaryIO) -> int:
        """Write the records of a window within the total time of one read, and return their number."""
        declared, clock = resource(self._platform, dataset), self._clock()
        plan, what = Plan(declared.fields), self._what(declared)

        def copy(reply: Reply) -> None:
            soap_records.write(plan, reply, soap_pages.limited(reply.records(plan.lay), declared, what), out)

        def page(arguments: Arguments) -> Page:
            reply = self._call(declared, arguments, clock, copy).reply
            return Page(reply.came, reply.totals, reply.digest)

        return sum(one.came for one in soap_pages.read(declared, window, what, page))

    def _call(
        self, declared: Resource, arguments: Arguments, clock: Clock, look: Callable[[Reply], None] | None = None
    ) -> Answer:
        return self._peer.call(
            declared.operation, lambda: self._service.message(declared.operation, arguments),
            lambda chunks: Reply(chunks, declared.record, declared.total, self._what(declared)), clock, look,
        )  # fmt: skip

    def _clock(self) -> Clock:
        return Clock(self._peer.limits.seconds)

    def _what(self, declared: Resource) -> str:
        return f"{declared.operation} of platform {self._platform.platform}"


class SoapSnapshot:
    """Reads the platform as it is now."""

    parts = 1

    def __init__(self, source: Soap) -> None:
        """Keep the source."""
        self._source = source

    def copy(self, dataset: Dataset, window: Window, out: BinaryIO, part: int = 0) -> int:
        """Write a line for each record as it arrives, with what is wrong with it."""
        return self._source.write(dataset, window, out) if part == 0 else 0
