"""Read a platform that is a REST interface with JSON pages (source); what writes one is in `rest_target`.

What it sends is not typed: every value leaves as text, and the hub judges it. Nothing here promises that two reads see
the same records; a declared total, and the hub's comparison, tell when they did not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Literal

from connectors import rest_lines, rest_pages, untyped
from connectors.http_address import Address, address
from connectors.http_peer import Clock
from connectors.rest_auth import auth
from connectors.rest_callback import callback_signers, callback_verdicts
from connectors.rest_http import Answer, RestPeer
from connectors.rest_options import OPTIONS, Limits, Resource, checked, resource
from connectors.rest_pages import Ask, Page
from connectors.rest_target import RestTarget
from gateway.model import Dataset, Platform
from gateway.ports import Description, Mark, Probe, Shape, Turns, Window

__all__ = ["OPTIONS", "Rest", "callback_signers", "callback_verdicts", "connect", "connect_target", "returns"]


def connect(platform: Platform, dsn: str) -> Rest:
    """Return the platform as a source; CatalogInvalid for wrong options, SettingMissing for a DSN of no use."""
    return Rest(platform, *_reached(platform, dsn))


def connect_target(platform: Platform, dsn: str) -> RestTarget:
    """Return the platform as a target; raises what `connect` does."""
    return RestTarget(platform, *_reached(platform, dsn))


def returns(platform: Platform) -> bool:
    """Tell whether some data set's verdicts are asked for."""
    return any("verdicts" in declared for declared in platform.options.get("resources", {}).values())


def _reached(platform: Platform, dsn: str) -> tuple[Address, RestPeer]:
    options = checked(platform)
    where = address(platform, dsn)
    signing = auth(options.get("auth", {"kind": "none"}), where, platform.platform)
    return where, RestPeer(platform.platform, where, signing, Limits(**options.get("limits", {})))


class Rest:
    """Raises PlatformUnavailable, SourceChanged (retryable); AccessDenied, SchemaMismatch, CatalogInvalid (permanent)."""

    format: Literal["binary", "text"] = "text"
    typed = False

    def __init__(self, platform: Platform, where: Address, peer: RestPeer) -> None:
        """Keep where to ask; connections are opened when they are needed."""
        self._platform, self._address, self._peer = platform, where, peer

    def __repr__(self) -> str:
        """Name the platform, never the DSN."""
        return f"Rest({self._platform.platform!r})"

    def probe(self, dataset: Dataset) -> Probe:
        """Return the clock of the platform's HTTP head, or ours when it shows none."""
        declared = resource(self._platform, dataset)
        ask, clock = rest_pages.smallest(declared, self._address), Clock(self._peer.limits.seconds)
        return untyped.probed(dataset, ask.url, lambda: self._get(declared, ask, clock, body=False).headers)

    def describe(self, dataset: Dataset) -> Shape:
        """Return what the first page shows."""
        declared = resource(self._platform, dataset)
        ask = rest_pages.first(declared, self._address, Window())
        answer = self._get(declared, ask, Clock(self._peer.limits.seconds))
        page = rest_pages.parsed(answer, declared, self._what(declared))
        records = [record for record in page.records if isinstance(record, dict)]
        found = {name for name, path in declared.fields.items() if _anywhere(records, path)} if records else None
        names = (key for record in records for key in record)
        return untyped.shape(dataset, declared.fields, declared.ignored, found, names)

    def told(self, dataset: Dataset) -> Description:
        """Return the document that describes the interface; where there is none, records of the first page."""
        clock = Clock(self._peer.limits.seconds)
        document = self._peer.described(self._platform, self._address, clock)
        if document is not None:
            return document
        declared = resource(self._platform, dataset)
        answer = self._get(declared, rest_pages.first(declared, self._address, Window()), clock)
        records = rest_pages.parsed(answer, declared, self._what(declared)).records
        return Description("records", {"records": [r for r in records if isinstance(r, dict)]}, key=dataset.name)

    def mark(self, dataset: Dataset, memo: str) -> Mark | None:
        """Return the sign of the document that describes the interface; None when the platform declares none."""
        return self._peer.described_mark(self._platform, self._address, dataset, memo)

    @contextmanager
    def snapshot(self, parts: int = 1) -> Iterator[RestSnapshot]:  # noqa: ARG002 - pages come one after the other
        """Yield what reads the platform; it is one part."""
        yield RestSnapshot(self)

    def take(self, turns: Turns) -> None:
        """Have each request wait for its turn."""
        self._peer.take(turns)

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._peer.close()

    def pages(self, dataset: Dataset, window: Window) -> Iterator[tuple[Resource, Page]]:
        """Yield the pages of a window within the total time of one read."""
        declared, clock = resource(self._platform, dataset), Clock(self._peer.limits.seconds)
        ask = rest_pages.first(declared, self._address, window)
        for page in rest_pages.read(ask, declared, self._what(declared), lambda one: self._get(declared, one, clock)):
            yield declared, page

    def _get(self, declared: Resource, ask: Ask, clock: Clock, *, body: bool = True) -> Answer:
        return self._peer.get(declared.path, ask.url, ask.parameters, clock, body=body)

    def _what(self, declared: Resource) -> str:
        return f"{declared.path} of platform {self._platform.platform}"


class RestSnapshot:
    """Reads the platform as it is now."""

    parts = 1

    def __init__(self, source: Rest) -> None:
        """Keep the source."""
        self._source = source

    def copy(self, dataset: Dataset, window: Window, out: BinaryIO, part: int = 0) -> int:
        """Write a line for each record, page by page, with what is wrong with it."""
        written = 0
        if part > 0:
            return written
        for declared, page in self._source.pages(dataset, window):
            out.write(rest_lines.encoded(dataset, declared, page))
            written += len(page.records)
        return written


def _anywhere(records: list[Any], path: tuple[str, ...]) -> bool:
    return any(rest_pages.exists(record, path) for record in records)
