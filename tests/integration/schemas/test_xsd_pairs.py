"""Pairs of schemas made up at random, with documents that libxml2 judges: what is called compatible is never refuted."""

from __future__ import annotations

import random
from typing import Any

import pytest
from lxml import etree

from schemas.diff.compare import compare
from schemas.diff.model import Policy

XS = "{http://www.w3.org/2001/XMLSchema}"
PAIRS, DOCUMENTS = 150, 24
TEXTS = ("", "1", "A", "AB", "B", "-1", "12", "true", "2020-01-01", "abc", "1.5", "D e", " A ", "12345", "1 2", "a:b")
TYPES = (
    "string",
    "int",
    "long",
    "boolean",
    "date",
    "token",
    "decimal",
    "positiveInteger",
    "NMTOKEN",
    "normalizedString",
    "double",
    "unsignedByte",
)
OCCURS = (
    "",
    "",
    "",
    ' minOccurs="0"',
    ' maxOccurs="2"',
    ' minOccurs="0" maxOccurs="unbounded"',
    ' minOccurs="2" maxOccurs="3"',
)
USES = ("", ' use="required"')
PATTERNS = ("[A-Z]+", "[A-Z]{2}", "[0-9]{1,3}", "A|B", "[a-zA-Z0-9]*", ".*", "[A-C ]*")


class Maker:
    """Makes schemas and documents from one seed."""

    def __init__(self, seed: int) -> None:
        """Take the seed."""
        self.dice = random.Random(seed)

    def facets(self, base: str) -> str:
        """Return a facet or some that a base can have."""
        dice, small = self.dice, self.dice.randint(1, 4)
        if base in {"string", "token", "NMTOKEN", "normalizedString"}:
            values = "".join(
                f'<xs:enumeration value="{v}"/>' for v in dice.sample(["A", "B", "AB"], dice.randint(1, 3))
            )
            size = f'<xs:{dice.choice(["minLength", "maxLength", "length"])} value="{small}"/>'
            return dice.choice([values, size, f'<xs:pattern value="{dice.choice(PATTERNS)}"/>', ""])
        if base in {"int", "long", "decimal", "positiveInteger", "unsignedByte"}:
            bound = dice.choice(["minInclusive", "maxExclusive", "totalDigits", "enumeration"])
            return f'<xs:{bound} value="{small + (4 if bound == "maxExclusive" else 0)}"/>'
        return ""

    def simple(self, name: str = "") -> str:
        """Return a simple type."""
        kind, base = self.dice.random(), self.dice.choice(TYPES)
        body = f'<xs:restriction base="xs:{base}">{self.facets(base)}</xs:restriction>'
        if kind > 0.9:
            body = f'<xs:union memberTypes="{" ".join(f"xs:{t}" for t in self.dice.sample(TYPES, 2))}"/>'
        elif kind > 0.8:
            body = f'<xs:list itemType="xs:{self.dice.choice(["int", "NMTOKEN", "boolean"])}"/>'
        return f"<xs:simpleType{name}>{body}</xs:simpleType>"

    def element(self, name: str, depth: int) -> str:
        """Return a declaration within a content model."""
        more, kind = self.dice.choice(OCCURS), self.dice.random()
        if kind < 0.1:
            return f'<xs:element ref="h"{more}/>'
        if kind < 0.2:
            more += ' nillable="true"'
        if kind < 0.4:
            return f'<xs:element name="{name}" type="T"{more}/>'
        inner = self.complex(depth - 1) if depth and kind < 0.6 else self.simple()
        return f'<xs:element name="{name}"{more}>{inner}</xs:element>'

    def group(self, names: list[str], depth: int, level: int = 0) -> str:
        """Return a sequence or a choice, some of it nested; at the top sometimes all."""
        if level == 0 and self.dice.random() < 0.15:
            parts = [f'<xs:element name="{n}" type="xs:int"{self.dice.choice(["", OCCURS[3]])}/>' for n in names]
            return f"<xs:all>{''.join(parts)}</xs:all>"
        tag, parts = self.dice.choice(["sequence", "sequence", "choice"]), []
        while names:
            cut = self.dice.randint(2, len(names)) if len(names) > 1 and level < 2 and self.dice.random() < 0.3 else 1
            parts.append(self.group(names[:cut], depth, level + 1) if cut > 1 else self.element(names[0], depth))
            names = names[cut:]
        if self.dice.random() < 0.1:
            parts.append('<xs:any namespace="##other" minOccurs="0" processContents="lax"/>')
        return f"<xs:{tag}{self.dice.choice(OCCURS) if level else ''}>{''.join(parts)}</xs:{tag}>"

    def complex(self, depth: int, name: str = "") -> str:
        """Return a complex type."""
        names = [n for n in "abcd" if self.dice.random() < 0.6]
        attributes = "".join(
            f'<xs:attribute name="{n}"{self.dice.choice(USES)}>{self.simple()}</xs:attribute>'
            for n in "kl" if self.dice.random() < 0.3
        )  # fmt: skip
        mixed = ' mixed="true"' if self.dice.random() < 0.08 else ""
        if self.dice.random() < 0.1:
            base = self.dice.choice(TYPES)
            return f'<xs:complexType{name}><xs:simpleContent><xs:extension base="xs:{base}">{attributes}</xs:extension></xs:simpleContent></xs:complexType>'
        return f"<xs:complexType{name}{mixed}>{self.group(names, depth) if names else ''}{attributes}</xs:complexType>"

    def parts(self) -> dict[str, str]:
        """Return the global declarations of a schema."""
        return {part: self.part(part) for part in "rThm"}

    def part(self, part: str) -> str:
        """Return one of them."""
        if part == "r":
            return f'<xs:element name="r">{self.complex(1)}</xs:element>'
        if part == "T":
            named = ' name="T"'
            return self.simple(named) if self.dice.random() < 0.5 else self.complex(0, named)
        if part == "h":
            return f'<xs:element name="h" type="xs:{self.dice.choice(["int", "string"])}"/>'
        return self.dice.choice(['<xs:element name="m"/>', '<xs:element name="m" substitutionGroup="h"/>'])

    def document(self, schema: Any) -> Any:
        """Return a document that follows a schema more or less; None when it grows too deep."""
        tops = {(node.tag, node.get("name")): node for node in schema}
        try:
            return _Walk(self.dice, tops).element(tops[f"{XS}element", self.dice.choice("rrrh")], 0)
        except RecursionError:
            return None


