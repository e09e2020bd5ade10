"""WSDL documents: what stops a call harms both sides, what is in a message the side that it goes to."""

from __future__ import annotations

import pytest

from schemas.diff.compare import compare
from schemas.diff.model import BadDocument, Policy

WSDL = """<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
 xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="u:t" targetNamespace="u:t">
<w:types><xs:schema targetNamespace="u:t" elementFormDefault="qualified">
<xs:element name="Ask"><xs:complexType><xs:sequence><xs:element name="id" type="xs:int"/><!--ask--></xs:sequence></xs:complexType></xs:element>
<xs:element name="Told"><xs:complexType><xs:sequence><xs:element name="name" type="xs:string"/><!--told--></xs:sequence></xs:complexType></xs:element>
<xs:element name="Who" type="xs:string"/><xs:element name="Trouble" type="xs:string"/>
</xs:schema></w:types>
<w:message name="ask"><w:part name="body" element="t:Ask"/></w:message>
<w:message name="told"><w:part name="body" element="t:Told"/></w:message>
<w:message name="who"><w:part name="who" element="t:Who"/></w:message>
<w:message name="trouble"><w:part name="fault" element="t:Trouble"/></w:message>
<w:portType name="P"><w:operation name="Get"><w:input message="t:ask"/><w:output message="t:told"/>
<w:fault name="Bad" message="t:trouble"/></w:operation><!--offered--></w:portType>
<w:binding name="B" type="t:P"><s:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
<w:operation name="Get"><s:operation soapAction="u:get"/><w:input><s:header message="t:who" part="who" use="literal"/>
<s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation><!--bound--></w:binding>
<w:service name="S"><w:port name="Q" binding="t:B"><s:address location="http://old.example.invalid/"/></w:port><!--ports--></w:service>
</w:definitions>"""
RPC = """<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
 xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="u:t" targetNamespace="u:t">
<w:message name="ask"><w:part name="id" type="xs:int"/><w:part name="day" type="xs:date"/></w:message>
<w:message name="told"><w:part name="name" type="xs:string"/></w:message>
<w:portType name="P"><w:operation name="Get"><w:input message="t:ask"/><w:output message="t:told"/></w:operation></w:portType>
<w:binding name="B" type="t:P"><s:binding style="rpc" transport="http://schemas.xmlsoap.org/soap/http"/>
<w:operation name="Get"><s:operation soapAction="u:get"/><w:input><s:body use="literal" namespace="u:t"/></w:input>
<w:output><s:body use="literal" namespace="u:t"/></w:output></w:operation></w:binding>
<w:service name="S"><w:port name="Q" binding="t:B"><s:address location="http://old.example.invalid/"/></w:port></w:service>
</w:definitions>"""
ENCODED = RPC.replace('use="literal"', 'use="encoded"')
MORE = '<xs:element name="more" type="xs:string" minOccurs="0"/>'
BOUND = (
    '<w:operation name="Put"><s:operation soapAction="u:put"/><w:input><s:body use="literal"/></w:input></w:operation>'
)
OFFERED = '<w:operation name="Put"><w:input message="t:ask"/></w:operation>'


