"""XML schemas: every kind of change both ways, held against what libxml2 says of documents."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from schemas.diff.compare import compare
from schemas.diff.model import BadDocument, Policy

HEAD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="u:x" xmlns="u:x" elementFormDefault="qualified">'
A, B, C = (f'<xs:element name="{name}" type="xs:string"/>' for name in "abc")
NONE, WARN, BREAKING = "none", "warn", "breaking"


def schema(*top: str) -> str:
    """Return a schema document."""
    return f"{HEAD}{''.join(top)}</xs:schema>"


def root(body: str, *top: str) -> str:
    """Return a schema whose document `r` is of a complex type."""
    return schema(f'<xs:element name="r"><xs:complexType>{body}</xs:complexType></xs:element>', *top)


def seq(*parts: str) -> str:
    """Return a sequence."""
    return f"<xs:sequence>{''.join(parts)}</xs:sequence>"


def e(name: str, kind: str = "xs:string", more: str = "") -> str:
    """Return a local element."""
    return f'<xs:element name="{name}" type="{kind}" {more}/>'


def text(facets: str, base: str = "xs:string") -> str:
    """Return a schema whose document is a restricted text."""
    return schema(
        f'<xs:element name="r"><xs:simpleType><xs:restriction base="{base}">{facets}</xs:restriction></xs:simpleType></xs:element>'
    )


def enum(*values: str) -> str:
    """Return facets of an enumeration."""
    return "".join(f'<xs:enumeration value="{value}"/>' for value in values)


BASE = root(seq(A, B))
AB, WORDS = "<a/><b/>", "<r xmlns='u:x'>{}</r>"
OPTIONAL = 'minOccurs="0"'


def doc(body: str, attributes: str = "") -> str:
    """Return a document."""
    return f'<r xmlns="u:x" {attributes}>{body}</r>'


# old schema, new schema, reader, writer, a document of old, a document of new
ROWS = [
    # optional element added at the end, in the middle; optional attribute; wildcard
    (BASE, root(seq(A, B, e("c", more=OPTIONAL))), BREAKING, NONE, doc(AB), doc(AB + "<c/>")),
    (BASE, root(seq(A, e("c", more=OPTIONAL), B)), BREAKING, NONE, doc(AB), doc("<a/><c/><b/>")),
    (BASE, root(seq(A, B) + '<xs:attribute name="k"/>'), BREAKING, NONE, doc(AB), doc(AB, 'k="1"')),
    (
        BASE,
        root(seq(A, B, '<xs:any minOccurs="0" namespace="##other" processContents="lax"/>')),
        BREAKING,
        NONE,
        doc(AB),
        doc(AB + '<q xmlns="u:z"/>'),
    ),
    # required element added, removed
    (BASE, root(seq(A, B, C)), BREAKING, BREAKING, doc(AB), doc(AB + "<c/>")),
    (BASE, root(seq(A)), BREAKING, BREAKING, doc(AB), doc("<a/>")),
    # optional element, attribute removed
    (root(seq(A, e("b", more=OPTIONAL))), root(seq(A)), NONE, BREAKING, doc(AB), doc("<a/>")),
    (root(seq(A) + '<xs:attribute name="k"/>'), root(seq(A)), NONE, BREAKING, doc("<a/>", 'k="1"'), doc("<a/>")),
    # occurrence loosened, tightened; attribute optional, required
    (BASE, root(seq(A, e("b", more=OPTIONAL))), BREAKING, NONE, doc(AB), doc("<a/>")),
    (BASE, root(seq(A, e("b", more='maxOccurs="3"'))), BREAKING, NONE, doc(AB), doc(AB + "<b/>")),
    (root(seq(A, e("b", more=OPTIONAL))), BASE, NONE, BREAKING, doc("<a/>"), doc(AB)),
    (
        root(seq(A, e("b", more='maxOccurs="unbounded"'))),
        root(seq(A, e("b", more='maxOccurs="9999"'))),
        NONE,
        BREAKING,
        doc("<a/>" + "<b/>" * 10_000),
        doc(AB),
    ),
    (
        root(seq(A) + '<xs:attribute name="k"/>'),
        root(seq(A) + '<xs:attribute name="k" use="required"/>'),
        NONE,
        BREAKING,
        doc("<a/>"),
        doc("<a/>", 'k="1"'),
    ),
    (
        root(seq(A) + '<xs:attribute name="k" use="required"/>'),
        root(seq(A) + '<xs:attribute name="k"/>'),
        BREAKING,
        NONE,
        doc("<a/>", 'k="1"'),
        doc("<a/>"),
    ),
    # order, sequence to choice, root element, namespace, form
    (BASE, root(seq(B, A)), BREAKING, BREAKING, doc(AB), doc("<b/><a/>")),
    (BASE, root(f"<xs:choice>{A}{B}</xs:choice>"), BREAKING, BREAKING, doc(AB), doc("<a/>")),
    (
        BASE,
        BASE.replace('name="r"', 'name="q"'),
        BREAKING,
        BREAKING,
        doc(AB),
        doc(AB).replace("<r", "<q").replace("</r", "</q"),
    ),
    (BASE, BASE.replace("u:x", "u:y"), BREAKING, BREAKING, doc(AB), doc(AB).replace("u:x", "u:y")),
    (
        BASE,
        BASE.replace(' elementFormDefault="qualified"', ""),
        BREAKING,
        BREAKING,
        doc(AB),
        '<p:r xmlns:p="u:x"><a/><b/></p:r>',
    ),
    # sequence to all: nothing repeats; something does
    (BASE, root(f"<xs:all>{A}{B}</xs:all>"), BREAKING, NONE, doc(AB), doc("<b/><a/>")),
    (
        root(seq(A, e("b", more='maxOccurs="2"'))),
        root(f"<xs:all>{A}{B}</xs:all>"),
        BREAKING,
        BREAKING,
        doc(AB + "<b/>"),
        doc("<b/><a/>"),
    ),
    # enumeration, facets, types, nillable: loosened, then tightened
    (text(enum("x")), text(enum("x", "y")), BREAKING, NONE, doc("x"), doc("y")),
    (text(enum("x", "y")), text(enum("x")), NONE, BREAKING, doc("y"), doc("x")),
    (text('<xs:maxLength value="5"/>'), text('<xs:maxLength value="9"/>'), BREAKING, NONE, doc("x"), doc("x" * 9)),
    (
        text('<xs:minInclusive value="1"/>', "xs:int"),
        text('<xs:minExclusive value="1"/>', "xs:int"),
        NONE,
        BREAKING,
        doc("1"),
        doc("2"),
    ),
    (
        text('<xs:pattern value="[0-9]{6}"/>'),
        text('<xs:pattern value="[0-9]{6}([0-9]{2})?"/>'),
        BREAKING,
        NONE,
        doc("123456"),
        doc("12345678"),
    ),
    (
        text('<xs:totalDigits value="5"/><xs:fractionDigits value="2"/>', "xs:decimal"),
        text('<xs:totalDigits value="5"/><xs:fractionDigits value="1"/>', "xs:decimal"),
        NONE,
        BREAKING,
        doc("1.25"),
        doc("1.5"),
    ),
    (text("", "xs:int"), text("", "xs:long"), BREAKING, NONE, doc("1"), doc("3000000000")),
    (text("", "xs:int"), text(""), BREAKING, NONE, doc("1"), doc("x")),
    (text("", "xs:date"), text("", "xs:dateTime"), BREAKING, BREAKING, doc("2020-01-01"), doc("2020-01-01T00:00:00")),
    (
        BASE,
        root(seq(A, e("b", more='nillable="true"'))),
        BREAKING,
        NONE,
        doc(AB),
        doc('<a/><b xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>'),
    ),
    # fixed, default
    (BASE, root(seq(A, e("b", more='fixed="1"'))), NONE, BREAKING, doc("<a/><b>2</b>"), doc("<a/><b>1</b>")),
    (BASE, root(seq(A, e("b", more='default="1"'))), WARN, WARN, None, None),
    # content with text, list, union
    (
        BASE,
        root(seq(A, B)).replace("<xs:complexType>", '<xs:complexType mixed="true">'),
        BREAKING,
        NONE,
        doc(AB),
        doc("x" + AB),
    ),
    (
        text("", "xs:int"),
        schema('<xs:element name="r"><xs:simpleType><xs:list itemType="xs:int"/></xs:simpleType></xs:element>'),
        BREAKING,
        NONE,
        doc("1"),
        doc("1 2"),
    ),
    (
        text("", "xs:int"),
        schema(
            '<xs:element name="r"><xs:simpleType><xs:union memberTypes="xs:int xs:date"/></xs:simpleType></xs:element>'
        ),
        BREAKING,
        NONE,
        doc("1"),
        doc("2020-01-01"),
    ),
    # a member of a substitution group
    (
        root(seq('<xs:element ref="h"/>'), '<xs:element name="h"/>'),
        root(seq('<xs:element ref="h"/>'), '<xs:element name="h"/>', '<xs:element name="m" substitutionGroup="h"/>'),
        BREAKING,
        NONE,
        doc("<h/>"),
        doc("<m/>"),
    ),
    # a type that recurs: what changed lies below its own kind
    (
        schema(
            '<xs:element name="r" type="T"/>',
            f'<xs:complexType name="T">{seq(A, e("r", "T", OPTIONAL))}</xs:complexType>',
        ),
        schema(
            '<xs:element name="r" type="T"/>',
            f'<xs:complexType name="T">{seq(e("a", more=OPTIONAL), e("r", "T", OPTIONAL))}</xs:complexType>',
        ),
        BREAKING,
        NONE,
        doc("<a/><r><a/></r>"),
        doc("<r><a/></r>"),
    ),
    # a rule of uniqueness
    (
        root(seq(e("a", "xs:string", 'maxOccurs="9"'))),
        root(seq(e("a", "xs:string", 'maxOccurs="9"')))
        .replace(
            "</xs:element></xs:schema>",
            '<xs:key name="k"><xs:selector xpath="p:a"/><xs:field xpath="."/></xs:key></xs:element></xs:schema>',
        )
        .replace("<xs:schema", '<xs:schema xmlns:p="u:x"'),
        NONE,
        BREAKING,
        doc("<a>1</a><a>1</a>"),
        doc("<a>1</a><a>2</a>"),
    ),
]


@pytest.mark.parametrize(("old", "new", "reader", "writer", "before", "after"), ROWS)
def test_a_change_has_its_effects_and_libxml2_agrees(
    old: str, new: str, reader: str, writer: str, before: str | None, after: str | None
) -> None:
    """Writer: a document of old is none of new; reader: a document of new is none of old; the other way round both swap."""
    for role, expected in (("reader", reader), ("writer", writer)):
        found = compare("xsd", old, new, role, Policy())
        assert (found.level.name, found.compatible) == (expected, expected != BREAKING), found.as_dict()
        assert not any(change.rule.endswith(".undecided") for change in found.changes)
    swapped = {role: compare("xsd", new, old, role, Policy()).level.name for role in ("reader", "writer")}
    assert swapped == {"reader": writer, "writer": reader}
    if before is not None and after is not None:
        validators = [etree.XMLSchema(etree.fromstring(one)) for one in (old, new)]
        sent, got = etree.fromstring(before), etree.fromstring(after)
        assert validators[0].validate(sent)
        assert validators[1].validate(got)
        assert validators[1].validate(sent) == (writer != BREAKING)
        assert validators[0].validate(got) == (reader != BREAKING)


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("xs:", "xsd:").replace("xmlns:xs=", "xmlns:xsd="),  # another prefix
        root(seq(A, B)).replace(
            "<xs:sequence>", "<xs:annotation><xs:documentation>x</xs:documentation></xs:annotation><xs:sequence>"
        ),
        schema(
            '<xs:element name="r" type="R"/>', f'<xs:complexType name="R">{seq(A, B)}</xs:complexType>'
        ),  # a named type
        root(seq(A, '<xs:element ref="b"/>'), B),  # a reference
        root(seq(A, '<xs:group ref="g"/>'), f'<xs:group name="g">{seq(B)}</xs:group>'),  # a group
        root(seq(A, seq(B))),  # a sequence within a sequence
        root(seq(A, f"<xs:choice>{B}</xs:choice>")),  # a choice of one
        root(
            f'<xs:complexContent><xs:extension base="H">{seq(B)}</xs:extension></xs:complexContent>',
            f'<xs:complexType name="H">{seq(A)}</xs:complexType>',
        ),
        root(seq(A, e("b", "S")), '<xs:simpleType name="S"><xs:restriction base="xs:string"/></xs:simpleType>'),
        root(seq(A, B, e("c", more='minOccurs="0" maxOccurs="0"'))),  # what may never come
    ],
)
def test_another_spelling_is_no_change(other: str) -> None:
    """Only what documents may hold counts."""
    for pair in ((BASE, other), (other, BASE)):
        assert compare("xsd", *pair, "both", Policy()).as_dict() == {"level": "none", "compatible": True, "changes": []}


def judged(old: str, new: str, role: str, **policy: Any) -> tuple[str, bool, list[str]]:
    """Return level, verdict and rules of a comparison."""
    found = compare("xsd", old, new, role, Policy(**policy))
    return found.level.name, found.compatible, [change.rule for change in found.changes]


def test_policies_spare_what_peers_agreed_to_bear() -> None:
    """Unknown elements are ignored, unknown values expected, or what a writer sends in vain forgiven."""
    more = root(seq(A, B, e("c", more=OPTIONAL)) + '<xs:attribute name="k"/>')
    assert judged(BASE, more, "reader", content_model="open")[:2] == ("info", True)
    assert judged(BASE, root(seq(A, B, C)), "writer", content_model="open")[:2] == ("breaking", False)
    assert judged(BASE, root(seq(B, A, C)), "reader", content_model="open")[:2] == ("breaking", False)
    assert judged(text(enum("x")), text(enum("x", "y")), "reader", enum="extensible")[:2] == ("warn", True)
    assert judged(text(enum("x")), text('<xs:maxLength value="2"/>'), "reader", enum="extensible")[:2] == ("warn", True)
    assert judged(root(seq(A, e("b", more=OPTIONAL))), root(seq(A)), "writer", mode="lenient")[1]


def test_what_is_not_here_is_undecided_unless_both_sides_refer_to_the_same() -> None:
    """An import is not fetched."""
    there = '<xs:import namespace="u:z" schemaLocation="http://127.0.0.1:9/z-1.xsd"/>'
    old = (
        root(seq(A, '<xs:element ref="z:q"/>'))
        .replace("<xs:schema", '<xs:schema xmlns:z="u:z"')
        .replace('qualified">', f'qualified">{there}')
    )
    assert judged(old, old.replace("A", "A"), "both") == ("none", True, [])
    assert judged(old, old.replace("<xs:sequence>", "<xs:sequence >"), "both") == ("none", True, [])
    level, compatible, rules = judged(old, old.replace("z-1", "z-2"), "both")
    assert (level, compatible, rules) == ("warn", False, ["xsd.type.undecided"])


def test_the_same_words_under_another_prefix_are_compared() -> None:
    """What a prefix stands for counts, not how it is written."""
    own = '<xs:simpleType name="int"><xs:restriction base="xs:string"/></xs:simpleType>'
    old = schema('<xs:element name="r" type="p:int"/>', own).replace(
        "<xs:schema", '<xs:schema xmlns:p="http://www.w3.org/2001/XMLSchema"'
    )
    assert judged(old, old.replace('xmlns:p="http://www.w3.org/2001/XMLSchema"', 'xmlns:p="u:x"'), "reader")[:2] == (
        "breaking",
        False,
    )


def test_a_pattern_that_nobody_understands_is_undecided() -> None:
    """It is never called compatible."""
    odd = text('<xs:pattern value="[a-z&amp;&amp;[^b]](?=x)"/>')
    level, compatible, rules = judged(text(""), odd, "writer")
    assert (level, compatible, rules) == ("warn", False, ["xsd.pattern.undecided"])


def test_a_library_of_types_is_compared_by_its_types() -> None:
    """Without global elements others build documents from them."""
    old = schema(f'<xs:complexType name="T">{seq(A)}</xs:complexType>')
    new = schema(f'<xs:complexType name="T">{seq(A, e("b", more=OPTIONAL))}</xs:complexType>')
    assert judged(old, new, "reader")[:2] == ("breaking", False)
    assert judged(old, new, "writer")[:2] == ("none", True)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (7, "given as a text"),
        ("<xs:schema", "not well-formed"),
        ("<a/>", "the root is a"),
        ('<!DOCTYPE x [<!ENTITY a "b">]>' + BASE, "DOCTYPE is refused"),
        (
            '<!DOCTYPE x SYSTEM "file:///etc/passwd">' + BASE,
            "DOCTYPE is refused",
        ),  # and not read: its words would be in the error
        (HEAD + "<xs:sequence>" * 300 + "</xs:sequence>" * 300 + "</xs:schema>", "not well-formed"),  # too deep
        (root(seq(e("a", more='maxOccurs="-1"'))), "maxOccurs '-1'"),
        (root(seq(e("a", "q:none"))), "prefix of 'q:none'"),
        (
            root('<xs:group ref="g"/>', '<xs:group name="g"><xs:sequence><xs:group ref="g"/></xs:sequence></xs:group>'),
            "needs itself",
        ),
        (
            schema(
                '<xs:element name="r" type="T"/>',
                '<xs:complexType name="T"><xs:complexContent><xs:extension base="T"/></xs:complexContent></xs:complexType>',
            ),
            "needs itself",
        ),
        (schema(A, A), "two element declarations named {u:x}a"),
        (text('<xs:maxLength value="x"/>'), "maxLength 'x'"),
    ],
)
def test_a_bad_document_is_named(new: Any, words: str) -> None:
    """No guess is made of it."""
    with pytest.raises(BadDocument, match=words):
        compare("xsd", BASE, new, "both", Policy())
