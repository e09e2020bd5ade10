"""Read a platform that is a REST interface with JSON pages (source).

What it sends is not typed: every value leaves as text, and the hub judges it. Nothing here promises that two reads see
the same records; a declared total, and the hub's comparison, tell when they did not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, Literal

from connectors import rest_lines, rest_pages
from connectors.http_address import Address, address
from connectors.http_peer import Clock, date_of
from connectors.rest_auth import auth
from connectors.rest_http import Answer, RestPeer
from connectors.rest_options import OPTIONS, Limits, Resource, checked, resource
from connectors.rest_pages import Ask, Page
from gateway.errors import SchemaMismatch
from gateway.model import Dataset, Platform
from gateway.ports import Probe, Shape, Window

__all__ = ["OPTIONS", "Rest", "connect"]


def connect(platform: Platform, dsn: str) -> Rest:
    """Return the platform as a source; CatalogInvalid for wrong options, SettingMissing for a DSN of no use."""
    options = checked(platform)
    where = address(platform, dsn)
    signing = auth(options.get("auth", {"kind": "none"}), where, platform.platform)
    return Rest(platform, where, RestPeer(platform.platform, where, signing, Limits(**options.get("limits", {}))))


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
        ask = rest_pages.smallest(declared, self._address)
        before = datetime.now(UTC)
        answer = self._get(declared, ask, Clock(self._peer.limits.seconds), body=False)
        after = datetime.now(UTC)
        now = date_of(answer.headers) or after
        return Probe(
            at=before + (after - before) / 2, now=now, upper=now - timedelta(seconds=dataset.lag_seconds),
            identity=ask.url,
        )  # fmt: skip

    def describe(self, dataset: Dataset) -> Shape:
        """Return the contract's fields that the first page has, and its keys that nothing explains.

        An optional field counts as there: interfaces leave out what is null.
        """
        declared = resource(self._platform, dataset)
        ask = rest_pages.first(declared, self._address, Window())
        answer = self._get(declared, ask, Clock(self._peer.limits.seconds))
        page = rest_pages.parsed(answer, declared, self._what(declared))
        records = [record for record in page.records if isinstance(record, dict)]
        columns = {f.name: f.type for f in dataset.fields
                   if not records or not f.required or _anywhere(records, declared.fields[f.name])}  # fmt: skip
        explained = {path[0] for path in declared.fields.values()} | declared.ignored
        for key in dict.fromkeys(key for record in records for key in record if key not in explained):
            # the name of a field that is read from elsewhere must not pass for that field
            columns[f"$.{key}" if key in dataset.columns else key] = "json"
        return Shape(columns=columns, checked_text=False)

    @contextmanager
    def snapshot(self, parts: int = 1) -> Iterator[RestSnapshot]:  # noqa: ARG002 - pages come one after the other
        """Yield what reads the platform; it is one part."""
        yield RestSnapshot(self)

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._peer.close()

    def pages(self, dataset: Dataset, window: Window) -> Iterator[tuple[Resource, Page]]:
        """Yield the pages of a window within the total time of one read."""
        declared, clock = resource(self._platform, dataset), Clock(self._peer.limits.seconds)
        ask = rest_pages.first(declared, self._address, window)
        for page in rest_pages.read(ask, declared, self._what(declared), lambda one: self._get(declared, one, clock)):
            yield declared, page

    def unkeyed(self, dataset: Dataset) -> SchemaMismatch:
        """Return the error of who asks for records by key."""
        said = f"platform {self._platform.platform} cannot be asked for {dataset.name} by key"
        return SchemaMismatch(said, "Read the whole set, or a window.")

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

    def copy_keys(self, dataset: Dataset, keys: Sequence[tuple[Any, ...]], out: BinaryIO) -> int:  # noqa: ARG002
        """Refuse: an untyped source is compared as a whole."""
        raise self._source.unkeyed(dataset)


def _anywhere(records: list[Any], path: tuple[str, ...]) -> bool:
    return any(rest_pages.exists(record, path) for record in records)
