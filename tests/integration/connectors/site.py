"""A REST platform on loopback that answers as a test tells it to."""

from __future__ import annotations

import io
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from connectors.rest import Rest, connect
from gateway.model import Dataset, Field, Platform
from gateway.ports import Source, Window

PATIENCE = 4.0  # seconds until a reader must have given up: what drips or says nothing here goes on for five and more
POST = Dataset(
    name="message.post", chinese="", version="1.0.0", table="message_post", owner="zfb", rules=(),
    fields=(
        Field("id", "varchar(36)", required=True),
        Field("content", "text", required=True),
        Field("score", "numeric(20,6)"),
        Field("updated_at", "timestamptz", required=True),
    ),
    key=("id",), cursor="updated_at", lag_seconds=60,
)  # fmt: skip
STAMP = "2026-11-24T04:00:00Z"
ID, SECRET = "gate way", "s3cret:/@%承德"
CREDENTIALS = "gate%20way:s3cret%3A%2F%40%25%E6%89%BF%E5%BE%B7@"
KEY = "k3y-of-the-gateway"
Row = list[str | None]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Return the path without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """Return the query's values."""
        return dict(parse_qsl(self.target.partition("?")[2]))


@dataclass(frozen=True)
class Reply:
    """An answer: `body` is sent as it is when it is bytes, else as JSON; `send` takes over after the head."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    send: Callable[[Any], None] | None = None

    @property
    def octets(self) -> bytes:
        """Return the body as it travels."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body, ensure_ascii=False).encode()


Script = Callable[[Seen], Reply]


class Site:
    """The server; `seen` holds the requests in order."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a free port."""
        self.seen: list[Seen] = []
        self.script: Script = lambda _: Reply([])
        self.stopped = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are the point
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def gives(self, *replies: Any) -> None:
        """Answer in turn; the last answer is given for ever. What is no Reply is a page."""
        rest = [reply if isinstance(reply, Reply) else Reply(reply) for reply in replies]
        self.script = lambda _: rest.pop(0) if len(rest) > 1 else rest[0]

    def dsn(self, credentials: str = CREDENTIALS, base: str = "", scheme: str = "http", host: str = "127.0.0.1") -> str:
        """Return the connection secret of this platform."""
        return f"{scheme}://{credentials}{host}:{self.port}{base}"


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen = Seen(self.command, self.path, self.headers, body)
            site.seen.append(seen)
            reply = site.script(seen)
            self.send_response_only(reply.status)
            defaults = {"Date": self.date_time_string()} | (
                {} if reply.send else {"Content-Length": str(len(reply.octets))}
            )
            for name, value in {**defaults, **reply.headers}.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            if reply.send:
                self.close_connection = True
                reply.send(self)
            else:
                self.wfile.write(reply.octets)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names are http.server's

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


def record(number: int | str, **changes: Any) -> dict[str, Any]:
    """Return a record as the platform sends it."""
    return {"id": f"m{number}", "content": f"留言{number}", "score": 1.5, "updated_at": STAMP, **changes}


def platform(resource: Mapping[str, Any] | None = None, auth: Any = None, limits: Any = None) -> Platform:
    """Return the catalog's entry: one resource at /messages, unless told otherwise."""
    options: dict[str, Any] = {"resources": {POST.name: {"path": "/messages", **(resource or {})}}}
    if auth:
        options["auth"] = auth
    if limits:
        options["limits"] = limits
    return Platform("web", "官方网站", "rest", "WEB", "zfb", options=options)


@contextmanager
def opened(site: Site, resource: Any = None, *, auth: Any = None, limits: Any = None, dsn: str = "") -> Iterator[Rest]:
    """Yield the connector of a site and close it."""
    source = connect(platform(resource, auth, limits), dsn or site.dsn())
    try:
        yield source
    finally:
        source.close()


def copied(source: Source, window: Window | None = None, dataset: Dataset = POST) -> list[Row]:
    """Return what one copy writes: the fault and the values of each record; the count must fit."""
    out = io.BytesIO()
    with source.snapshot() as snapshot:
        count = snapshot.copy(dataset, window or Window(), out)
    lines = out.getvalue().decode().splitlines()
    assert count == len(lines)
    return [[None if value == r"\N" else value for value in line.split("\t")] for line in lines]


def read(site: Site, resource: Any = None, window: Window | None = None, **settings: Any) -> list[Row]:
    """Open the site, copy once, close."""
    with opened(site, resource, **settings) as source:
        return copied(source, window)


def ids(rows: list[Row]) -> list[str | None]:
    """Return the first field of each row."""
    return [row[1] for row in rows]