class _Walk:
    def __init__(self, dice: random.Random, tops: dict[Any, Any]) -> None:
        self._dice, self._tops = dice, tops

    def element(self, node: Any, depth: int) -> Any:
        if depth > 5:
            raise RecursionError
        if node.get("ref"):
            return self.element(
                self._tops[f"{XS}element", self._dice.choice([node.get("ref"), node.get("ref"), "m"])], depth
            )
        made = etree.Element(f"{{u:x}}{node.get('name')}")
        if node.get("nillable") and self._dice.random() < 0.3:
            made.set("{http://www.w3.org/2001/XMLSchema-instance}nil", "true")
            return made
        kind = node.get("type")
        inner = (
            node[0]
            if len(node)
            else self._tops.get((f"{XS}simpleType", kind), self._tops.get((f"{XS}complexType", kind)))
        )
        if inner is None or inner.tag == f"{XS}simpleType":
            made.text = self.text(inner)
        else:
            self.fill(made, inner, depth)
        return made

    def text(self, kind: Any) -> str:
        values = [] if kind is None else [f.get("value") for f in kind.iter(f"{XS}enumeration")]
        return str(self._dice.choice([*values, *values, self._dice.choice(TEXTS)]))

    def fill(self, made: Any, kind: Any, depth: int) -> None:
        for part in kind:
            if part.tag == f"{XS}simpleContent":
                made.text = self.text(None)
                self.fill(made, part[0], depth)
            elif part.tag != f"{XS}attribute":
                self.part(made, part, depth)
            elif part.get("use") or self._dice.random() < 0.5:
                made.set(part.get("name"), self.text(part[0]))
        if kind.get("mixed") and self._dice.random() < 0.5:
            made.text = "x"

    def part(self, made: Any, part: Any, depth: int) -> None:
        least, most = int(part.get("minOccurs", "1")), part.get("maxOccurs", "1")
        for _ in range(self._dice.randint(least, max(least, least + 2 if most == "unbounded" else int(most)))):
            if part.tag == f"{XS}element":
                made.append(self.element(part, depth + 1))
            elif part.tag == f"{XS}any":
                made.append(etree.Element("{u:z}q"))
            elif part.tag == f"{XS}choice":
                if len(part):
                    self.part(made, self._dice.choice(list(part)), depth)
            else:
                inner = list(part)
                if part.tag == f"{XS}all":
                    self._dice.shuffle(inner)
                for one in inner:
                    self.part(made, one, depth)


def written(parts: dict[str, str]) -> str:
    """Return a schema document."""
    head = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="u:x" xmlns="u:x" elementFormDefault="qualified">'
    return f"{head}{''.join(parts.values())}</xs:schema>"


def pair(maker: Maker) -> tuple[str, str, Any, Any] | None:
    """Return two schemas that differ in one part at least, with their validators; None when libxml2 refuses one."""
    parts = maker.parts()
    changed = maker.dice.choice(list(parts))
    old, new = written(parts), written(parts | {changed: maker.part(changed)})
    try:
        return old, new, *(etree.XMLSchema(etree.fromstring(one)) for one in (old, new))
    except etree.XMLSchemaParseError:  # two ways to read one document, which the standard forbids
        return None


@pytest.mark.parametrize("seed", range(4))
def test_what_is_called_compatible_no_document_refutes(seed: int) -> None:
    """Both ways, over schemas and documents made up at random."""
    maker, safe, refuted = Maker(seed), 0, 0
    for _ in range(PAIRS):
        if (found := pair(maker)) is None:
            continue
        old, new, before, after = found
        verdicts = {role: compare("xsd", old, new, role, Policy()).compatible for role in ("reader", "writer")}
        for number in range(DOCUMENTS):
            document = maker.document(etree.fromstring((old, new)[number % 2]))
            if document is None:
                continue
            was, is_ = before.validate(document), after.validate(document)
            if was != is_:
                refuted += 1
                role = "writer" if was else "reader"
                assert not verdicts[role], f"{role}\n{old}\n{new}\n{etree.tostring(document).decode()}"
        safe += sum(verdicts.values())
    assert safe > 20
    assert refuted > 50


@pytest.mark.parametrize("seed", range(2))
def test_a_schema_is_the_same_as_itself_however_it_is_laid_out(seed: int) -> None:
    """No false alarm: blanks, comments and another order of declarations are no change."""
    maker = Maker(1000 + seed)
    for _ in range(PAIRS):
        parts = maker.parts()
        other = (
            written(dict(reversed(parts.items())))
            .replace("><", "><!-- x -->\n<")
            .replace("xs:", "q:")
            .replace(":xs", ":q")
        )
        assert compare("xsd", written(parts), other, "both", Policy()).changes == ()
