"""The `soap` connector keeps the promises of every source, against a real HTTP server that writes its envelopes by hand."""

# ruff: noqa: D102 - the harness does what suite.SourcePeer says

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from lxml import etree

from connectors.soap import Soap, connect
from gateway.model import Dataset, Platform
from tests.conformance.suite import EVERYTHING, Row, SourceSuite
from tests.integration.connectors.site import Reply, Seen, Site

PASSWORD = "p@ss:wörd/?#"
SIZE = 500
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


class SoapPeer:
    """A platform that gives pages of what it holds to whoever may read."""

    def __init__(self) -> None:
        """Serve nothing yet."""
        self._held: dict[str, list[Row]] = {}
        self._site = Site()
        self._site.script = self._answer
        self.secrets = (PASSWORD, quote(PASSWORD, safe=""), "a wrong one")

    def close(self) -> None:
        """Stop serving."""
        self._site.close()

    def create(self, dataset: Dataset) -> None:
        self._held[dataset.table] = []

    def write(self, dataset: Dataset, rows: Iterable[Row]) -> None:
        self._held[dataset.table] += list(rows)

    def writing(self, dataset: Dataset, rows: Iterable[Row]) -> AbstractContextManager[None]:
        raise NotImplementedError  # nobody sees a SOAP platform's transactions: only typed sources are asked

    def source(self) -> Soap:
        return self._connect("reader", PASSWORD)

    def source_with_wrong_password(self) -> Soap:
        return self._connect("reader", "a wrong one")

    def source_without_rights(self) -> Soap:
        return self._connect("stranger", PASSWORD)

    def source_that_is_down(self) -> Soap:
        return self._connect("reader", PASSWORD, port=1)

    def _connect(self, user: str, password: str, port: int | None = None) -> Soap:
        paging = {"kind": "page", "argument": "page", "size_argument": "size", "size": SIZE, "first": 0}
        resource = {"operation": "everything", "record": "Row", "total": "Total", "paging": paging}
        options = {
            "wsdl": "peer.wsdl",
            "auth": {"kind": "basic"},
            "resources": {EVERYTHING.name: resource},
            "limits": {"seconds": 5},
        }
        platform = Platform("peer", "", "soap", "PEER", "gxj", options=options)
        return connect(platform, f"http://{user}:{quote(password, safe='')}@127.0.0.1:{port or self._site.port}/soap")

    def _answer(self, seen: Seen) -> Reply:
        name, _, password = base64.b64decode(seen.headers["Authorization"].split()[1]).decode().partition(":")
        if password != PASSWORD:
            return Reply(status=401)
        if name != "reader":
            return Reply(status=403)
        if EVERYTHING.table not in self._held:
            return _xml("<s:Fault><faultcode>s:Client</faultcode><faultstring>no such set</faultstring></s:Fault>", 500)
        asked = {e.tag: e.text for e in etree.fromstring(seen.body).iter() if not len(e)}
        rows, size = self._held[EVERYTHING.table], int(asked["size"])
        begins = int(asked["page"]) * size
        page = "".join(map(_row, rows[begins : begins + size]))
        return _xml(f'<Rows xmlns="urn:peer"><Total>{len(rows)}</Total>{page}</Rows>')


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
