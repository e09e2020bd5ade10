"""XML Schemas beyond any real one: large, and with more ways than can be counted."""

from __future__ import annotations

from schemas.diff.compare import compare
from schemas.diff.model import Policy

_TYPES, _ELEMENTS = 8_000, 20
_OPTIONAL = 'minOccurs="0"'


def schema(body: str, types: str = "") -> str:
    """Return a schema whose root element holds a particle."""
    return (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="u:x" xmlns="u:x" elementFormDefault="qualified">'
        f'<xs:element name="r"><xs:complexType>{body}</xs:complexType></xs:element>{types}</xs:schema>'
    )


def element(name: str, kind: str = "xs:string", more: str = "") -> str:
    """Return an element's declaration."""
    return f'<xs:element name="{name}" type="{kind}" {more}/>'


def test_a_schema_of_ten_megabytes_is_compared_in_time() -> None:
    """One change among tens of thousands of elements is found."""
    inner = [[element(f"e{n}_{k}", more=_OPTIONAL) for k in range(_ELEMENTS)] for n in range(_TYPES)]
    types = "".join(
        f'<xs:complexType name="T{n}"><xs:sequence>{"".join(inner[n])}</xs:sequence></xs:complexType>'
        for n in range(_TYPES)
    )
    old = schema(f"<xs:sequence>{''.join(element(f't{n}', f'T{n}') for n in range(_TYPES))}</xs:sequence>", types)
    assert len(old) > 8_000_000
    new = old.replace('name="e7999_19" type="xs:string"', 'name="e7999_19" type="xs:int"')
    found = compare("xsd", old, new, "both", Policy())
    assert (found.level.name, found.compatible, [c.rule for c in found.changes]) == ("breaking", False, ["xsd.type"])


def test_a_choice_that_explodes_is_given_up_undecided() -> None:
    """Steps are counted; what is not proven is not called compatible."""
    names = [f"n{at}" for at in range(26)]
    old = schema("<xs:all>" + "".join(element(name, more=_OPTIONAL) for name in names) + "</xs:all>")
    new = schema('<xs:choice minOccurs="0" maxOccurs="26">' + "".join(map(element, names)) + "</xs:choice>")
    found = compare("xsd", old, new, "writer", Policy())
    assert (found.level.name, found.compatible) == ("warn", False)
