"""The SOAP connector keeps what every target promises, against a strict server that takes pages of records."""
# ruff: noqa: D102 - the harness does what suite.TargetPeer says

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.model import Dataset
from gateway.ports import Target
from tests.conformance.suite import EVERYTHING, RowRefusingTargetSuite
from tests.integration.connectors import soap_receiver
from tests.integration.connectors.site import Site
from tests.integration.connectors.soap_receiver import ANSWER, WRITE, Receiver, Record

ZONE = ZoneInfo("Asia/Shanghai")
TYPES = {
    "smallint": "short",
    "integer": "int",
    "bigint": "long",
    "date": "date",
    "boolean": "boolean",
    "timestamptz": "dateTime",
}


class SoapTargetPeer:
    """Holds one data set; its own limit is a code of 40 letters."""

    def __init__(self, folder: Path) -> None:
        """Hold nothing yet."""
        elements = [_element(field.name, field.hub_type) for field in EVERYTHING.fields if field.name != "code"]
        soap_receiver.place(
            folder,
            f"{''.join(elements)}<x:element name='op' type='x:string'/>",
            '<x:attribute name="code" type="x:string"/>',
        )
        self._site = Site()
        self._receiver = Receiver(self._site, EVERYTHING.key)
        self._receiver.wrong = _wrong

    def close(self) -> None:
        """Stop."""
        self._site.close()

    def create(self, dataset: Dataset) -> None:
        assert dataset is EVERYTHING

    def target(self) -> Target:
        refused = {**ANSWER["refused"], "fields": {"code": "@key", "part": "part"}}
        write = {**WRITE, "fields": {"code": "@code"}, "size": 5_000, "answer": {**ANSWER, "refused": refused}}
        platform = soap_receiver.target_platform(write, EVERYTHING, limits={"seconds": 30})
        return soap_receiver.connect_target(platform, self._site.dsn())

    def held(self, dataset: Dataset) -> list[tuple[Any, ...]]:
        found = [_stored(item) for item in self._receiver.held.values()]
        return sorted((tuple(item[c] for c in dataset.columns) for item in found), key=lambda row: row[:2])


def _element(name: str, hub_type: str) -> str:
    kind = "decimal" if hub_type.startswith("numeric") else TYPES.get(hub_type.partition("(")[0], "string")
    return f'<x:element name="{name}" type="x:{kind}" nillable="true" minOccurs="0"/>'


def _wrong(item: Record) -> str | None:
    return "code is too long" if len(item["code"]) > 40 else None


def _stored(item: Record) -> Record:
    """Return a record as a database behind the interface would hold it."""
    found: Record = dict.fromkeys(EVERYTHING.columns) | item
    for field in EVERYTHING.fields:
        text = found[field.name]
        found[field.name] = None if text is None else _value(field.hub_type, text)
    found["fixed"] = found["fixed"] and found["fixed"].ljust(6)
    return found


def _value(hub_type: str, text: str) -> Any:
    if hub_type.startswith("timestamp"):
        return datetime.fromisoformat(text).astimezone(ZONE).replace(tzinfo=None)
    kinds: dict[str, Any] = {"date": date.fromisoformat, "boolean": "true".__eq__, "numeric": Decimal}
    whole = dict.fromkeys(("smallint", "integer", "bigint"), int)
    return {**kinds, **whole}.get(hub_type.partition("(")[0], str)(text)


class TestSoapTarget(RowRefusingTargetSuite):
    """Records in XML over HTTP, which are refused one by one."""

    @pytest.fixture
    def peer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoapTargetPeer]:
        """Yield a fresh platform, its WSDL in a catalog."""
        monkeypatch.setenv("GATEWAY_CATALOG", str(tmp_path))
        peer = SoapTargetPeer(tmp_path)
        yield peer
        peer.close()
