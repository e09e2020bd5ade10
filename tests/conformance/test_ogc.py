"""The `ogc` connector keeps the promises of every source, for both of its protocols, against a real HTTP server."""

# ruff: noqa: D102 - the harness does what http.HttpPeer says

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

import pytest

from connectors.ogc import Ogc, connect
from gateway.model import Platform
from tests.conformance.http import SIZE, HttpPeer
from tests.conformance.suite import EVERYTHING, Row, SourceSuite
from tests.integration.connectors.site import Reply, Seen

CRS = "http://www.opengis.net/def/crs/EPSG/0/4490"


class OgcPeer(HttpPeer):
    """Pages by the number of their first feature."""

    resource: dict[str, Any]
    start: str
    count: str

    def opened(self, platform: Platform, dsn: str) -> Ogc:
        return connect(platform, dsn)

    def options(self) -> dict[str, Any]:
        return {"resources": {EVERYTHING.name: {**self.resource, "size": SIZE}}}

    def asked(self, seen: Seen) -> tuple[int, int]:
        self.request, self.first = seen, int(seen.query.get(self.start, "0"))
        return self.first // SIZE, int(seen.query.get(self.count, SIZE))


class FeaturesPeer(OgcPeer):
    """A collection of OGC API Features."""

    resource = {"kind": "features", "collection": "everything"}  # noqa: RUF012 - of a test
    start, count = "offset", "limit"

    def page(self, rows: list[Row], total: int) -> Reply:
        if not self.request.path.endswith("/items"):
            return Reply({"id": "everything", "crs": [CRS]})
        features = [{"type": "Feature", "id": r["code"], "geometry": None, "properties": _plain(r)} for r in rows]
        following = {"rel": "next", "href": f"items?{self.start}={self.first + SIZE}&{self.count}={SIZE}&crs={CRS}"}
        links = [{"rel": "self", "href": "items"}, *([following] if self.first + SIZE < total else [])]
        found = {"type": "FeatureCollection", "features": features, "numberMatched": total, "links": links}
        return Reply(found, headers={"Content-Crs": f"<{CRS}>"})

    def unknown(self) -> Reply:
        return Reply({"code": "NotFound"}, status=404)


class WfsPeer(OgcPeer):
    """A feature type of WFS 2.0."""

    resource = {"kind": "wfs", "type": "p:everything"}  # noqa: RUF012 - of a test
    start, count = "startIndex", "count"

    def page(self, rows: list[Row], total: int) -> Reply:
        if self.request.query["request"] == "DescribeFeatureType":
            return Reply(SCHEMA.encode())
        members = "".join(f"<w:member>{_feature(row)}</w:member>" for row in rows)
        return Reply(
            f'<w:FeatureCollection xmlns:w="http://www.opengis.net/wfs/2.0" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" '
            f'numberMatched="{total}" numberReturned="{len(rows)}">{members}</w:FeatureCollection>'.encode()
        )

    def unknown(self) -> Reply:
        return Reply(status=400)


def _plain(row: Row) -> Row:
    return {k: _text(v) if isinstance(v, date | datetime | Decimal) else v for k, v in row.items()}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _feature(row: Row) -> str:
    cells = [f'<{k} i:nil="true"/>' if v is None else f"<{k}>{escape(_text(v))}</{k}>" for k, v in row.items()]
    return f'<p:everything xmlns:p="urn:peer">{"".join(cells)}</p:everything>'


SCHEMA = (
    '<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema"><x:element name="everything"><x:complexType><x:sequence>'
    + "".join(f'<x:element name="{column}" type="x:string"/>' for column in EVERYTHING.columns)
    + "</x:sequence></x:complexType></x:element></x:schema>"
)


@pytest.fixture
def peer(kind: type[OgcPeer]) -> Iterator[OgcPeer]:
    """Yield a fresh platform."""
    peer = kind()
    yield peer
    peer.close()


class TestFeatures(SourceSuite):
    """GeoJSON over HTTP."""

    @pytest.fixture
    def kind(self) -> type[OgcPeer]:
        """Return the platform's kind."""
        return FeaturesPeer


class TestWfs(SourceSuite):
    """GML over HTTP."""

    @pytest.fixture
    def kind(self) -> type[OgcPeer]:
        """Return the platform's kind."""
        return WfsPeer
