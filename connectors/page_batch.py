"""A batch as pages of records, each under an idempotency key of its own.

A batch that fits in one page is taken as a whole or not at all, and its key is its number's: whatever comes under it again is
answered as before. Of a larger batch the platform may show a part while the rest is on its way. When it is sent again, fewer
rows may belong to it, and in another order; so a page of it is known by what it holds, not by where it stands.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar

from connectors import copy_text
from connectors.copy_text import Row
from connectors.page_answer import Told
from gateway.errors import SchemaMismatch
from gateway.model import Dataset
from gateway.ports import Delivery, Outgoing, Read, Verdict

_ROWS = ("inserted", "updated", "unchanged")
_COUNTS = (*_ROWS, "deleted")
_UNWRITABLE = "{}的值无法写入接口 / the value of {} cannot be written in the interface's form"
Body = TypeVar("Body")
Key = tuple[str | None, ...]


class Unwritable(ValueError):
    """Raised for a value that the platform's form cannot hold; bears its field's name only."""


@dataclass(frozen=True, slots=True)
class Record(Generic[Body]):
    """A record that is to be sent: what it is, its key as the hub writes it and as an answer repeats it, and its form."""

    gone: bool
    key: Key
    told: tuple[str | None, ...]
    body: Body


class PageBatch(ABC, Generic[Body]):
    """One batch on its way: a page is sent when the next record shows that it is not the last.

    `apart`: deletions go in pages of their own.
    """

    def __init__(self, platform: str, dataset: Dataset, batch: Outgoing, *, size: int, apart: bool) -> None:
        """Send nothing yet."""
        self._platform, self._dataset, self._batch, self._size, self._apart = platform, dataset, batch, size, apart
        self._places = [dataset.columns.index(k) for k in dataset.key]
        self._page: list[Record[Body]] = []
        self._counts: Counter[str] = Counter()
        self._refused: dict[str, Verdict] = {}
        self._repeated: list[bool] = []
        self._full = False

    @abstractmethod
    def _record(self, row: Row, *, gone: bool) -> tuple[Body, Sequence[str | None]]:
        """Return a row as it is sent, and its values; Unwritable when one of them is none that can be told."""

    @abstractmethod
    def _content(self, page: Sequence[Record[Body]]) -> str:
        """Return a text that two pages share only if they hold the same."""

    @abstractmethod
    def _exchange(self, page: Sequence[Record[Body]], key: str, counted: Collection[str], *, apart: bool) -> Told:
        """Send a page under its key and return what became of it; `counted` are the figures its answer tells."""

    def _as_read(self, told: Sequence[str | None]) -> Key:
        """Return values of a record as they read when an answer repeats them."""
        return tuple(told)

    def sent(self) -> Delivery:
        """Send everything and return what the platform confirmed."""
        self._send_all(self._batch.gone, self._take_gone, last=self._apart)
        self._send_all(self._batch.rows, self._take_row, last=True)
        inserted, updated, unchanged, deleted = (self._counts[name] for name in _COUNTS)
        repeated = bool(self._repeated) and all(self._repeated)
        refused = tuple(self._refused.values())
        return Delivery(self._batch.number, inserted, updated, unchanged, deleted, repeated, refused)

    def _send_all(self, read: Read, take: copy_text.Take, *, last: bool) -> None:
        copy_text.each(read, take)
        if last:
            if self._page:
                self._send(self._page, whole=not self._full)
            self._page, self._full = [], False

    def _take_row(self, row: Row) -> None:
        self._add(row, copy_text.texts(row, self._places), self._places, gone=False)

    def _take_gone(self, row: Row) -> None:
        self._add(row, tuple(row), range(len(row)), gone=True)

    def _add(self, row: Row, key: Key, places: Sequence[int], *, gone: bool) -> None:
        try:
            body, told = self._record(row, gone=gone)
        except Unwritable as error:
            self._refuse(dict(zip(self._dataset.key, key, strict=True)), "value", _UNWRITABLE.format(error, error))
            return
        if len(self._page) == self._size:
            self._send(self._page, whole=False)
            self._page, self._full = [], True
        self._page.append(Record(gone, key, tuple(told[place] for place in places), body))

    def _send(self, page: Sequence[Record[Body]], *, whole: bool) -> None:
        """Send a page; one refused as a whole is sent again in halves, down to the record that is wrong."""
        apart = page[0].gone and self._apart
        key = self._key("gone" if apart else "rows", "" if whole else self._content(page))
        told = self._exchange(page, key, ("deleted",) if apart else _ROWS if self._apart else _COUNTS, apart=apart)
        if told.whole is None:
            self._note(page, told)
        elif len(page) == 1:
            self._repeated.append(False)
            self._refuse(dict(zip(self._dataset.key, page[0].key, strict=True)), told.whole.code, told.whole.words)
        else:
            middle = len(page) // 2
            self._send(page[:middle], whole=False)
            self._send(page[middle:], whole=False)

    def _key(self, kind: str, content: str) -> str:
        parts = (self._batch.hub, self._dataset.name, str(self._batch.number), kind, content)
        return sha256("\0".join(parts).encode()).hexdigest()[:40]

    def _note(self, page: Sequence[Record[Body]], told: Told) -> None:
        """Count what became of a page; SchemaMismatch when the platform tells of fewer records than it was sent."""
        known = {self._as_read(record.told): record for record in page} if told.refused else {}
        turned: Counter[bool] = Counter()
        for one in told.refused:
            record = known.get(tuple(one.key[name] for name in self._dataset.key))
            key = one.key if record is None else dict(zip(self._dataset.key, record.key, strict=True))
            turned.update([] if record is None else [record.gone])
            self._refuse(key, one.code, one.words)
        gone = sum(record.gone for record in page)
        self._count(told, len(page) - gone - turned[False], gone - turned[True])
        self._repeated.append(told.repeated)

    def _count(self, told: Told, rows: int, gone: int) -> None:
        """Add the platform's figures, or ours where it tells none."""
        counts = Counter(told.counts)
        taken = sum(counts[name] for name in _ROWS)
        if not counts.keys() & set(_ROWS):
            counts["updated"] = rows
        elif "unchanged" not in counts:
            counts["unchanged"] = max(rows - taken, 0)
        elif taken < rows and not told.repeated:
            raise SchemaMismatch(
                f"platform {self._platform} was sent {rows} rows of {self._dataset.name} and tells of {taken}",
                "Ask its owner what became of the others; the same batch is sent again.",
            )
        if "deleted" not in counts:
            counts["deleted"] = gone
        self._counts.update(counts)

    def _refuse(self, key: Mapping[str, str | None], error: str, words: str) -> None:
        # a key may be a personal number: the verdict's name does not tell it
        parts = (self._batch.hub, str(self._batch.number), error, *map(str, key.values()))
        name = sha256("\0".join(parts).encode()).hexdigest()
        self._refused[name] = Verdict(name, key, self._batch.number, error, words, self._batch.left)
