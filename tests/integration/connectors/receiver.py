"""A REST platform on loopback that takes records: strict about what it is sent, and it knows a page that comes again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.rest import connect_target
from connectors.rest_target import RestTarget
from gateway.model import Dataset, Platform
from gateway.ports import Outgoing, Read
from gateway.records import lines
from tests.integration.connectors.site import POST, Reply, Seen, Site

LEFT = datetime(2026, 11, 24, 4, 0, 0, tzinfo=UTC)
ANSWER = {
    "code": "code", "success": [0], "busy": ["BUSY"], "denied": ["DENIED"], "refused_page": ["BAD"], "repeated": "data.repeated",
    "counts": {name: f"data.{name}" for name in ("inserted", "updated", "unchanged", "deleted")},
    "refused": {"records": "data.errors", "fields": {"id": "key.id"}, "code": "code", "words": "message"},
}  # fmt: skip
WRITE: dict[str, Any] = {
    "path": "/messages/write", "records": "data.items", "around": {"data.source": "130800"}, "number": "data.batch", "left": "data.sent",
    "fields": {"content": "body.text"}, "size": 3, "deletions": {"kind": "operation", "at": "op", "write": "U", "delete": "D"},
    "answer": ANSWER,
}  # fmt: skip
Record = dict[str, Any]


class Receiver:
    """Keeps records by key; `wrong` tells what is wrong with one, if anything."""

    def __init__(self, site: Site, key: tuple[str, ...] = ("id",)) -> None:
        """Take every request from now on."""
        self.held: dict[tuple[Any, ...], Record] = {}
        self.keys: dict[str, Record] = {}
        self.wrong: Callable[[Record], str | None] = lambda _: None
        self._key = key
        site.script = self.answer

    def answer(self, seen: Seen) -> Reply:
        """Take a page once."""
        name = seen.headers["Idempotency-Key"]
        if name in self.keys:
            return Reply({"code": 0, "data": {**self.keys[name], "repeated": True}})
        body = json.loads(seen.body, parse_float=Decimal)
        assert set(body) == {"data"}
        assert set(body["data"]) == {"source", "batch", "sent", "items"}
        self.keys[name] = self._taken(body["data"]["items"])
        return Reply({"code": 0, "data": self.keys[name]})

    def _taken(self, items: Iterable[Record]) -> Record:
        counts: dict[str, Any] = dict.fromkeys(("inserted", "updated", "unchanged", "deleted"), 0)
        errors = []
        for item in items:
            operation, key = item.pop("op"), tuple(item[k] for k in self._key)
            wrong = "nobody has it" if operation == "D" and key not in self.held else self.wrong(item)
            if wrong:
                errors.append({"key": dict(zip(self._key, key, strict=True)), "code": "E1", "message": wrong})
            elif operation == "D":
                del self.held[key]
                counts["deleted"] += 1
            else:
                counts["updated" if key in self.held else "inserted"] += 1
                self.held[key] = item
        return {**counts, "errors": errors, "repeated": False}


def target_platform(
    write: Mapping[str, Any] | None = None, auth: Any = None, limits: Any = None, **more: Any
) -> Platform:
    """Return the catalog's entry of a platform that is written to."""
    options = {
        "resources": {POST.name: {"write": {**WRITE, **(write or {})}, **more}},
        "limits": limits or {"seconds": 20},
    }
    return Platform("app", "手机APP", "rest", "APP", "zfb", options={**options, **({"auth": auth} if auth else {})})


@contextmanager
def writer(
    site: Site, write: Any = None, *, auth: Any = None, limits: Any = None, dsn: str = "", **more: Any
) -> Iterator[RestTarget]:
    """Yield the connector of a site as a target and close it."""
    target = connect_target(target_platform(write, auth, limits, **more), dsn or site.dsn())
    try:
        yield target
    finally:
        target.close()


def message(number: int | str, content: str | None = None, score: str | None = "1.50") -> list[str | None]:
    """Return a row of POST as the hub's COPY writes its values."""
    return [f"m{number}", content or f"留言{number}", score, "2026-11-24 04:00:00+00"]


def batch(
    rows: Iterable[list[str | None]] = (), gone: Iterable[str] = (), number: int = 7, hub: str = "a hub"
) -> Outgoing:
    """Return a batch of rows and keys that are gone."""
    return Outgoing(hub, number, LEFT, _read(list(rows)), _read([[key] for key in gone]))


def _read(rows: list[Any]) -> Read:
    def read(out: Any) -> int:
        for row in rows:
            out.write(lines([(None, row)]).removeprefix(rb"\N" + b"\t"))
        return len(rows)

    return read


def bodies(site: Site) -> list[Any]:
    """Return what was sent, in order."""
    return [json.loads(seen.body, parse_float=Decimal) for seen in site.seen if seen.body]


def items(site: Site) -> list[list[str]]:
    """Return the keys that each request sent, in order."""
    return [[item["id"] for item in body["data"]["items"]] for body in bodies(site)]


def dataset_with(*fields: Any, key: tuple[str, ...] = ("id",)) -> Dataset:
    """Return a data set of these fields under the name of POST."""
    return Dataset(name=POST.name, chinese="", version="1", table="t", owner="zfb", rules=(), fields=fields, key=key)
