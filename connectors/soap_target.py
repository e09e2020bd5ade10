"""Writes a SOAP platform: a batch as pages of records, each the arguments of a call that zeep makes by the WSDL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

from lxml import etree
from zeep.exceptions import ValidationError

from connectors import soap_answer, soap_body, soap_http
from connectors.copy_text import Row
from connectors.http_peer import Clock
from connectors.page_answer import Refusal, Told
from connectors.page_batch import PageBatch, Record
from connectors.soap_body import Arguments, Template
from connectors.soap_http import SoapPeer
from connectors.soap_verdicts import Returned
from connectors.soap_write_options import Call, Writing, writing
from connectors.soap_wsdl import Message, Service
from gateway.model import Dataset, Platform
from gateway.ports import Delivery, Description, Mark, Outgoing, Shape, Turns
from gateway.records import as_json

_HINT = "Compare records, fields, constants and arguments of write with the WSDL."
_MISFIT = "记录缺少接口必填的内容：{} / the interface demands what the record lacks: {}"


class SoapTarget(Returned):
    """A platform whose writing operations the catalog declares. Raises what a read of it raises."""

    format: Literal["binary", "text"] = "text"

    def __init__(self, platform: Platform, service: Service, peer: SoapPeer) -> None:
        """Keep what to call; connections are opened when they are needed."""
        super().__init__(platform, service, peer)

    def __repr__(self) -> str:
        """Name the platform, never the DSN."""
        return f"SoapTarget({self._platform.platform!r})"

    def describe(self, dataset: Dataset) -> Shape | None:
        """Return None, a service shows no columns; CatalogInvalid when the WSDL does not take what is declared."""
        _Layout(self._platform, self._service, dataset)
        return None

    def told(self, dataset: Dataset) -> Description:  # noqa: ARG002 - one WSDL describes all
        """Return the WSDL as the platform publishes it; the vetted copy when it publishes none."""
        return soap_http.told(self._peer, self._service.described, self._service.vetted)

    def mark(self, dataset: Dataset, memo: str) -> Mark | None:
        """Return the sign of the WSDL that the platform publishes; None when it publishes none."""
        return soap_http.mark(self._peer, self._service, self._platform, dataset, memo)

    def write(self, dataset: Dataset, batch: Outgoing) -> Delivery:
        """Send deletions, then rows, page by page, within the total time of one batch."""
        return _Batch(self._platform, self._service, self._peer, dataset, batch).sent()

    def take(self, turns: Turns) -> None:
        """Have each request wait for its turn."""
        self._peer.take(turns)

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._peer.close()


class _Layout:
    """The forms of a data set's calls; CatalogInvalid when the WSDL does not take them."""

    def __init__(self, platform: Platform, service: Service, dataset: Dataset) -> None:
        self.writing: Writing = writing(platform, dataset)
        where = f"platform {platform.platform}: options.resources.{dataset.name}.write"
        keys = [dataset.field(k) for k in dataset.key]
        self.rows = Template(dataset.fields, self.writing, self.writing.fixed("write"), where)
        self.gone = Template(keys, self.writing, self.writing.fixed("delete"), where)
        for call, template in ((self.writing.rows, self.rows), (self.writing.gone, self.gone)):
            soap_body.check_request(self.writing, call, where)
            service.check(where, call.operation, lambda c=call, t=template: self._sample(c, t), _HINT)  # type: ignore[misc]

    def _sample(self, call: Call, template: Template) -> Arguments:
        return soap_body.request(self.writing, call, [template.sample()], 1, soap_body.SAMPLE_MOMENT, "0" * 40)


class _Batch(PageBatch[Arguments]):
    """A batch whose records are arguments."""

    def __init__(self, platform: Platform, service: Service, peer: SoapPeer, dataset: Dataset, batch: Outgoing) -> None:
        self._layout = _Layout(platform, service, dataset)
        self._writing = writing = self._layout.writing
        super().__init__(platform.platform, dataset, batch, size=writing.size, apart=not writing.operation)
        self._service, self._peer, self._clock = service, peer, Clock(peer.limits.seconds)

    def _record(self, row: Row, *, gone: bool) -> tuple[Arguments, Sequence[str | None]]:
        return (self._layout.gone if gone else self._layout.rows).record(row)

    def _content(self, page: Sequence[Record[Arguments]]) -> str:
        return as_json([record.body for record in page])

    def _exchange(self, page: Sequence[Record[Arguments]], key: str, counted: Collection[str], *, apart: bool) -> Told:
        writing, records = self._writing, [record.body for record in page]
        call = writing.gone if apart else writing.rows
        arguments = soap_body.request(writing, call, records, self._batch.number, self._batch.left, key)
        what = f"{call.operation} of platform {self._platform}"

        def message() -> Message:
            return self._service.message(call.operation, arguments, self._header(key))

        receive = soap_answer.reader(self._peer, writing.answers, what, counted)
        try:
            return self._peer.send(
                call.operation, message, self._clock, receive, lambda codes: soap_answer.turned(writing.answers, codes)
            )
        except ValidationError as misfit:  # a null where the WSDL knows none: nothing was sent
            lacking = ".".join(map(str, misfit.path or ())) or call.operation
            return Told(whole=Refusal({}, "value", _MISFIT.format(lacking, lacking)))

    def _header(self, key: str) -> Any:
        if not self._writing.header:
            return None
        element = etree.Element(self._writing.header)
        element.text = key
        return element
