"""A platform behind HTTP that gives pages of what it holds to whoever may read; each protocol says how."""

# ruff: noqa: D102 - the harness does what suite.SourcePeer says

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from gateway.model import Dataset, Platform
from gateway.ports import Source
from tests.conformance.suite import EVERYTHING, Row
from tests.integration.connectors.site import Reply, Seen, Site

PASSWORD = "p@ss:wörd/?#"
SIZE = 500


class HttpPeer(ABC):
    """Holds one data set; a reader may have it, a stranger may log in and read nothing."""

    def __init__(self) -> None:
        """Serve nothing yet."""
        self._rows: list[Row] | None = None
        self._site = Site()
        self._site.script = self._answer
        self.secrets = (PASSWORD, quote(PASSWORD, safe=""), "a wrong one")

    def close(self) -> None:
        """Stop serving."""
        self._site.close()

    def create(self, dataset: Dataset) -> None:
        assert dataset is EVERYTHING
        self._rows = []

    def write(self, dataset: Dataset, rows: Iterable[Row]) -> None:
        assert dataset is EVERYTHING
        assert self._rows is not None
        self._rows += list(rows)

    def source(self) -> Source:
        return self._connect("reader", PASSWORD)

    def source_with_wrong_password(self) -> Source:
        return self._connect("reader", "a wrong one")

    def source_without_rights(self) -> Source:
        return self._connect("stranger", PASSWORD)

    def source_that_is_down(self) -> Source:
        return self._connect("reader", PASSWORD, port=1)

    @abstractmethod
    def opened(self, platform: Platform, dsn: str) -> Source:
        """Connect."""

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return the platform's options but for `auth` and `limits`."""

    @abstractmethod
    def asked(self, seen: Seen) -> tuple[int, int]:
        """Return number (from 0) and size of the page that is asked for."""

    @abstractmethod
    def page(self, rows: list[Row], total: int) -> Reply:
        """Return a page."""

    @abstractmethod
    def unknown(self) -> Reply:
        """Return what is said of a set that is not there."""

    def _connect(self, user: str, password: str, port: int | None = None) -> Source:
        options = {**self.options(), "auth": {"kind": "basic"}, "limits": {"seconds": 5}}
        platform = Platform("peer", "", "", "PEER", "gxj", options=options)
        where = f"127.0.0.1:{port or self._site.port}"
        return self.opened(platform, f"http://{user}:{quote(password, safe='')}@{where}/api")

    def _answer(self, seen: Seen) -> Reply:
        name, _, password = base64.b64decode(seen.headers["Authorization"].split()[1]).decode().partition(":")
        if password != PASSWORD:
            return Reply(status=401)
        if name != "reader":
            return Reply(status=403)
        if self._rows is None:
            return self.unknown()
        number, size = self.asked(seen)
        return self.page(self._rows[number * size : (number + 1) * size], len(self._rows))
