"""The `rest` connector keeps the promises of every source, against a real HTTP server."""

# ruff: noqa: D102 - the harness does what suite.SourcePeer says

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from connectors.rest import Rest, connect
from gateway.model import Dataset, Platform
from tests.conformance.suite import EVERYTHING, Row, SourceSuite
from tests.integration.connectors.site import Reply, Seen, Site

PASSWORD = "p@ss:wörd/?#"
SIZE = 500


class RestPeer:
    """A platform that gives pages of what it holds to whoever may read."""

    def __init__(self) -> None:
        """Serve nothing yet."""
        self._held: dict[str, list[Row]] = {}
        self._site = Site()
        self._site.script = self._answer
        self.secrets = (PASSWORD, quote(PASSWORD, safe=""), "a wrong one")

    def close(self) -> None:
        """Stop serving."""
        self._site.close()

    def create(self, dataset: Dataset) -> None:
        self._held[f"/api/{dataset.table}"] = []

    def write(self, dataset: Dataset, rows: Iterable[Row]) -> None:
        self._held[f"/api/{dataset.table}"] += [{k: _plain(v) for k, v in r.items()} for r in rows]

    def writing(self, dataset: Dataset, rows: Iterable[Row]) -> AbstractContextManager[None]:
        raise NotImplementedError  # nobody sees a REST platform's transactions: only typed sources are asked

    def source(self) -> Rest:
        return self._connect("reader", PASSWORD)

    def source_with_wrong_password(self) -> Rest:
        return self._connect("reader", "a wrong one")

    def source_without_rights(self) -> Rest:
        return self._connect("stranger", PASSWORD)

    def source_that_is_down(self) -> Rest:
        return self._connect("reader", PASSWORD, port=1)

    def _connect(self, user: str, password: str, port: int | None = None) -> Rest:
        paging = {"kind": "page", "parameter": "page", "size_parameter": "size", "size": SIZE, "first": 0}
        resource = {"path": "/everything", "records": "items", "total": "total", "paging": paging}
        options = {"auth": {"kind": "basic"}, "resources": {EVERYTHING.name: resource}, "limits": {"seconds": 5}}
        platform = Platform("peer", "", "rest", "PEER", "gxj", options=options)
        return connect(platform, f"http://{user}:{quote(password, safe='')}@127.0.0.1:{port or self._site.port}/api")

    def _answer(self, seen: Seen) -> Reply:
        name, _, password = base64.b64decode(seen.headers["Authorization"].split()[1]).decode().partition(":")
        if password != PASSWORD:
            return Reply(status=401)
        if name != "reader":
            return Reply(status=403)
        if seen.path not in self._held:
            return Reply(status=404)
        rows, size = self._held[seen.path], int(seen.query["size"])
        begins = int(seen.query["page"]) * size
        return Reply({"items": rows[begins : begins + size], "total": len(rows)})


def _plain(value: Any) -> Any:
    return (
        value.isoformat() if isinstance(value, date | datetime) else str(value) if isinstance(value, Decimal) else value
    )


class TestRest(SourceSuite):
    """Pages of JSON over HTTP."""

    @pytest.fixture
    def peer(self) -> Iterator[RestPeer]:
        """Yield a fresh platform."""
        peer = RestPeer()
        yield peer
        peer.close()
