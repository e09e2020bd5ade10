"""Read a platform that serves geographic features: OGC API Features, or WFS 2.0 with GML 3.2 (source).

What it sends is not typed: every value leaves as text, and the hub judges it. Geometries leave as GeoJSON, longitude
first. Nothing here promises that two reads see the same features; a declared number, and the hub's comparison, tell when
they did not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, Literal, Protocol

from connectors import untyped
from connectors.http_address import Address, address
from connectors.http_peer import Clock
from connectors.ogc_features import Collection
from connectors.ogc_options import OPTIONS, checked, resource
from connectors.ogc_wfs import FeatureType
from connectors.rest_auth import auth
from connectors.rest_http import RestPeer
from connectors.rest_options import Limits
from gateway.model import Dataset, Platform
from gateway.ports import Description, Mark, Probe, Shape, Turns, Window

__all__ = ["OPTIONS", "Ogc", "connect"]


class _Peer(RestPeer):
    declared = "collection or type, and parameters,"
    accept = "application/geo+json, application/json, application/gml+xml;q=0.9, application/xml;q=0.9, text/xml;q=0.9"


class _Layer(Protocol):
    """What is asked of a collection or a feature type."""

    identity: str

    def head(self, clock: Clock) -> Mapping[str, str]:
        """Return the head of a small answer."""

    def shape(self, dataset: Dataset, clock: Clock) -> Shape:
        """Return what it shows of itself."""

    def told(self, clock: Clock) -> Description:
        """Return what it says of its structure."""

    def mark(self, memo: str) -> Mark:
        """Return the sign of what it says of its structure."""

    def write(self, dataset: Dataset, clock: Clock, out: BinaryIO) -> int:
        """Write a line for each feature and return their number."""


def connect(platform: Platform, dsn: str) -> Ogc:
    """Return the platform as a source; CatalogInvalid for wrong options, SettingMissing for a DSN of no use."""
    options = checked(platform)
    where = address(platform, dsn)
    signing = auth(options.get("auth", {"kind": "none"}), where, platform.platform)
    return Ogc(platform, where, _Peer(platform.platform, where, signing, Limits(**options.get("limits", {}))))


class Ogc:
    """Raises PlatformUnavailable, SourceChanged (retryable); AccessDenied, SchemaMismatch, CatalogInvalid (permanent)."""

    format: Literal["binary", "text"] = "text"
    typed = False

    def __init__(self, platform: Platform, where: Address, peer: RestPeer) -> None:
        """Keep where to ask; connections are opened when they are needed."""
        self._platform, self._address, self._peer = platform, where, peer

    def __repr__(self) -> str:
        """Name the platform, never the DSN."""
        return f"Ogc({self._platform.platform!r})"

    def probe(self, dataset: Dataset) -> Probe:
        """Return the clock of the platform's HTTP head, or ours when it shows none."""
        layer, clock = self._layer(dataset), self._clock()
        return untyped.probed(dataset, layer.identity, lambda: layer.head(clock))

    def describe(self, dataset: Dataset) -> Shape:
        """Return what the first page of a collection, or the schema of a feature type, shows."""
        return self._layer(dataset).shape(dataset, self._clock())

    def told(self, dataset: Dataset) -> Description:
        """Return what a collection, or the service of a feature type, says of its structure."""
        return self._layer(dataset).told(self._clock())

    def mark(self, dataset: Dataset, memo: str) -> Mark:
        """Return the sign of what a collection, or the service of a feature type, says of its structure."""
        return self._layer(dataset).mark(memo)

    @contextmanager
    def snapshot(self, parts: int = 1) -> Iterator[OgcSnapshot]:  # noqa: ARG002 - pages come one after the other
        """Yield what reads the platform; it is one part."""
        yield OgcSnapshot(self)

    def take(self, turns: Turns) -> None:
        """Have each request wait for its turn."""
        self._peer.take(turns)

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._peer.close()

    def write(self, dataset: Dataset, out: BinaryIO) -> int:
        """Write every feature within the total time of one read, and return their number."""
        return self._layer(dataset).write(dataset, self._clock(), out)

    def _layer(self, dataset: Dataset) -> _Layer:
        declared = resource(self._platform, dataset)
        kind = Collection if declared.kind == "features" else FeatureType
        return kind(self._peer, self._address, declared)

    def _clock(self) -> Clock:
        return Clock(self._peer.limits.seconds)


class OgcSnapshot:
    """Reads the platform as it is now."""

    parts = 1

    def __init__(self, source: Ogc) -> None:
        """Keep the source."""
        self._source = source

    def copy(self, dataset: Dataset, window: Window, out: BinaryIO, part: int = 0) -> int:  # noqa: ARG002 - the hub drops what lies outside
        """Write a line for each feature, with what is wrong with it; no service here is asked for a window."""
        return self._source.write(dataset, out) if part == 0 else 0
