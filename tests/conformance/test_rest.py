"""The `rest` connector keeps the promises of every source, against a real HTTP server."""

# ruff: noqa: D102 - the harness does what http.HttpPeer says

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.rest import Rest, connect
from gateway.model import Platform
from tests.conformance.http import SIZE, HttpPeer
from tests.conformance.suite import EVERYTHING, Row, SourceSuite
from tests.integration.connectors.site import Reply, Seen


class RestPeer(HttpPeer):
    """Pages of JSON by their number."""

    def opened(self, platform: Platform, dsn: str) -> Rest:
        return connect(platform, dsn)

    def options(self) -> dict[str, Any]:
        paging = {"kind": "page", "parameter": "page", "size_parameter": "size", "size": SIZE, "first": 0}
        return {
            "resources": {
                EVERYTHING.name: {"path": "/everything", "records": "items", "total": "total", "paging": paging}
            }
        }

    def asked(self, seen: Seen) -> tuple[int, int]:
        return int(seen.query["page"]), int(seen.query["size"])

    def page(self, rows: list[Row], total: int) -> Reply:
        return Reply({"items": [{k: _plain(v) for k, v in row.items()} for row in rows], "total": total})

    def unknown(self) -> Reply:
        return Reply(status=404)


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


class TestRest(SourceSuite):
    """JSON over HTTP."""

    @pytest.fixture
    def peer(self) -> Iterator[RestPeer]:
        """Yield a fresh platform."""
        peer = RestPeer()
        yield peer
        peer.close()
