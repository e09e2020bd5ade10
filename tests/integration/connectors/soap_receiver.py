"""A SOAP platform on loopback that takes records: strict about what it is sent, and it knows a page that comes again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from connectors.soap import connect_target
from connectors.soap_target import SoapTarget
from gateway.model import Dataset, Platform
from tests.integration.connectors.site import POST, Reply, Seen, Site
from tests.integration.connectors.soap_site import envelope, xml

URN = "urn:receiver"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
ANSWER: dict[str, Any] = {
    "code": "Result/Code", "success": [0], "busy": ["BUSY"], "denied": ["DENIED"], "refused_page": ["BAD"], "repeated": "Result/Repeated",
    "counts": {name: f"Result/{name}" for name in ("inserted", "updated", "unchanged", "deleted")},
    "refused": {"records": "Result/Errors/Error", "fields": {"id": "@key"}, "code": "Code", "words": "Words"},
}  # fmt: skip
WRITE: dict[str, Any] = {
    "operation": "Push", "arguments": {"region": "130800"}, "records": "Rows/Row", "number": "Batch/No", "left": "Batch/Sent",
    "fields": {"id": "@id", "content": "Body/Text"}, "size": 3, "idempotency": {"argument": "Batch/Key"},
    "deletions": {"kind": "element", "at": "op", "write": "U", "delete": "D"}, "answer": ANSWER,
}  # fmt: skip
_WSDL = """<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:receiver" targetNamespace="urn:receiver">
 <w:types><x:schema targetNamespace="urn:receiver" elementFormDefault="qualified">
  <x:complexType name="Pages"><x:sequence>
   <x:element name="region" type="x:string"/>
   <x:element name="Batch"><x:complexType><x:sequence><x:element name="No" type="x:long"/><x:element name="Sent" type="x:dateTime"/>
    <x:element name="Key" type="x:string" minOccurs="0"/></x:sequence></x:complexType></x:element>
   <x:element name="Rows"><x:complexType><x:sequence>
    <x:element name="Row" maxOccurs="unbounded"><x:complexType><x:sequence>{elements}</x:sequence>{attributes}</x:complexType></x:element>
   </x:sequence></x:complexType></x:element>
  </x:sequence></x:complexType>
  <x:element name="Push" type="t:Pages"/><x:element name="Drop" type="t:Pages"/><x:element name="Said" type="x:anyType"/>
 </x:schema></w:types>
 <w:message name="In"><w:part name="p" element="t:Push"/></w:message><w:message name="In2"><w:part name="p" element="t:Drop"/></w:message>
 <w:message name="Out"><w:part name="p" element="t:Said"/></w:message>
 <w:portType name="P"><w:operation name="Push"><w:input message="t:In"/><w:output message="t:Out"/></w:operation>
  <w:operation name="Drop"><w:input message="t:In2"/><w:output message="t:Out"/></w:operation></w:portType>
 <w:binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>
  <w:operation name="Push"><s:operation soapAction="urn:receiver/Push"/><w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation>
  <w:operation name="Drop"><s:operation soapAction="urn:receiver/Drop"/><w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation>
 </w:binding>
 <w:service name="S"><w:port name="P" binding="t:B"><s:address location="http://169.254.169.254/"/></w:port></w:service>
