"""The library of documents: a real HTTP server that takes signed requests only, and strict in what it takes.

HMAC-SM3 over method, path, query, body, time and nonce; a nonce serves once. Pages are linked, each link a part of a
view that stands still. What it holds survives a restart in an SQLite file, its address and its client too.
"""

from __future__ import annotations

import json
import math
import secrets
from collections import OrderedDict
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import city, documents, shelf
from sandbox.documents import KEYS, META
from sandbox.house import Refused
from sandbox.messages import Row, moment
from sandbox.shelf import Shelf
from sandbox.signed import Signatures, new_client
from sandbox.standin import Standin
from sandbox.standin import now as _now

BASE, PATH, INTAKE = "/dms", "/dms/v3/documents", "/dms/v3/intake"
SEED = 20261126
PAGE = 150
_VIEWS = 16


class _Refused(Refused):
    """Raised by a handler to answer with an error."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(JSONResponse({"error": status.phrase, "message": words}, status))


class DocumentLibrary(Standin):
    """The stand-in library on 127.0.0.1, in a thread of its owner's process; a context manager."""

    name, keys = "document library", KEYS

    def __init__(
        self,
        path: Path | None = None,
        *,
        seed: int = SEED,
        count: int = documents.DOCUMENTS,
        key: bytes = city.CERT_KEY,
    ) -> None:
        """Take the file that keeps everything (default: memory); fill it when it is new."""
        self._seed, self._count, self._owner_key = seed, count, key
        self._signatures = Signatures(self, "sm3", _Refused)
        self._views: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        self._latest: tuple[Any, ...] | None = None
        super().__init__(path, self._fill, shelf.TABLES)
        self.received = Shelf(self, META, "本库没有该要件类型", seed=seed, one_in=100)

    def _routes(self) -> list[Route]:
        return [
            Route(PATH, self._guarded(self._page), methods=["GET"]),
            Route(INTAKE, self._guarded(self._take), methods=["POST"]),
        ]

    @property
    def url(self) -> str:
        """Return the address without client and secret."""
        return f"http://127.0.0.1:{self.port}{BASE}"

    @property
    def dsn(self) -> str:
        """Return the address as GATEWAY_CONN_DOCUMENT holds it."""
        return f"http://{self.setting('client')}:{self.setting('secret')}@127.0.0.1:{self.port}{BASE}"

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""
        return f"the document library answers at {self.url}: {len(self.rows(META)):,} documents"

    def live(self) -> None:
        """Revoke the document before, and take in another."""
        if self._latest is not None:
            self.edit(META, self._latest, revoked_at=moment(_now()))
        row = self.add()
        self._latest = (row["document_id"], row["version"])

    def add(self, **changes: Any) -> Row:
        """Take in a new document, good unless `changes` make it bad, and return what is known of it."""
        stamp = moment(_now())
        with self.writing():
            made = documents.document(self._next(), 1, _now(), self._seed, self._owner_key)
            row = made | {"created_at": stamp, "revoked_at": None, "valid_to": None, "updated_at": stamp} | changes
            self._write(META, row)
        return row

    # What it holds

    def _fill(self) -> None:
        """Make the client and write good records and bad ones."""
        now = _now()
        new_client(self)
        for row in documents.documents(now, self._seed, self._owner_key, self._count):
            self._write(META, row)
        for place, rule in enumerate(documents.breakable()):
            row = documents.document(self._count + place, 1, now, self._seed, self._owner_key)
            made = documents.broken(rule, row)
            if rule == documents.BESIDE_LOWER:
                self._write(META, documents.lower(made))
            self._write_bad(META, rule, made)
        self.set("next", self._count + len(documents.breakable()))

    def _body(self, dataset: str, row: Row, fault: str | None) -> str:  # noqa: ARG002 - the protocol's
        shown = dict(row)
        shown["id"] = shown.pop("document_id")
        shown["digest"] = {"sha256": shown.pop("sha256"), "sm3": shown.pop("sm3")}
        shown["owner"] = {"kind": shown.pop("owner_kind"), "key": shown.pop("owner_key")}
        shown["preview"] = {"pages": 1}
        return json.dumps(shown, ensure_ascii=False)

    # What it answers

    def _page(self, request: Request, body: bytes) -> Response:
        """Answer a page: the first of a view, or the one that a link names."""
        self._signatures.admit(request, body)
        asked = _single(request)
        if "view" in asked:
            name, start = asked.pop("view"), int(_whole(asked, "start", 0))
            with self._lock:
                versions = self._views.get(name)
            if versions is None or asked or not 0 < start < len(versions):
                raise _Refused(HTTPStatus.GONE, "this link leads nowhere, begin again")
        else:
            low, high = _whole(asked, "changed_from", -math.inf), _whole(asked, "changed_to", math.inf)
            if asked:
                raise _Refused(HTTPStatus.BAD_REQUEST, f"unknown parameter: {', '.join(sorted(asked))}")
            versions = self._versions(META, low * 1000, high * 1000 + 999, order="updated, seq")
            name, start = self._kept(versions), 0
        page, ends = versions[start : start + PAGE], start + PAGE
        link = f"{PATH}?view={name}&start={ends}" if ends < len(versions) else None
        head = f'{{"count": {len(versions)}, "links": {{"next": {json.dumps(link)}}}, "documents": ['
        return Response(f"{head}{', '.join(self._bodies(page))}]}}", media_type="application/json")

    def _take(self, request: Request, body: bytes) -> Response:
        """Take a page of documents that came with cases; they are kept apart from its own."""
        self._signatures.admit(request, body)
        return self.received.take(request, body)

    def _kept(self, versions: tuple[int, ...]) -> str:
        """Keep a view, so that its pages stand still, and return its name."""
        name = secrets.token_urlsafe(9)
        with self._lock:
            self._views[name] = versions
            while len(self._views) > _VIEWS:
                self._views.popitem(last=False)
        return name


def _single(request: Request) -> dict[str, str]:
    pairs = request.query_params.multi_items()
    if len(dict(pairs)) < len(pairs):
        raise _Refused(HTTPStatus.BAD_REQUEST, "a parameter is given twice")
    return dict(pairs)


def _whole(asked: dict[str, str], name: str, otherwise: float) -> float:
    """Take a whole number out of what was asked."""
    text = asked.pop(name, None)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdecimal()):
        raise _Refused(HTTPStatus.BAD_REQUEST, f"{name}: write a whole number")
    return int(text)
