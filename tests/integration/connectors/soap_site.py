"""A SOAP platform on loopback: envelopes written by hand, and the WSDL that the gateway has of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lxml import etree

from connectors.soap import Soap, connect
from gateway.model import Dataset, Field, Platform
from gateway.ports import Window
from tests.integration.connectors.site import Reply, Row, Site, copied

FEEDBACK = Dataset(
    name="superv.feedback", chinese="", version="1.0.0", table="superv_feedback", owner="zfb", rules=(),
    fields=(
        Field("no", "varchar(36)", required=True),
        Field("content", "text", required=True),
        Field("score", "numeric(20,6)"),
        Field("updated_at", "timestamptz", required=True),
    ),
    key=("no",), cursor="updated_at", lag_seconds=60,
)  # fmt: skip
NAMESPACES = {1: "http://schemas.xmlsoap.org/soap/envelope/", 2: "http://www.w3.org/2003/05/soap-envelope"}
FIELDS = {"no": "No", "content": "Content", "score": "Score", "updated_at": "UpdatedAt"}
PAGED = {"kind": "page", "argument": "Page/No", "size_argument": "Page/Size", "size": 2}
URN = "urn:superv"
WSDL = """<?xml version="1.0" encoding="utf-8"?>{doctype}
<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s1="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:s2="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:superv"
  targetNamespace="urn:superv">{imports}
 <w:types><x:schema targetNamespace="urn:superv" elementFormDefault="qualified">{schema}
  <x:element name="GetFeedback"><x:complexType><x:sequence>
   <x:element name="region" type="x:string" minOccurs="0"/>
   <x:element name="Page" minOccurs="0"><x:complexType><x:sequence>
     <x:element name="No" type="x:int"/><x:element name="Size" type="x:int" minOccurs="0"/>
   </x:sequence></x:complexType></x:element>
   <x:element name="BeginTime" type="x:string" minOccurs="0"/><x:element name="EndTime" type="x:string" minOccurs="0"/>
   <x:element name="Must" type="x:string" minOccurs="{must}"/>
  </x:sequence></x:complexType></x:element>
  <x:element name="GetFeedbackResponse"><x:complexType><x:sequence><x:any processContents="skip" minOccurs="0" maxOccurs="unbounded"/></x:sequence></x:complexType></x:element>
 </x:schema></w:types>
 <w:message name="In"><w:part name="parameters" element="t:GetFeedback"/></w:message>
 <w:message name="Out"><w:part name="parameters" element="t:GetFeedbackResponse"/></w:message>
 <w:portType name="P"><w:operation name="GetFeedback"><w:input message="t:In"/><w:output message="t:Out"/></w:operation></w:portType>
 <w:binding name="B1" type="t:P"><s1:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
  <w:operation name="GetFeedback"><s1:operation soapAction="urn:superv/GetFeedback"/><w:input><s1:body use="literal"/></w:input><w:output><s1:body use="literal"/></w:output></w:operation></w:binding>
 <w:binding name="B2" type="t:P"><s2:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
  <w:operation name="GetFeedback"><s2:operation soapAction="urn:superv/GetFeedback"/><w:input><s2:body use="literal"/></w:input><w:output><s2:body use="literal"/></w:output></w:operation></w:binding>
 <w:service name="SupervisionService">
  <w:port name="Port1" binding="t:B1"><s1:address location="http://169.254.169.254/wsdl-address"/></w:port>
  <w:port name="Port2" binding="t:B2"><s2:address location="http://169.254.169.254/wsdl-address"/></w:port>
 </w:service>{services}
