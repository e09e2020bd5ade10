"""Writes a REST platform: a batch as pages of records in JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Literal

from connectors import rest_answer
from connectors.copy_text import Row
from connectors.http_address import Address
from connectors.http_peer import Clock
from connectors.page_answer import Told
from connectors.page_batch import Key, PageBatch, Record
from connectors.rest_body import Envelope, Template
from connectors.rest_http import RestPeer
from connectors.rest_verdicts import Returned
from connectors.rest_write_options import Endpoint, Writing, writing
from gateway.model import Dataset, Platform
from gateway.ports import Delivery, Description, Mark, Outgoing, Shape, Turns
from gateway.records import as_text


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

    def told(self, dataset: Dataset) -> Description | None:  # noqa: ARG002 - one document describes all
        """Return the document that describes the interface; None when the platform declares none."""
        return self._peer.described(self._platform, self._address, Clock(self._peer.limits.seconds))

    def mark(self, dataset: Dataset, memo: str) -> Mark | None:
        """Return the sign of the document that describes the interface; None when the platform declares none."""
        return self._peer.described_mark(self._platform, self._address, dataset, memo)

    def write(self, dataset: Dataset, batch: Outgoing) -> Delivery:
        """Send deletions, then rows, page by page, within the total time of one batch."""
        return _Batch(self._platform, self._address, self._peer, dataset, batch).sent()

    def take(self, turns: Turns) -> None:
        """Have each request wait for its turn."""
        self._peer.take(turns)

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._peer.close()


class _Layout:
    """The forms of a data set's bodies; CatalogInvalid when they cannot be followed as declared."""

    def __init__(self, platform: Platform, dataset: Dataset) -> None:
        self.writing: Writing = writing(platform, dataset)
        where = f"platform {platform.platform}: options.resources.{dataset.name}.write"
        keys = [dataset.field(k) for k in dataset.key]
        self.envelope = Envelope(self.writing, where)
        self.rows = Template(dataset.fields, self.writing, self.writing.fixed("write"), where)
        self.gone = Template(keys, self.writing, self.writing.fixed("delete"), where)


class _Batch(PageBatch[str]):
    """A batch whose records are JSON."""

    def __init__(self, platform: Platform, where: Address, peer: RestPeer, dataset: Dataset, batch: Outgoing) -> None:
        self._layout = _Layout(platform, dataset)
        self._writing = writing = self._layout.writing
        super().__init__(platform.platform, dataset, batch, size=writing.size, apart=not writing.operation)
        self._address, self._peer, self._clock = where, peer, Clock(peer.limits.seconds)

    def _record(self, row: Row, *, gone: bool) -> tuple[str, Sequence[str | None]]:
        return (self._layout.gone if gone else self._layout.rows).record(row)

    def _content(self, page: Sequence[Record[str]]) -> str:
        return "\n".join(record.body for record in page)

    def _exchange(self, page: Sequence[Record[str]], key: str, counted: Collection[str], *, apart: bool) -> Told:
        writing, texts = self._writing, [record.body for record in page]
        endpoint: Endpoint = writing.gone if apart else writing.rows
        body = self._layout.envelope.body(texts, self._batch.number, self._batch.left, key)
        what = f"{endpoint.path} of platform {self._platform}"
        return self._peer.send(
            endpoint.path, endpoint.method, f"{self._address.origin}{self._address.base}{endpoint.path}", body,
            {writing.header: key} if writing.header else {}, self._clock,
            rest_answer.reader(self._peer, writing.answers, what, counted),
        )  # fmt: skip

    def _as_read(self, told: Sequence[str | None]) -> Key:
        return tuple(as_text(json.loads(text or "null", parse_float=Decimal)) for text in told)
