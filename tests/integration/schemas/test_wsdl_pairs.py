"""Services made up at random, with messages that libxml2 judges: what is called compatible is never refuted.

Each side of an operation is a message of the same schemas: what goes in is judged for writers, what comes out for readers.
"""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from schemas.diff.compare import compare
from schemas.diff.model import Policy
from tests.integration.schemas.test_xsd_pairs import Maker, pair

PAIRS, DOCUMENTS = 60, 24
HEAD = (
    '<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" '
    'xmlns:x="u:x" xmlns:t="u:w" targetNamespace="u:w"><w:types>'
)


def service(schema: str, asked: str, told: str) -> str:
    """Return a service of one operation that is asked with one element and answers with another."""
    return f"""{HEAD}{schema}</w:types>
<w:message name="in"><w:part name="p" element="x:{asked}"/></w:message>
<w:message name="out"><w:part name="p" element="x:{told}"/></w:message>
<w:portType name="P"><w:operation name="o"><w:input message="t:in"/><w:output message="t:out"/></w:operation></w:portType>
<w:binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>
<w:operation name="o"><s:operation soapAction="o"/><w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation>
</w:binding><w:service name="S"><w:port name="p" binding="t:B"><s:address location="https://a"/></w:port></w:service></w:definitions>"""


@pytest.mark.parametrize("seed", range(4))
def test_what_is_called_compatible_no_message_refutes(seed: int) -> None:
    """A request that was valid and is not, and an answer that is valid and was not; what concerns one side harms no other."""
    maker, safe, refuted = Maker(2000 + seed), 0, 0
    for _ in range(PAIRS):
        if (found := pair(maker)) is None:
            continue
        old, new, before, after = found
        asked, told = maker.dice.choice([("r", "r"), ("r", "h"), ("h", "r")])
        one, two = (service(schema, asked, told) for schema in (old, new))
        verdicts = {role: compare("wsdl", one, two, role, Policy()).compatible for role in ("reader", "writer")}
        for number in range(DOCUMENTS):
            document = maker.document(etree.fromstring((old, new)[number % 2]))
            if document is None:
                continue
            name = etree.QName(document).localname
            was, now = before.validate(document), after.validate(document)
            if was != now and name == (asked if was else told):
                refuted += 1
                role = "writer" if was else "reader"
                assert not verdicts[role], f"{role} {asked} {told}\n{old}\n{new}\n{etree.tostring(document).decode()}"
        safe += sum(verdicts.values())
    assert safe > 20
    assert refuted > 15


def test_a_side_that_stayed_is_no_alarm() -> None:
    """An answer whose type changed harms readers alone, a request whose type changed writers alone."""

    def schema(asked: str, told: str) -> str:
        return (
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="u:x">'
            f'<xs:element name="r" type="xs:{asked}"/><xs:element name="h" type="xs:{told}"/></xs:schema>'
        )

    def harmed(old: Any, new: Any) -> list[str]:
        one, two = (service(schema(*types), "r", "h") for types in (old, new))
        return [role for role in ("reader", "writer") if not compare("wsdl", one, two, role, Policy()).compatible]

    assert harmed(("int", "int"), ("int", "long")) == ["reader"]
    assert harmed(("int", "int"), ("short", "int")) == ["writer"]
    assert harmed(("int", "int"), ("long", "short")) == []