@pytest.mark.parametrize(
    ("base", "edits", "reader", "writer", "rule"),
    [
        # what stops a call
        (WSDL, [('name="Get"', 'name="Fetch"')], "breaking", "breaking", "wsdl.operation.remove"),
        (WSDL, [('name="Q"', 'name="R"')], "breaking", "breaking", "wsdl.port.remove"),
        (WSDL, [('name="S"', 'name="R"')], "breaking", "breaking", "wsdl.port.remove"),
        (WSDL, [("u:get", "u:fetch")], "breaking", "breaking", "wsdl.action"),
        (WSDL, [('style="document"', 'style="rpc"')], "breaking", "breaking", "wsdl.style"),
        (WSDL, [("wsdl/soap/", "wsdl/soap12/")], "breaking", "breaking", "wsdl.protocol"),
        (WSDL, [("soap/http", "soap/smtp")], "breaking", "breaking", "wsdl.transport"),
        (WSDL, [('<s:header message="t:who" part="who" use="literal"/>', "")], "breaking", "breaking", "wsdl.header"),
        (WSDL, [("u:t", "u:v")], "breaking", "breaking", "wsdl.namespace"),
        (WSDL, [('name="Ask"', 'name="Query"'), ("t:Ask", "t:Query")], "breaking", "breaking", "wsdl.message"),
        (WSDL, [('<w:output message="t:told"/>', "")], "breaking", "breaking", "wsdl.message"),
        (RPC, [('namespace="u:t"/></w:input>', 'namespace="u:v"/></w:input>')], "breaking", "breaking", "wsdl.namespace"),
        (RPC, [('use="literal" namespace="u:t"/></w:input>', 'use="encoded" namespace="u:t"/></w:input>')], "breaking", "breaking", "wsdl.use"),
        # an encoded part is sent with the name of its type
        (RPC, [('name="name" type="xs:string"', 'name="name" type="xs:token"')], "none", "none", None),
        (ENCODED, [('name="name" type="xs:string"', 'name="name" type="xs:token"')], "breaking", "none", "wsdl.part"),
        (ENCODED, [('name="id" type="xs:int"', 'name="id" type="xs:long"')], "none", "breaking", "wsdl.part"),
        # what is worth a look
        (WSDL, [("http://old", "https://new")], "warn", "warn", "wsdl.address"),
        (WSDL, [("</w:operation><!--offered", '<w:fault name="Worse" message="t:trouble"/></w:operation><!--offered')], "warn", "warn", "wsdl.fault.add"),
        # an operation or a port more harms nobody
        (WSDL, [("<!--offered-->", OFFERED), ("<!--bound-->", BOUND)], "info", "none", "wsdl.operation.add"),
        (WSDL, [("<!--ports-->", '<w:port name="R" binding="t:B"/>')], "info", "none", "wsdl.port.add"),
        # what is asked is the writer's, what is told the reader's
        (WSDL, [("<!--ask-->", MORE)], "none", "none", None),
        (WSDL, [("<!--told-->", MORE)], "breaking", "none", "xsd.element.add"),
        (WSDL, [("<!--ask-->", MORE.replace('minOccurs="0"', ""))], "none", "breaking", "xsd.element.add.required"),
        (WSDL, [('name="id" type="xs:int"', 'name="id" type="xs:short"')], "none", "breaking", "xsd.facet"),
        (WSDL, [('name="id" type="xs:int"', 'name="id" type="xs:long"')], "none", "none", None),
        (WSDL, [('name="name" type="xs:string"', 'name="name" type="xs:token"')], "none", "none", None),
        (WSDL, [('name="Who" type="xs:string"', 'name="Who" type="xs:int"')], "none", "breaking", "xsd.type"),
        (WSDL, [('name="Trouble" type="xs:string"', 'name="Trouble" type="xs:int"')], "none", "none", None),
        (RPC, [('name="id" type="xs:int"', 'name="id" type="xs:short"')], "none", "breaking", "xsd.facet"),
        (RPC, [('name="name" type="xs:string"', 'name="name" type="xs:int"')], "none", "none", None),
        (RPC, [('<w:part name="day" type="xs:date"/>', "")], "none", "breaking", "wsdl.part.remove"),
        (RPC, [('<w:part name="name" type="xs:string"/>', '<w:part name="name" type="xs:string"/><w:part name="x" type="xs:int"/>')], "breaking", "none", "wsdl.part.add"),
        (RPC, [('<w:part name="id" type="xs:int"/><w:part name="day" type="xs:date"/>', '<w:part name="day" type="xs:date"/><w:part name="id" type="xs:int"/>')], "none", "breaking", "wsdl.part.order"),
        # spelling
        (WSDL, [("t:", "q:"), ("xmlns:t", "xmlns:q")], "none", "none", None),
    ],
)  # fmt: skip
def test_a_change_has_its_effects(
    base: str, edits: list[tuple[str, str]], reader: str, writer: str, rule: str | None
) -> None:
    """An input message is what writers send, an output message what readers get."""
    new = base
    for old_text, new_text in edits:
        assert old_text in new
        new = new.replace(old_text, new_text)
    levels = {role: compare("wsdl", base, new, role, Policy()) for role in ("reader", "writer")}
    assert {role: one.level.name for role, one in levels.items()} == {"reader": reader, "writer": writer}
    rules = {change.rule for change in levels["reader"].changes}
    assert (rule in rules) if rule else not rules
    assert compare("wsdl", new, new, "both", Policy()).changes == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<description xmlns="http://www.w3.org/ns/wsdl"/>', "WSDL 2.0 is not read"),
        ("<definitions/>", "the root is definitions"),
        ("<!DOCTYPE x>" + WSDL, "DOCTYPE is refused"),
        (WSDL.replace("t:Ask", "q:Ask"), "prefix of 'q:Ask'"),
    ],
)
def test_a_bad_document_is_named(text: str, words: str) -> None:
    """No guess is made of it."""
    with pytest.raises(BadDocument, match=words):
        compare("wsdl", WSDL, text, "both", Policy())


def test_a_message_that_is_not_here_is_the_same_only_by_its_name() -> None:
    """An import of another document is not fetched."""
    old = WSDL.replace('<w:input message="t:ask"/>', '<w:input message="t:elsewhere"/>')
    assert compare("wsdl", old, old.replace("<!--told-->", ""), "both", Policy()).compatible
    found = compare("wsdl", old, old.replace("t:elsewhere", "t:gone"), "writer", Policy())
    assert (found.level.name, found.compatible, found.changes[0].rule) == ("warn", False, "wsdl.part.undecided")
