"""The official site's interface for citizens' messages: a real HTTP server, strict in what it takes.

OAuth2 client credentials with short-lived tokens, a limit of requests per second, posts by cursor over a view that
stands still, answers by page. What it holds survives a restart in an SQLite file, its address and its client too.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import math
import secrets
import socket
import sqlite3
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import messages
from sandbox.messages import KEYS, POST, REPLY, Row

BASE = "/api"
SCOPE = "messages.read"
SEED = 20261124
PAGE, LARGEST_PAGE = 200, 500
_WAIT_SECONDS = 20.0
_VIEWS = 16
_TABLES = """
create table if not exists setting (name text primary key, value text not null);
create table if not exists version (
  seq integer primary key autoincrement, dataset text not null, key text not null, born integer not null,
  updated integer not null, live integer not null default 1, row text not null, body text not null
);
create unique index if not exists one_live on version (dataset, key) where live = 1;
create table if not exists bad (dataset text not null, key text not null, rule text not null);
"""
Key = tuple[Any, ...]


class _Refused(Exception):
    """Raised by a handler to answer with an error."""

    def __init__(self, status: HTTPStatus, error: str, words: str, **headers: str) -> None:
        super().__init__(words)
        self.status, self.error, self.headers = status, error, headers

    def answer(self) -> Response:
        """Return the answer."""
        body = {"error": self.error, "error_description": str(self)}
        return JSONResponse(body, self.status, headers=self.headers)


@dataclass(frozen=True, slots=True)
class _View:
    """What a reader by cursor sees until its end: these versions, whatever is written meanwhile."""

    filters: tuple[tuple[str, str], ...]
    versions: tuple[int, ...]


class WebSite:
    """The stand-in official site on 127.0.0.1, in a thread of its owner's process; a context manager."""

    def __init__(
        self, path: Path | None = None, *, seed: int = SEED, posts: int = messages.POSTS, replies: int = messages.REPLIES,
        token_seconds: float = 60.0, per_second: int = 6,
    ) -> None:  # fmt: skip
        """Take the file that keeps everything (default: memory) and how strict the site is; fill it when it is new."""
        self.token_seconds, self.per_second, self._seed = token_seconds, per_second, seed
        self._lock = threading.RLock()
        if path is not None:
            path.touch(mode=0o600)  # it holds the client's secret
        self._store = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        with self._writing():
            for statement in filter(str.strip, _TABLES.split(";")):
                self._store.execute(statement)
            if self._setting("client") is None:
                self._fill(posts, replies)
        self._tokens: dict[str, float] = {}
        self._asked: deque[float] = deque()
        self._views: OrderedDict[str, _View] = OrderedDict()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.answers: Counter[int] = Counter()

    def __enter__(self) -> WebSite:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and let go of the file."""
        self.stop()
        self._store.close()

    def start(self) -> None:
        """Answer from now on, at the port of the last time when that is still free."""
        listener = self._listener()
        application = Starlette(
            routes=[
                Route(f"{BASE}/oauth/token", self._guarded(self._token), methods=["POST"]),
                Route(f"{BASE}/v1/messages", self._guarded(self._by_cursor), methods=["GET"]),
                Route(f"{BASE}/v1/replies", self._guarded(self._by_page), methods=["GET"]),
            ]
        )
        config = uvicorn.Config(
            application, log_config=None, access_log=False, lifespan="off", ws="none", http="h11", loop="asyncio",
            timeout_graceful_shutdown=2, server_header=False,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="official site", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _WAIT_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the official site does not start")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop answering; what the site holds stays. May be called twice."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_WAIT_SECONDS)
        self._server = self._thread = None

    @property
    def port(self) -> int:
        """Return the port of 127.0.0.1."""
        return int(self._setting("port") or 0)

    @property
    def url(self) -> str:
        """Return the address without client and secret."""
        return f"http://127.0.0.1:{self.port}{BASE}"

    @property
    def dsn(self) -> str:
        """Return the address as GATEWAY_CONN_WEB holds it."""
        return f"http://{self._setting('client')}:{self._setting('secret')}@127.0.0.1:{self.port}{BASE}"

    @property
    def bad(self) -> Mapping[str, list[tuple[Key, str]]]:
        """Return what was filled in badly: by data set the key and the rule that is to find it."""
        found: dict[str, list[tuple[Key, str]]] = {dataset: [] for dataset in KEYS}
        for dataset, key, rule in self._ask("select dataset, key, rule from bad order by rowid"):
            found[dataset].append((tuple(json.loads(key)), rule))
        return found

    def rows(self, dataset: str) -> list[Row]:
        """Return what the site holds now in the contract's fields, good and bad."""
        query = "select row from version where dataset = ? and live = 1 order by born"
        return [json.loads(text) for (text,) in self._ask(query, dataset)]

    def add_post(self, **changes: Any) -> Row:
        """Take in a new message, good unless `changes` make it bad, and return it."""
        now = _now()
        with self._writing():
            number = int(self._setting("next") or 0)
            self._set("next", number + 1)
            row = messages.post(number, now, now, self._seed) | changes
            self._write(POST, row)
        return row

    def add_reply(self, message_id: str, **changes: Any) -> Row:
        """Answer a message, which is answered from then on, and return the answer."""
        now = _now()
        with self._writing():
            posts = {row["message_id"]: row for row in self.rows(POST)}
            known = [row["reply_no"] for row in self.rows(REPLY) if row["message_id"] == message_id]
            made = messages.reply(posts[message_id], max(known, default=0) + 1, now, self._seed)
            stamp = messages.moment(now)
            row = made | {"replied_at": stamp, "updated_at": stamp} | changes
            self._write(REPLY, row)
            self.edit(POST, (message_id,), state="3")
        return row

    def edit(self, dataset: str, key: Key, **changes: Any) -> Row:
        """Change a record and return it; it is stamped anew unless `changes` name updated_at. KeyError without it."""
        with self._writing():
            found = self._ask(
                "select row, born from version where live = 1 and dataset = ? and key = ?", dataset, _written(key)
            )
            if not found:
                raise KeyError(key)
            row: Row = json.loads(found[0][0]) | {"updated_at": messages.moment(_now())} | changes
            self.delete(dataset, key)
            self._write(dataset, row, born=found[0][1])
        return row

    def delete(self, dataset: str, key: Key) -> None:
        """Remove a record without a trace; KeyError when there is none."""
        with self._writing():
            query = "update version set live = 0 where live = 1 and dataset = ? and key = ?"
            if self._store.execute(query, (dataset, _written(key))).rowcount != 1:
                raise KeyError(key)

    def expire_tokens(self) -> None:
        """Make every token given so far invalid."""
        with self._lock:
            self._tokens.clear()

    # What it holds

    def _fill(self, posts: int, replies: int) -> None:
        """Make the client and write good records and bad ones."""
        now = _now()
        self._set("client", f"gateway-{secrets.token_hex(4)}")
        self._set("secret", secrets.token_urlsafe(24))
        good = list(messages.posts(now, self._seed, posts))
        answered = [row for row in good if row["state"] in {"3", "4"}]
        for row in good:
            self._write(POST, row)
        for row in messages.replies(now, self._seed, answered, replies):
            self._write(REPLY, row)
        for place, rule in enumerate(messages.breakable(POST)):
            submitted = now - timedelta(days=10, hours=place)
            row = messages.post(posts + place, submitted, now, self._seed)
            self._write_bad(POST, rule, messages.broken(POST, rule, row))
        for place, rule in enumerate(messages.breakable(REPLY)):
            row = messages.reply(answered[place % len(answered)], 50 + place, now, self._seed)
            self._write_bad(REPLY, rule, messages.broken(REPLY, rule, row))
        self._set("next", posts + len(messages.breakable(POST)))

    def _write_bad(self, dataset: str, rule: str, row: Row) -> None:
        self._write(dataset, row, doubled=rule == messages.DOUBLED)
        self._store.execute("insert into bad values (?, ?, ?)", (dataset, _key(dataset, row), rule))

    def _write(self, dataset: str, row: Row, *, born: int | None = None, doubled: bool = False) -> None:
        body = _rendered(dataset, row)
        if doubled:
            body = '{"title": "前一个标题", ' + body[1:]
        updated = round(datetime.fromisoformat(row["updated_at"]).timestamp() * 1000)
        last = "(select coalesce(max(seq), 0) + 1 from version)"
        self._store.execute(
            f"insert into version (dataset, key, born, updated, row, body) values (?, ?, coalesce(?, {last}), ?, ?, ?)",
            (dataset, _key(dataset, row), born, updated, json.dumps(row), body),
        )

    def _setting(self, name: str) -> str | None:
        found = self._ask("select value from setting where name = ?", name)
        return str(found[0][0]) if found else None

    def _set(self, name: str, value: object) -> None:
        self._store.execute("insert or replace into setting values (?, ?)", (name, str(value)))

    def _ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._store.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock; the outermost one is a transaction."""
        with self._lock:
            if self._store.in_transaction:
                yield
                return
            self._store.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._store.execute("rollback")
                raise
            self._store.execute("commit")

    def _listener(self) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self.port))
        except OSError:
            listener.bind(("127.0.0.1", 0))
        with self._writing():
            self._set("port", listener.getsockname()[1])
        return listener

    # What it answers

    def _guarded(self, handler: Callable[[Request, bytes], Response]) -> Callable[[Request], Any]:
        """Return an endpoint whose refusals are answers, and which counts what it answers."""

        async def endpoint(request: Request) -> Response:
            body = await request.body()
            try:
                answer = await asyncio.to_thread(handler, request, body)
            except _Refused as refused:
                answer = refused.answer()
            with self._lock:
                self.answers[int(answer.status_code)] += 1
            return answer

        return endpoint

    def _token(self, request: Request, body: bytes) -> Response:
        """Give a token for client credentials, by HTTP Basic or in the form (RFC 6749)."""
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_request", "send a form")
        form = _single(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        given = _basic(request) or (form.pop("client_id", ""), form.pop("client_secret", ""))
        wanted = (self._setting("client") or "", self._setting("secret") or "")
        if not all(secrets.compare_digest(a.encode(), b.encode()) for a, b in zip(given, wanted, strict=True)):
            raise _Refused(HTTPStatus.UNAUTHORIZED, "invalid_client", "unknown client", **{"WWW-Authenticate": "Basic"})
        if form.pop("grant_type", "") != "client_credentials":
            raise _Refused(HTTPStatus.BAD_REQUEST, "unsupported_grant_type", "only client_credentials")
        if form.pop("scope", SCOPE) != SCOPE:
            raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_scope", f"the only scope is {SCOPE}")
        if form:
            raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_request", f"unknown: {', '.join(form)}")
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens[token] = time.monotonic() + self.token_seconds
        shown = {"access_token": token, "token_type": "Bearer", "expires_in": int(self.token_seconds), "scope": SCOPE}
        return JSONResponse(shown, headers={"Cache-Control": "no-store"})

    def _by_cursor(self, request: Request, _: bytes) -> Response:
        """Answer one page of messages; all pages of a read show what was there at its first."""
        asked = self._admitted(request, {"cursor", "updated_after", "updated_before"})
        filters = tuple((name, asked[name]) for name in ("updated_after", "updated_before") if name in asked)
        if "cursor" in asked:
            name, start, view = self._known_view(asked["cursor"], filters)
        else:
            bounds = (_iso(asked, "updated_after", -math.inf), _iso(asked, "updated_before", math.inf))
            name, start = secrets.token_urlsafe(9), 0
            view = _View(filters, self._versions(POST, *bounds, order="updated, seq"))
            with self._lock:
                self._views[name] = view
                while len(self._views) > _VIEWS:
                    self._views.popitem(last=False)
        page = view.versions[start : start + PAGE]
        following = f"{name}.{start + PAGE}" if start + PAGE < len(view.versions) else None
        head = f'{{"code": 0, "data": {{"total": {len(view.versions)}, "next": {json.dumps(following)}, "items": ['
        return _json(f"{head}{self._bodies(page)}]}}}}")

    def _by_page(self, request: Request, _: bytes) -> Response:
        """Answer one page of answers in the order in which they came; a page past the end is empty."""
        asked = self._admitted(request, {"page", "size", "since"})
        number, size = _whole(asked, "page", 1, 1, 10**6), _whole(asked, "size", 100, 1, LARGEST_PAGE)
        since = _whole(asked, "since", 0, 0, 10**15)
        versions = self._versions(REPLY, since, math.inf, order="born")
        page = versions[(number - 1) * size : number * size]
        return _json(f'{{"page": {number}, "size": {size}, "items": [{self._bodies(page)}]}}')

    def _admitted(self, request: Request, known: set[str]) -> dict[str, str]:
        """Return the query when token, pace and parameters are in order."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        now = time.monotonic()
        with self._lock:
            self._tokens = {t: until for t, until in self._tokens.items() if until > now}
            valid = kind.lower() == "bearer" and token in self._tokens
        if not valid:
            refusal = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise _Refused(
                HTTPStatus.UNAUTHORIZED, "invalid_token", "no token, or one that is not valid now", **refusal
            )
        self._pace(now)
        asked = _single(request.query_params.multi_items())
        if unknown := asked.keys() - known:
            raise _Refused(
                HTTPStatus.BAD_REQUEST, "invalid_request", f"unknown parameter: {', '.join(sorted(unknown))}"
            )
        return asked

    def _pace(self, now: float) -> None:
        with self._lock:
            while self._asked and self._asked[0] <= now - 1:
                self._asked.popleft()
            if len(self._asked) >= self.per_second:
                wait = max(1, math.ceil(self._asked[0] + 1 - now))
                raise _Refused(
                    HTTPStatus.TOO_MANY_REQUESTS, "slow_down", "too many requests", **{"Retry-After": str(wait)}
                )
            self._asked.append(now)

    def _known_view(self, cursor: str, filters: tuple[tuple[str, str], ...]) -> tuple[str, int, _View]:
        """Return the view that a cursor continues; its filters may be left out but not changed."""
        name, _, start = cursor.rpartition(".")
        with self._lock:
            view = self._views.get(name)
        if view is None or not start.isdecimal() or int(start) >= len(view.versions):
            raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_cursor", "the cursor is not known, begin again")
        if filters and filters != view.filters:
            raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_cursor", "the cursor belongs to other filters")
        return name, int(start), view

    def _versions(self, dataset: str, low: float, high: float, *, order: str) -> tuple[int, ...]:
        query = f"select seq from version where live = 1 and dataset = ? and updated between ? and ? order by {order}"
        return tuple(seq for (seq,) in self._ask(query, dataset, low, high))

    def _bodies(self, versions: tuple[int, ...]) -> str:
        marks = ", ".join("?" * len(versions))
        found = dict(self._ask(f"select seq, body from version where seq in ({marks})", *versions))
        return ", ".join(found[seq] for seq in versions)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _key(dataset: str, row: Row) -> str:
    return _written(tuple(row[name] for name in KEYS[dataset]))


