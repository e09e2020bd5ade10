"""Looks at the pages that units publish (source): a record a page, whether it answers a citizen, and where it moved to.

What was seen is not kept from one run to the next: the hub compares, so that only a page whose state changed moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, BinaryIO, Literal
from urllib.parse import urljoin, urlsplit

import requests
from jsonschema import Draft202012Validator

from connectors import options
from connectors.http_address import Address, address
from connectors.options import POSITIVE, WORD, shape
from gateway.errors import PlatformUnavailable
from gateway.http_session import Watchdog, plain_session
from gateway.model import Dataset, Platform
from gateway.ports import Probe, Shape, Window
from gateway.records import lines

_PAGE = shape(
    {"url": {"type": "string", "pattern": r"^(https?://[^\s@]+|[^/:\s][^:\s]*)\Z", "maxLength": 500}, "title": WORD, "unit": WORD},
    "url", "title", "unit",
)  # fmt: skip
OPTIONS: dict[str, Any] = shape(
    {"seconds": POSITIVE, "pages": {"type": "array", "minItems": 1, "uniqueItems": True, "items": _PAGE}}, "pages"
)
_VALIDATOR = Draft202012Validator(OPTIONS)
_SECONDS = 10.0
_AT_ONCE = 4
_TRIES = 2  # one lost packet is no broken link
_UP, _MOVED, _BROKEN = "1", "2", "3"
_FIELDS = {"url", "title", "unit", "state", "http_status", "moved_to"}
_NO_HEAD = {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}
_FOR_GOOD = {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.PERMANENT_REDIRECT}


def connect(platform: Platform, dsn: str) -> Links:
    """Return the pages as a source; CatalogInvalid for wrong options, SettingMissing for a DSN of no use."""
    return Links(platform.platform, address(platform, dsn), options.checked(platform, _VALIDATOR))


class Links:
    """Raises PlatformUnavailable (retryable) when no page at all answers: then it is our own line that is down."""

    format: Literal["binary", "text"] = "text"
    typed = False

    def __init__(self, platform: str, where: Address, declared: Mapping[str, Any]) -> None:
        """Keep which pages to look at; a relative one lies below the connection's address."""
        self._platform, self._where, self._declared = platform, where, declared

    def __repr__(self) -> str:
        """Name the platform, never the DSN."""
        return f"Links({self._platform!r})"

    def probe(self, dataset: Dataset) -> Probe:  # noqa: ARG002 - one clock for all
        """Return our own clock: what is looked at now is as it is now."""
        now = datetime.now(UTC)
        return Probe(at=now, now=now, upper=now, identity=self._where.origin)

    def describe(self, dataset: Dataset) -> Shape:
        """Return the fields of a record that the contract names."""
        return Shape({f.name: f.type for f in dataset.fields if f.name in _FIELDS}, checked_text=False)

    @contextmanager
    def snapshot(self, parts: int = 1) -> Iterator[Links]:  # noqa: ARG002 - a few hundred pages at most
        """Yield what looks."""
        yield self

    parts = 1

    def copy(self, dataset: Dataset, window: Window, out: BinaryIO, part: int = 0) -> int:  # noqa: ARG002 - always all
        """Look at every page once, a few at a time, and write a line for each."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(self._record, self._declared["pages"]))
        if all(record["http_status"] is None for record in found):
            hint = "Check the connection and the line between the gateway and the pages; nothing was taken as broken."
            raise PlatformUnavailable(f"no page of platform {self._platform} answers", hint)
        out.write(lines((None, [record[name] for name in dataset.columns]) for record in found))
        return len(found)

    def close(self) -> None:
        """Hold nothing; may be called twice."""

    def _record(self, page: Mapping[str, str]) -> dict[str, str | None]:
        url = urljoin(f"{self._where.origin}{self._where.base}/", page["url"])
        status, location = self._answer(url)
        moved = status in _FOR_GOOD and bool(location)
        state = _MOVED if moved else _UP if status is not None and status < HTTPStatus.BAD_REQUEST else _BROKEN
        number = None if status is None else str(status)
        return {**page, "state": state, "http_status": number, "moved_to": _plain(urljoin(url, location)) if moved else None}  # fmt: skip

    def _answer(self, url: str) -> tuple[int | None, str]:
        """Return the status and where it leads; by GET where HEAD is not answered as GET would be; no status: no answer."""
        seconds = self._declared.get("seconds", _SECONDS)
        inside = url.startswith(f"{self._where.origin}/")
        tls: dict[str, Any] = {"verify": self._where.ca or True, "cert": self._where.cert} if inside else {}
        for _ in range(_TRIES):
            with closing(plain_session()) as session, Watchdog(seconds):
                try:
                    for method in ("HEAD", "GET"):
                        with session.request(method, url, timeout=seconds, stream=True, **tls) as answer:
                            if method == "GET" or answer.status_code not in _NO_HEAD:
                                return answer.status_code, answer.headers.get("Location", "")
                except (requests.RequestException, OSError, ValueError):
                    continue
        return None, ""


def _plain(url: str) -> str | None:
    """Return an address without login and parameters, which may be anybody's session; None for what is none."""
    parts = urlsplit(url)
    host = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    return (
        f"{parts.scheme}://{host}{parts.path}"[:500] if parts.scheme in {"http", "https"} and parts.hostname else None
    )
