"""The official site's interface: citizens' messages out, service guides and what happens to cases in; strict in what it takes.

OAuth2 client credentials with short-lived tokens, a limit of requests per second, posts by cursor over a view that
stands still, answers by page. What it holds survives a restart in an SQLite file, its address and its client too.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import messages, shelf
from sandbox.house import Refused
from sandbox.messages import KEYS, POST, REPLY, Row
from sandbox.places import County
from sandbox.shelf import Shelf
from sandbox.signed import Pace, new_client
from sandbox.standin import Standin
from sandbox.standin import now as _now

BASE = "/api"
SCOPE = "messages.read"
SEED = 20261124
PAGE, LARGEST_PAGE = 200, 500
_NO_BOARD, _NO_CASE, _NO_POST = "本站没有该事项的栏目", "本站没有该办件的用户", "本站没有该留言"
ANSWERED = frozenset({"3", "4"})  # states of a message that has an answer
ALL = slice(None)  # the faults of a site that stands alone
_VIEWS = 16


class _Refused(Refused):
    """Raised by a handler to answer with an error."""

    def __init__(self, status: HTTPStatus, error: str, words: str, **headers: str) -> None:
        super().__init__(JSONResponse({"error": error, "error_description": words}, status, headers=headers))


@dataclass(frozen=True, slots=True)
class _View:
    """What a reader by cursor sees until its end: these versions, whatever is written meanwhile."""

    filters: tuple[tuple[str, str], ...]
    versions: tuple[int, ...]


class WebSite(Standin):
    """The stand-in official site on 127.0.0.1, in a thread of its owner's process; a context manager."""

    name, keys = "official site", KEYS

    def __init__(
        self, path: Path | None = None, *, seed: int = SEED, posts: int = messages.POSTS, replies: int = messages.REPLIES,
        token_seconds: float = 60.0, per_second: int = 6, base: str = BASE, at: County | None = None, faults: slice = ALL,
        elsewhere: Callable[[], Iterable[Row]] = tuple,
    ) -> None:  # fmt: skip
        """Take the file that keeps everything (default: memory) and how strict the site is; fill it when it is new.

        It answers below `base`. `at` makes it one county's site; `faults` says which of the known faults it holds.
        `elsewhere` gives the messages that came by other channels and are answered here.
        """
        self.token_seconds, self._seed = token_seconds, seed
        self.pace = Pace(per_second)
        self._base, self._at, self._faults, self._elsewhere = base, at, faults, elsewhere
        self._tokens: dict[str, float] = {}
        self._latest = ""
        self._views: OrderedDict[str, _View] = OrderedDict()
        super().__init__(path, lambda: self._fill(posts, replies), shelf.TABLES)
        self.guides = Shelf(self, "item.guide", _NO_BOARD, seed=seed, one_in=400)
        self.progress = Shelf(self, "case.accept", _NO_CASE, seed=seed, one_in=700)
        self.events = Shelf(self, "case.event", _NO_CASE, seed=seed, one_in=3_000)
        self.told_answers = Shelf(self, REPLY, _NO_POST, seed=seed, takes=self._asked)

    def _routes(self) -> list[Route]:
        return [
            Route(f"{self._base}/oauth/token", self._guarded(self._token), methods=["POST"]),
            Route(f"{self._base}/v1/messages", self._guarded(self._by_cursor), methods=["GET"]),
            Route(f"{self._base}/v1/replies", self._guarded(self._by_page), methods=["GET"]),
            Route(f"{self._base}/v1/guides", self._guarded(self._taking(self.guides)), methods=["POST"]),
            Route(f"{self._base}/v1/progress", self._guarded(self._taking(self.progress)), methods=["POST"]),
            Route(f"{self._base}/v1/events", self._guarded(self._taking(self.events)), methods=["POST"]),
            Route(f"{self._base}/v1/answers", self._guarded(self._taking(self.told_answers)), methods=["POST"]),
        ]

    @property
    def url(self) -> str:
        """Return the address without client and secret."""
        return f"http://127.0.0.1:{self.port}{self._base}"

    @property
    def dsn(self) -> str:
        """Return the address as GATEWAY_CONN_WEB holds it."""
        return f"http://{self.setting('client')}:{self.setting('secret')}@127.0.0.1:{self.port}{self._base}"

    def add_post(self, **changes: Any) -> Row:
        """Take in a new message, good unless `changes` make it bad, and return it."""
        now = _now()
        with self.writing():
            row = messages.post(self._next(), now, now, self._seed, at=self._at) | changes
            self._write(POST, row)
        return row

    def add_reply(self, message_id: str, **changes: Any) -> Row:
        """Answer a message, which is answered from then on, and return the answer."""
        now = _now()
        with self.writing():
            posts = {row["message_id"]: row for row in self.rows(POST)}
            known = [row["reply_no"] for row in self.rows(REPLY) if row["message_id"] == message_id]
            made = messages.reply(posts[message_id], max(known, default=0) + 1, now, self._seed)
            stamp = messages.moment(now)
            row = made | {"replied_at": stamp, "updated_at": stamp} | changes
            self._write(REPLY, row)
            self.edit(POST, (message_id,), state="3")
        return row

    def answer(self, row: Row) -> None:
        """Answer a message that came by another channel."""
        now = _now()
        with self.writing():
            self._write(REPLY, messages.reply(row, 1, now, self._seed) | {"updated_at": messages.moment(now)})

    def transfer(self, message_id: str, *, afresh: bool = False) -> Row:
        """Hand a message on to another unit; `afresh` gives it, against the rule, a time limit of its own."""
        with self.writing():
            row = next(row for row in self.rows(POST) if row["message_id"] == message_id)
            changes = {"transfers": row["transfers"] + 1}
            if afresh:
                sooner = datetime.fromisoformat(row["due_at"]) - timedelta(days=1)
                changes |= {"due_at": messages.moment(max(sooner, datetime.fromisoformat(row["submitted_at"])))}
                self.note_bad(POST, row, "MS-02")
            return self.edit(POST, (message_id,), **changes)

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""
        return f"the official site answers at {self.url}: {len(self.rows(POST)):,} messages, {len(self.rows(REPLY)):,} replies"

    def live(self) -> None:
        """Let an office answer the message before, and a citizen write another."""
        if self._latest:
            self.add_reply(self._latest)
        self._latest = str(self.add_post()["message_id"])

    def expire_tokens(self) -> None:
        """Make every token given so far invalid."""
        with self._lock:
            self._tokens.clear()

    # What it holds

    def _fill(self, posts: int, replies: int) -> None:
        """Make the client and write good records and bad ones."""
        now = _now()
        new_client(self)
        good = list(messages.posts(now, self._seed, posts, self._at))
        for row in good:
            self._write(POST, row)
        for place, rule in enumerate(messages.breakable(POST)[self._faults]):
            submitted = now - timedelta(days=10, hours=place)
            row = messages.post(posts + place, submitted, now, self._seed, at=self._at)
            self._write_bad(POST, rule, messages.broken(POST, rule, row))
        if replies:
            self._fill_replies(now, [row for row in good if row["state"] in ANSWERED], replies)
        self.set("next", posts + len(messages.breakable(POST)[self._faults]))

    def _fill_replies(self, now: datetime, answered: list[Row], count: int) -> None:
        for row in messages.replies(now, self._seed, answered, count):
            self._write(REPLY, row)
        for row in self._elsewhere():
            self._write(REPLY, messages.reply(row, 1, now, self._seed))
        for place, rule in enumerate(messages.breakable(REPLY)[self._faults]):
            row = messages.reply(answered[place % len(answered)], 50 + place, now, self._seed)
            self._write_bad(REPLY, rule, messages.broken(REPLY, rule, row))

    def _asked(self, answer: Row) -> bool:
        """Tell whether the message that an answer belongs to came by this channel."""
        key = json.dumps([answer["message_id"]], separators=(",", ":"))
        return bool(self.ask("select 1 from version where dataset = ? and key = ?", POST, key))

    def _body(self, dataset: str, row: Row, fault: str | None) -> str:
        body = _rendered(dataset, row)
        return '{"title": "前一个标题", ' + body[1:] if fault == messages.DOUBLED else body

    # What it answers

    def _token(self, request: Request, body: bytes) -> Response:
        """Give a token for client credentials, by HTTP Basic or in the form (RFC 6749)."""
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise _Refused(HTTPStatus.BAD_REQUEST, "invalid_request", "send a form")
        form = _single(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        given = _basic(request) or (form.pop("client_id", ""), form.pop("client_secret", ""))
        wanted = (self.setting("client") or "", self.setting("secret") or "")
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
        return _json(f"{head}{', '.join(self._bodies(page))}]}}}}")

    def _by_page(self, request: Request, _: bytes) -> Response:
        """Answer one page of answers in the order in which they came; a page past the end is empty."""
        asked = self._admitted(request, {"page", "size", "since"})
        number, size = _whole(asked, "page", 1, 1, 10**6), _whole(asked, "size", 100, 1, LARGEST_PAGE)
        since = _whole(asked, "since", 0, 0, 10**15)
        versions = self._versions(REPLY, since, math.inf, order="born")
        page = versions[(number - 1) * size : number * size]
        return _json(f'{{"page": {number}, "size": {size}, "items": [{", ".join(self._bodies(page))}]}}')

    def _taking(self, shelf_: Shelf) -> Callable[[Request, bytes], Response]:
        """Return what takes a page of service guides, or of what happens to cases."""

        def take(request: Request, body: bytes) -> Response:
            self._admitted(request, set())
            return shelf_.take(request, body)

        return take

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
        self._paced()
        asked = _single(request.query_params.multi_items())
        if unknown := asked.keys() - known:
            raise _Refused(
                HTTPStatus.BAD_REQUEST, "invalid_request", f"unknown parameter: {', '.join(sorted(unknown))}"
            )
        return asked

    def _paced(self) -> None:
        with self._lock:
            wait = self.pace.wait()
        if wait:
            raise _Refused(HTTPStatus.TOO_MANY_REQUESTS, "slow_down", "too many requests", **{"Retry-After": str(wait)})

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