</w:definitions>"""
ELEMENTS = (
    '<x:element name="Body" minOccurs="0"><x:complexType><x:sequence><x:element name="Text" type="x:string" nillable="true"/>'
    '</x:sequence></x:complexType></x:element><x:element name="score" type="x:decimal" nillable="true"/>'
    '<x:element name="updated_at" type="x:dateTime" minOccurs="0"/><x:element name="op" type="x:string" minOccurs="0"/>'
)
Record = dict[str, Any]


def place(folder: Path, elements: str = ELEMENTS, attributes: str = '<x:attribute name="id" type="x:string"/>') -> None:
    """Put the WSDL of a receiver into a catalog."""
    (folder / "wsdl").mkdir(exist_ok=True)
    text = _WSDL.format(elements=elements, attributes=attributes)
    (folder / "wsdl" / "receiver.wsdl").write_text(text, encoding="utf-8")


class Receiver:
    """Keeps records by key; `wrong` tells what is wrong with one, if anything."""

    def __init__(self, site: Site, key: tuple[str, ...] = ("id",)) -> None:
        """Take every request from now on."""
        self.held: dict[tuple[Any, ...], Record] = {}
        self.keys: dict[str, str] = {}
        self.wrong: Callable[[Record], str | None] = lambda _: None
        self._key = key
        site.script = self.answer

    def answer(self, seen: Seen) -> Reply:
        """Take a page once."""
        call = called(seen)
        assert seen.headers["SOAPAction"] == f'"urn:receiver/{call.tag.rpartition("}")[2]}"'
        assert [e.tag for e in call] == [f"{{{URN}}}{name}" for name in ("region", "Batch", "Rows")]
        name = call.findtext("{*}Batch/{*}Key")
        if name in self.keys:
            return said(0, f"<Repeated>true</Repeated>{self.keys[name]}")
        self.keys[name] = self._taken([record(row) for row in call.find("{*}Rows")])
        return said(0, self.keys[name])

    def _taken(self, rows: list[Record]) -> str:
        counts: dict[str, int] = dict.fromkeys(("inserted", "updated", "unchanged", "deleted"), 0)
        errors = []
        for row in rows:
            operation, key = row.pop("op"), tuple(row[k] for k in self._key)
            wrong = "nobody has it" if operation == "D" and key not in self.held else self.wrong(row)
            if wrong:
                named = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in zip(self._key, key, strict=True))
                quoted = escape(key[0], {'"': "&quot;", "\t": "&#9;", "\n": "&#10;"})
                errors.append(f'<Error key="{quoted}">{named}<Code>E1</Code><Words>{wrong}</Words></Error>')
            elif operation == "D":
                del self.held[key]
                counts["deleted"] += 1
            else:
                counts["updated" if key in self.held else "inserted"] += 1
                self.held[key] = row
        return figures(**counts) + f"<Errors>{''.join(errors)}</Errors>"


def figures(**counts: int) -> str:
    """Return the counts of an answer."""
    return "".join(f"<{name}>{count}</{name}>" for name, count in counts.items())


def said(code: Any, inner: str = "", **parts: Any) -> Reply:
    """Return an answer with a code."""
    return xml(
        envelope(f'<PushResponse xmlns="{URN}"><Result><Code>{code}</Code>{inner}</Result></PushResponse>'), **parts
    )


def called(seen: Seen) -> Any:
    """Return the element of a request's body."""
    return etree.fromstring(seen.body).find("{*}Body")[0]


def record(row: Any) -> Record:
    """Return a record as it arrived: attributes and texts by their paths, null for what is nil."""
    found: Record = dict(row.attrib)
    for e in row.iter():
        if e is not row and not len(e):
            above = "" if e.getparent() is row else f"{e.getparent().tag.rpartition('}')[2]}/"
            found[above + e.tag.rpartition("}")[2]] = None if e.get(NIL) == "true" else e.text or ""
    return found


def rows(site: Site) -> list[list[Record]]:
    """Return the records that each request sent, in order."""
    return [[record(row) for row in called(seen).find("{*}Rows")] for seen in site.seen]


def keys(site: Site) -> list[list[str]]:
    """Return the keys that each request sent, in order."""
    return [[row["id"] for row in page] for page in rows(site)]


def page_keys(site: Site) -> list[str]:
    """Return the idempotency key of each request, in order."""
    return [called(seen).findtext("{*}Batch/{*}Key") for seen in site.seen]


def target_platform(write: Mapping[str, Any] | None = None, dataset: Dataset = POST, **options: Any) -> Platform:
    """Return the catalog's entry of a platform that is written to."""
    resources = {dataset.name: {"write": {**WRITE, **(write or {})}}}
    options = {"wsdl": "receiver.wsdl", "resources": resources, "limits": {"seconds": 20}, **options}
    return Platform("superv", "审管", "soap", "SUPERV", "zfb", options=options)


@contextmanager
def writer(site: Site, write: Any = None, *, dsn: str = "", **options: Any) -> Iterator[SoapTarget]:
    """Yield the connector of a site as a target and close it."""
    target = connect_target(target_platform(write, **options), dsn or site.dsn(base="/services/push"))
    try:
        yield target
    finally:
        target.close()