</w:definitions>"""


def wsdl(**parts: str) -> str:
    """Return the WSDL with a DOCTYPE, imports, schema elements or services put in."""
    return WSDL.format(**{"doctype": "", "imports": "", "schema": "", "services": "", "must": "0"} | parts)


def place(folder: Path, content: str | None = None, name: str = "superv.wsdl") -> None:
    """Put a WSDL into a catalog."""
    (folder / "wsdl").mkdir(exist_ok=True)
    (folder / "wsdl" / name).write_text(wsdl() if content is None else content, encoding="utf-8")


def envelope(inner: str, version: int = 1, before: str = "", header: str = "") -> bytes:
    """Return an envelope with what its body holds."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{before}<e:Envelope xmlns:e="{NAMESPACES[version]}" '
        f'xmlns:i="http://www.w3.org/2001/XMLSchema-instance">{header}<e:Body>{inner}</e:Body></e:Envelope>'
    ).encode()


def reply(*records: str, total: int | None = None, version: int = 1, **parts: str) -> Reply:
    """Return the answer of GetFeedback with these records."""
    declared = "" if total is None else f"<Total>{total}</Total>"
    inner = f'<GetFeedbackResponse xmlns="{URN}">{declared}{"".join(records)}</GetFeedbackResponse>'
    return xml(envelope(inner, version, **parts), version)


def xml(body: bytes, version: int = 1, status: int = 200, **headers: str) -> Reply:
    """Return an answer with XML."""
    kind = "text/xml; charset=utf-8" if version == 1 else "application/soap+xml; charset=utf-8"
    return Reply(body, status, {"Content-Type": kind} | {k.replace("_", "-"): v for k, v in headers.items()})


def record(number: Any, content: str = "", more: str = "") -> str:
    """Return a record as the platform sends it."""
    return (
        f"<Feedback><No>f{number}</No><Content>{content or f'反馈{number}'}</Content><Score>1.50</Score>"
        f"<UpdatedAt>2026-11-24T04:00:00Z</UpdatedAt>{more}</Feedback>"
    )


def fault(code: str, *inner: str, version: int = 1, words: str = "canary-fault") -> bytes:
    """Return a fault with a code and, in 1.2, codes within it."""
    if version == 1:
        return envelope(f"<e:Fault><faultcode>{code}</faultcode><faultstring>{words}</faultstring></e:Fault>")
    sub = "".join(f"<e:Subcode><e:Value>{c}</e:Value>" for c in inner) + "</e:Subcode>" * len(inner)
    reason = f'<e:Reason><e:Text xml:lang="en">{words}</e:Text></e:Reason>'
    return envelope(f"<e:Fault><e:Code><e:Value>{code}</e:Value>{sub}</e:Code>{reason}</e:Fault>", 2)


def platform(resource: Mapping[str, Any] | None = None, **options: Any) -> Platform:
    """Return the catalog's entry: one resource, unless told otherwise."""
    declared = {"operation": "GetFeedback", "record": "Feedback", "fields": FIELDS, **(resource or {})}
    options = {"wsdl": "superv.wsdl", "resources": {FEEDBACK.name: declared}, **options}
    return Platform("superv", "审管", "soap", "SUPERV", "zfb", options=options)


@contextmanager
def opened(site: Site, resource: Any = None, *, dsn: str = "", **options: Any) -> Iterator[Soap]:
    """Yield the connector of a site and close it."""
    source = connect(platform(resource, **options), dsn or site.dsn(base="/services/superv"))
    try:
        yield source
    finally:
        source.close()


def read(site: Site, resource: Any = None, window: Window | None = None, **settings: Any) -> list[Row]:
    """Open the site, copy once, close."""
    with opened(site, resource, **settings) as source:
        return copied(source, window, FEEDBACK)


def asked(site: Site, number: int = -1) -> Any:
    """Return the request's element in the envelope that arrived."""
    return etree.fromstring(site.seen[number].body).find("{*}Body")[0]


def told(site: Site, number: int = -1) -> dict[str, str]:
    """Return the arguments that arrived, by the path of their local names."""
    root = asked(site, number)
    return {"/".join(_path(e, root)): e.text or "" for e in root.iter() if not len(e) and e is not root}


def _path(element: Any, root: Any) -> list[str]:
    if element is root:
        return []
    return [*_path(element.getparent(), root), element.tag.rpartition("}")[2]]
