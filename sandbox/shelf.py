"""What a stand-in is sent and keeps: rows of a data set, page by page, each page once, a few rows refused by lot.

The form is one that many systems have: `{"batch": 7, "items": [{"op": "put", …}, {"op": "drop", "id": …}]}` under an
Idempotency-Key, answered by counts and by the rows that were not taken.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import sources
from sandbox.house import House, Refused
from sandbox.messages import Row

TABLES = """
create table if not exists kept (dataset text, key text, row text not null, primary key (dataset, key));
create table if not exists answered (dataset text, page text, answer text not null, primary key (dataset, page));
"""
LARGEST_PAGE = 200
Later = Callable[[int, Row], None]
COUNTS = ("inserted", "updated", "unchanged", "deleted")


class Shelf:
    """The rows of one data set that a stand-in was sent; `words` is what it says of a row that it does not take."""

    def __init__(
        self, house: House, dataset: str, words: str, *, seed: int, one_in: int = 0, later: Later | None = None,
        takes: Callable[[Row], bool] = lambda _: True,
    ) -> None:  # fmt: skip
        """Take whose shelf it is, and which rows are refused: what it does not take, and by lot one in `one_in`.

        They are refused at once, or `later` if that is given.
        """
        table = sources.table(dataset)
        self._house, self._dataset, self._words = house, dataset, words
        self._key, self._names = table.key, frozenset(column.name for column in table.columns)
        self._seed, self._one_in, self._later, self._takes = seed, one_in, later, takes

    def take(self, request: Request, body: bytes) -> Response:
        """Answer a page: what became of its rows; the same page is answered as before."""
        page = request.headers.get("idempotency-key", "")
        if not 16 <= len(page) <= 64:
            raise _refusal("send an Idempotency-Key of 16 to 64 letters")
        with self._house.writing():
            known = self._house.ask("select answer from answered where dataset = ? and page = ?", self._dataset, page)
            if known:
                return JSONResponse(json.loads(known[0][0]) | {"repeated": True})
            batch, items = _page(body)
            answer = {"code": 0, "repeated": False, **self._kept(batch, items)}
            self._house.ask("insert into answered values (?, ?, ?)", self._dataset, page, json.dumps(answer))
        return JSONResponse(answer)

    def rows(self) -> list[Row]:
        """Return what it keeps, in the order of the keys."""
        found = self._house.ask("select row from kept where dataset = ? order by key", self._dataset)
        return [json.loads(row) for (row,) in found]

    def _kept(self, batch: int, items: list[Row]) -> dict[str, Any]:
        counts, refused = dict.fromkeys(COUNTS, 0), []
        for item in items:
            operation = item.pop("op", None)
            if set(item) != (self._names if operation == "put" else set(self._key)) or operation not in {"put", "drop"}:
                raise _refusal("an item is not what the manual says")
            key = [item[name] for name in self._key]
            drawn = operation == "put" and (self._lot(key) or not self._takes(item))
            told = {**dict(zip(self._key, key, strict=True)), "error": "E201", "words": self._words} if drawn else {}
            if told and self._later is None:
                refused.append(told)
                continue
            if told and self._later is not None:
                self._later(batch, told)
            counts[self._changed(json.dumps(key), item, operation)] += 1
        return {"counts": counts, "refused": refused}

    def _changed(self, key: str, item: Row, operation: str) -> str:
        place = (self._dataset, key)
        held = self._house.ask("select row from kept where dataset = ? and key = ?", *place)
        if operation == "drop":
            self._house.ask("delete from kept where dataset = ? and key = ?", *place)
            return "deleted"
        self._house.ask("insert or replace into kept values (?, ?, ?)", *place, json.dumps(item, ensure_ascii=False))
        return "inserted" if not held else "unchanged" if json.loads(held[0][0]) == item else "updated"

    def _lot(self, key: list[Any]) -> bool:
        if not self._one_in:
            return False
        drawn = hashlib.sha256(f"{self._seed}:{self._dataset}:{key}".encode()).digest()
        return int.from_bytes(drawn[:4], "big") % self._one_in == 0


def _page(body: bytes) -> tuple[int, list[Row]]:
    """Return batch and items of a page; whatever is not as the manual says is refused as a whole."""
    try:
        told = json.loads(body)
        items, sound = told["items"], type(told["batch"]) is int and set(told) == {"batch", "items"}
        sound = sound and 0 < len(items) <= LARGEST_PAGE and all(isinstance(item, dict) for item in items)
    except (ValueError, TypeError, KeyError):
        sound = False
    if not sound:
        raise _refusal("the body is not what the manual says")
    return told["batch"], list(items)


def _refusal(words: str) -> Refused:
    return Refused(JSONResponse({"code": 400, "message": words}, HTTPStatus.BAD_REQUEST))
