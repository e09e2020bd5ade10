"""The `soap` connector keeps the promises of every source, against a real HTTP server that writes its envelopes by hand."""

# ruff: noqa: D102 - the harness does what http.HttpPeer says

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from lxml import etree

from connectors.soap import Soap, connect
from gateway.model import Platform
from tests.conformance.http import SIZE, HttpPeer
from tests.conformance.suite import EVERYTHING, Row, SourceSuite
from tests.integration.connectors.site import Reply, Seen

WSDL = """<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:peer" targetNamespace="urn:peer">
 <types><x:schema targetNamespace="urn:peer"><x:element name="List"><x:complexType><x:sequence>
  <x:element name="page" type="x:int"/><x:element name="size" type="x:int"/></x:sequence></x:complexType></x:element>
  <x:element name="Rows" type="x:anyType"/></x:schema></types>
 <message name="In"><part name="p" element="t:List"/></message><message name="Out"><part name="p" element="t:Rows"/></message>
 <portType name="P"><operation name="everything"><input message="t:In"/><output message="t:Out"/></operation></portType>
 <binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/><operation name="everything">
  <s:operation soapAction="urn:peer"/><input><s:body use="literal"/></input><output><s:body use="literal"/></output>
 </operation></binding>
 <service name="S"><port name="P" binding="t:B"><s:address location="http://elsewhere.example/"/></port></service>
</definitions>"""
ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
    "<s:Body>{}</s:Body></s:Envelope>"
)


class SoapPeer(HttpPeer):
    """Pages of XML by their number."""

    def opened(self, platform: Platform, dsn: str) -> Soap:
        return connect(platform, dsn)

    def options(self) -> dict[str, Any]:
        paging = {"kind": "page", "argument": "page", "size_argument": "size", "size": SIZE, "first": 0}
        resource = {"operation": "everything", "record": "Row", "total": "Total", "paging": paging}
        return {"wsdl": "peer.wsdl", "resources": {EVERYTHING.name: resource}}

    def asked(self, seen: Seen) -> tuple[int, int]:
        said = {e.tag: e.text for e in etree.fromstring(seen.body).iter() if not len(e)}
        return int(said["page"]), int(said["size"])

    def page(self, rows: list[Row], total: int) -> Reply:
        return _xml(f'<Rows xmlns="urn:peer"><Total>{total}</Total>{"".join(map(_row, rows))}</Rows>')

    def unknown(self) -> Reply:
        return _xml("<s:Fault><faultcode>s:Client</faultcode><faultstring>no such set</faultstring></s:Fault>", 500)


def _xml(inner: str, status: int = 200) -> Reply:
    return Reply(ENVELOPE.format(inner).encode(), status, {"Content-Type": "text/xml; charset=utf-8"})


def _row(row: Row) -> str:
    cells = [f'<{k} i:nil="true"/>' if v is None else f"<{k}>{_text(v)}</{k}>" for k, v in row.items()]
    return f"<Row>{''.join(cells)}</Row>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date | datetime) else escape(str(value))


class TestSoap(SourceSuite):
    """Pages of XML over HTTP."""

    @pytest.fixture
    def peer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoapPeer]:
        """Yield a fresh platform, its WSDL in a catalog."""
        (tmp_path / "wsdl").mkdir()
        (tmp_path / "wsdl" / "peer.wsdl").write_text(WSDL)
        monkeypatch.setenv("GATEWAY_CATALOG", str(tmp_path))
        peer = SoapPeer()
        yield peer
        peer.close()
