"""Pages are looked at as a citizen's browser would ask for them, and none is called broken for our own fault."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from connectors import links
from gateway import catalog
from gateway.errors import CatalogInvalid, PlatformUnavailable
from gateway.model import Dataset, Platform
from gateway.ports import Window

ROOT = Path(__file__).parents[3]
CITY = catalog.load(ROOT / "catalog")
LINK = CITY.datasets["site.link"]


class _Site(BaseHTTPRequestHandler):
    """A site of which `/get` knows no HEAD, `/gone` is broken and `/old` has moved, with a session in the address."""

    def do_HEAD(self) -> None:
        self._answer(head=True)

    def do_GET(self) -> None:
        self._answer(head=False)

    def _answer(self, *, head: bool) -> None:
        status = {"/base/get": 405 if head else 200, "/base/gone": 404, "/base/old": 301, "/base/login": 302}.get(
            self.path, 200
        )
        self.send_response(status)
        if status == 301:
            self.send_header("Location", "https://user:secret@new.example.cn/home?session=4711#top")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Yield the address of a running site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/base"
    server.shutdown()
    server.server_close()
    thread.join()


def platform(*urls: str) -> Platform:
    """Return a platform that looks at these."""
    pages = [{"url": url, "title": "页", "unit": "zfb"} for url in urls]
    return replace(CITY.platforms["links"], options={"seconds": 2, "pages": pages})


def looked(address: str, *urls: str, dataset: Dataset = LINK) -> dict[str, list[str]]:
    """Return state, status and new address of each page."""
    out = io.BytesIO()
    source = links.connect(platform(*urls), address)
    with source.snapshot() as snapshot:
        assert snapshot.copy(dataset, Window(), out) == len(urls)
    rows = [line.split("\t")[1:] for line in out.getvalue().decode().splitlines()]
    return {row[0]: row[3:] for row in rows}


def test_a_page_opens_moved_or_is_broken(address: str) -> None:
    """A redirect for now is no move, one for good is; GET decides where HEAD is refused; a dead neighbour is broken."""
    dead = "http://127.0.0.1:1/"
    found = looked(address, "home", "get", "login", "gone", "old", dead)
    assert {url: row[:2] for url, row in found.items()} == {
        "home": ["1", "200"], "get": ["1", "200"], "login": ["1", "302"], "gone": ["3", "404"], "old": ["2", "301"],
        dead: ["3", "\\N"],
    }  # fmt: skip


def test_a_new_address_bears_no_login_and_no_session(address: str) -> None:
    """Where a page moved to is kept without what may be somebody's own."""
    assert looked(address, "home", "old")["old"][2] == "https://new.example.cn/home"


def test_when_nothing_answers_nothing_is_broken() -> None:
    """A gateway without a line must not report every unit's site."""
    with pytest.raises(PlatformUnavailable, match="no page of platform links answers"):
        looked("http://127.0.0.1:1", "home", "gone")


@pytest.mark.parametrize("url", ["ftp://example.cn/", "https://user:secret@example.cn/", "/etc/passwd"])
def test_only_pages_can_be_looked_at(url: str) -> None:
    """Another protocol, a login or a path of this machine is refused when the catalog's options are read."""
    with pytest.raises(CatalogInvalid, match=r"options\.pages"):
        links.connect(platform(url), "http://127.0.0.1:1")