def _written(key: Key) -> str:
    return json.dumps(list(key), separators=(",", ":"))


def _rendered(dataset: str, row: Row) -> str:
    """Return a record as the interface shows it: nested, with links that nobody needs."""
    shown = dict(row)
    if dataset == POST:
        shown["body"] = {"format": "text", "text": shown.pop("content")}
        shown["links"] = {"page": f"/messages/{row['message_id']}.html"}
    text = json.dumps(shown, ensure_ascii=False)
    # A lone surrogate can stand in JSON as an escape only.
    return json.dumps(shown) if any("\ud800" <= c <= "\udfff" for c in text) else text


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")


def _single(pairs: list[tuple[str, str]]) -> dict[str, str]:
    names = Counter(name for name, _ in pairs)
    if doubled := [name for name, count in names.items() if count > 1]:
        raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_request", f"given twice: {', '.join(doubled)}")
    return dict(pairs)


def _basic(request: Request) -> tuple[str, str] | None:
    kind, _, word = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        client, _, secret = base64.b64decode(word, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client, secret


def _iso(asked: Mapping[str, str], name: str, otherwise: float) -> float:
    """Return a moment as milliseconds; one without offset is refused."""
    if name not in asked:
        return otherwise
    try:
        moment = datetime.fromisoformat(asked[name])
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_request", f"{name}: write 2026-09-30T08:00:00+08:00")
    return moment.timestamp() * 1000


def _whole(asked: Mapping[str, str], name: str, otherwise: int, low: int, high: int) -> int:
    text = asked.get(name, str(otherwise))
    if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
        raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_request", f"{name}: write a number from {low} to {high}")
    return int(text)
