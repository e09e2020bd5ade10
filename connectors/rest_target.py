"""Writes a REST platform: a batch as pages of records, each under an idempotency key of its own.

A batch that fits in one page is taken as a whole or not at all, and its key is its number's: whatever comes under it again is
answered as before. Of a larger batch the platform may show a part while the rest is on its way. When it is sent again, fewer
rows may belong to it, and in another order; so a page of it is known by what it holds, not by where it stands.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any, Literal

from connectors import copy_text, rest_answer
from connectors.copy_text import Row
from connectors.http_address import Address
from connectors.http_peer import Clock
from connectors.rest_answer import Told
from connectors.rest_body import Envelope, Template, Unwritable
from connectors.rest_http import RestPeer
from connectors.rest_verdicts import Returned
from connectors.rest_write_options import Endpoint, Writing, writing
from gateway.errors import SchemaMismatch
from gateway.model import Dataset, Platform
from gateway.ports import Delivery, Outgoing, Read, Shape, Turns, Verdict
from gateway.records import as_text

_ROWS = ("inserted", "updated", "unchanged")
_COUNTS = (*_ROWS, "deleted")
_UNWRITABLE = "{}的值无法写入接口 / the value of {} cannot be written in the interface's form"


class RestTarget(Returned):
    """A platform whose write endpoints the catalog declares. Raises what a read of it raises."""

    format: Literal["binary", "text"] = "text"

    def __init__(self, platform: Platform, where: Address, peer: RestPeer) -> None:
        """Keep where to send to; connections are opened when they are needed."""
        super().__init__(platform, where, peer)

    def __repr__(self) -> str:
        """Name the platform, never the DSN."""
        return f"RestTarget({self._platform.platform!r})"

    def describe(self, dataset: Dataset) -> Shape | None:
        """Return None, an interface shows no columns; CatalogInvalid when the data set cannot be written as declared."""
        _Layout(self._platform, dataset)
        return None

    def write(self, dataset: Dataset, batch: Outgoing) -> Delivery:
        """Send deletions, then rows, page by page, within the total time of one batch."""
        return _Batch(self._platform, self._address, self._peer, dataset, batch).sent()

    def take(self, turns: Turns) -> None:
        """Have each request wait for its turn."""
        self._peer.take(turns)

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._peer.close()


@dataclass(frozen=True, slots=True)
class _Record:
    """A record that is to be sent: what it is, its key as the hub writes it and as the body does, and its JSON."""

    gone: bool
    key: tuple[str | None, ...]
    told: tuple[str, ...]
    text: str


class _Layout:
    """The forms of a data set's bodies; CatalogInvalid when they cannot be followed as declared."""

    def __init__(self, platform: Platform, dataset: Dataset) -> None:
        self.writing: Writing = writing(platform, dataset)
        where = f"platform {platform.platform}: options.resources.{dataset.name}.write"
        keys = [dataset.field(k) for k in dataset.key]
        self.envelope = Envelope(self.writing, where)
        self.rows = Template(dataset.fields, self.writing, self._constants("write"), where)
        self.gone = Template(keys, self.writing, self._constants("delete"), where)

    def _constants(self, operation: str) -> Mapping[str, Any]:
        declared = self.writing.operation
        return {**self.writing.constants, **({declared["at"]: declared[operation]} if declared else {})}


class _Batch:
    """One batch on its way: a page is sent when the next record shows that it is not the last."""

    def __init__(self, platform: Platform, where: Address, peer: RestPeer, dataset: Dataset, batch: Outgoing) -> None:
        self._layout = _Layout(platform, dataset)
        self._writing = self._layout.writing
        self._platform, self._address, self._peer, self._dataset = platform.platform, where, peer, dataset
        self._places = [dataset.columns.index(k) for k in dataset.key]
        self._page: list[_Record] = []
        self._counts: Counter[str] = Counter()
        self._refused: dict[str, Verdict] = {}
        self._repeated: list[bool] = []
        self._full = False
        self._batch, self._clock = batch, Clock(peer.limits.seconds)

    def sent(self) -> Delivery:
        """Send everything and return what the platform confirmed."""
        apart = not self._writing.operation
        self._send_all(self._batch.gone, self._take_gone, last=apart)
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
        self._add(row, self._layout.rows, copy_text.texts(row, self._places), self._places, gone=False)

    def _take_gone(self, row: Row) -> None:
        self._add(row, self._layout.gone, tuple(row), range(len(row)), gone=True)

    def _add(
        self, row: Row, template: Template, key: tuple[str | None, ...], places: Sequence[int], *, gone: bool
    ) -> None:
        try:
            text, told = template.record(row)
        except Unwritable as error:
            self._refuse(dict(zip(self._dataset.key, key, strict=True)), "value", _UNWRITABLE.format(error, error))
            return
        if len(self._page) == self._writing.size:
            self._send(self._page, whole=False)
            self._page, self._full = [], True
        self._page.append(_Record(gone, key, tuple(told[place] for place in places), text))

    def _send(self, page: Sequence[_Record], *, whole: bool) -> None:
        """Send a page; one refused as a whole is sent again in halves, down to the record that is wrong."""
        told = self._exchange(page, whole=whole)
        if told.whole is None:
            self._note(page, told)
        elif len(page) == 1:
            self._repeated.append(False)
            key = dict(zip(self._dataset.key, page[0].key, strict=True))
            self._refuse(key, told.whole.code, told.whole.words)
        else:
            middle = len(page) // 2
            self._send(page[:middle], whole=False)
            self._send(page[middle:], whole=False)

    def _exchange(self, page: Sequence[_Record], *, whole: bool) -> Told:
        writing, texts = self._writing, [record.text for record in page]
        apart = page[0].gone and not writing.operation
        endpoint: Endpoint = writing.gone if apart else writing.rows
        key = self._key("gone" if apart else "rows", "" if whole else "\n".join(texts))
        body = self._layout.envelope.body(texts, self._batch.number, self._batch.left, key)
        what = f"{endpoint.path} of platform {self._platform}"
        counted = _COUNTS if writing.operation else ("deleted",) if apart else _ROWS
        return self._peer.send(
            endpoint.path, endpoint.method, f"{self._address.origin}{self._address.base}{endpoint.path}", body,
            {writing.header: key} if writing.header else {}, self._clock,
            rest_answer.reader(self._peer, writing.answers, what, counted),
        )  # fmt: skip

    def _key(self, kind: str, content: str) -> str:
        parts = (self._batch.hub, self._dataset.name, str(self._batch.number), kind, content)
        return sha256("\0".join(parts).encode()).hexdigest()[:40]

    def _note(self, page: Sequence[_Record], told: Told) -> None:
        """Count what became of a page; SchemaMismatch when the platform tells of fewer records than it was sent."""
        known = {_as_read(record.told): record for record in page} if told.refused else {}
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


def _as_read(told: Sequence[str]) -> tuple[str | None, ...]:
    """Return values of a body as they read when an answer repeats them."""
    return tuple(as_text(json.loads(text, parse_float=Decimal)) for text in told)
