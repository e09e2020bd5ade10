"""Rows that a SOAP platform refused after it had taken them: asked for like what is read, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors import options, soap_pages
from connectors.http_peer import Clock
from connectors.options import steps
from connectors.soap_http import SoapPeer
from connectors.soap_options import Resource, operation, refuse_shared_paths
from connectors.soap_records import Plan
from connectors.soap_reply import Reply
from connectors.soap_wsdl import Service
from connectors.verdict_values import PLACES, verdict
from gateway.errors import SchemaMismatch
from gateway.model import Dataset, Platform
from gateway.ports import Verdict, Window


class Returned:
    """What a target of this kind refuses later."""

    def __init__(self, platform: Platform, service: Service, peer: SoapPeer) -> None:
        """Keep whom to ask."""
        self._platform, self._service, self._peer = platform, service, peer

    def verdicts(self, dataset: Dataset, since: datetime | None) -> Iterator[Verdict]:
        """Yield what was refused; SchemaMismatch for a verdict without a name or a time."""
        declared = options.declared(self._platform, dataset).get("verdicts")
        if declared is None:
            return
        where = f"platform {self._platform.platform}: options.resources.{dataset.name}.verdicts"
        key = options.paths(declared.get("fields", {}), dataset, dataset.key, where, "/")
        places = {name: steps(declared[name], "/") for name in PLACES if name in declared}
        asked = operation(declared, {**{f"key {name}": path for name, path in key.items()}, **places})
        refuse_shared_paths(where, list(asked.fields.values()))
        what = f"{asked.operation} of platform {self._platform.platform}"
        zone = options.zone(declared, where)
        for record in self._records(asked, Window(after=since), what):
            told = {name: record[f"key {name}"] for name in key}
            yield verdict(record.get, told, declared.get("format", "iso"), zone, what)

    def _records(self, asked: Resource, window: Window, what: str) -> Iterator[Mapping[str, str | None]]:
        """Yield the values of each verdict; a page is given when it has come whole."""
        plan, clock = Plan(asked.fields), Clock(self._peer.limits.seconds)
        found: list[tuple[str | None, list[str | None]]] = []

        def look(reply: Reply) -> None:
            found[:] = [plan.values(record) for record in soap_pages.limited(reply.records(), asked, what)]

        def page(arguments: soap_pages.Arguments) -> soap_pages.Page:
            reply: Any = self._peer.call(
                asked.operation, lambda: self._service.message(asked.operation, arguments),
                lambda chunks: Reply(chunks, asked.record, asked.total, what), clock, look,
            ).reply  # fmt: skip
            return soap_pages.Page(reply.came, reply.totals, reply.digest)

        for _ in soap_pages.read(asked, window, what, page):
            for fault, values in found:
                if fault:
                    raise SchemaMismatch(f"{what} tells a verdict that is no plain record", "Ask the platform's owner.")
                yield dict(zip(asked.fields, values, strict=True))
