"""Resolves the components of schema documents: elements to types, types to content models and attributes."""

from __future__ import annotations

from typing import Any

from schemas.diff import xsd_facets as facets
from schemas.diff.model import BadDocument
from schemas.diff.xml import children, clark, named, space_of
from schemas.diff.xsd_builtin import XSD
from schemas.diff.xsd_families import Families
from schemas.diff.xsd_model import ANY, Attribute, Complex, Element, Particle, Type
from schemas.diff.xsd_parts import Once, constraint, occurs, true, wild
from schemas.diff.xsd_schema import Components, Home
from schemas.diff.xsd_simple import Simple

_GROUPS = ("sequence", "choice", "all")
_ARRAY = "{http://schemas.xmlsoap.org/wsdl/}arrayType"
_ODD = frozenset({"assert", "openContent", "alternative"})


class Builder:
    """Resolves what is asked for, and remembers it."""

    def __init__(self, components: Components) -> None:
        """Keep the components."""
        self.components = components
        self._elements: dict[Any, Element] = {}
        self._types: dict[str, Type] = {}
        self._inline: dict[Any, Type] = {}
        self._open = set[Any]()
        self.families = Families(components)

    def element(self, node: Any, home: Home, *, top: bool) -> Element:
        """Return a declaration; what refers to a global one is that one."""
        if (found := self._elements.get(node)) is not None:
            return found
        if (ref := node.get("ref")) is not None:
            found = self.top(named(node, ref))
        else:
            qualified = top or (node.get("form") or ("qualified" if home.qualified else "")) == "qualified"
            found = Element(
                clark(node.get("targetNamespace", home.target) if qualified else None, node.get("name", "").strip()),
                node, home, true(node, "nillable"), node.get("default"), node.get("fixed"), true(node, "abstract"),
                frozenset(constraint(kind, n) for kind, n in children(node, XSD) if kind in {"key", "unique", "keyref"}),
            )  # fmt: skip
        self._elements[node] = found
        return found

    def top(self, name: str) -> Element:
        """Return a global element; one whose document is not here has a type that nobody knows."""
        component = self.components.elements.get(name)
        if component is not None:
            return self.element(component.node, component.home, top=True)
        return self._elements.setdefault(
            name, Element(name, None, Home("", qualified=False, qualified_attributes=False, block=""))
        )

    def type_of(self, element: Element) -> Type:
        """Return an element's type."""
        node = element.node
        if node is None:
            return self._missing(element.name)
        if (name := node.get("type")) is not None:
            return self.type(named(node, name))
        for kind, child in children(node, XSD):
            if kind in {"simpleType", "complexType"}:
                return self.inline(kind, child, element.home)
        head = (node.get("substitutionGroup") or "").split()
        if not head:
            return ANY
        with self._once(node, element.name):
            return self.type_of(self.top(named(node, head[0])))

    def type(self, name: str) -> Type:
        """Return a type by its Clark name."""
        if (found := self._types.get(name)) is None:
            component = self.components.types.get(name)
            if component is None:
                found = facets.builtin(name) or (ANY if name == f"{{{XSD}}}anyType" else self._missing(name))
            else:
                kind = component.node.tag.rpartition("}")[2]
                found = self.inline(kind, component.node, component.home)
                if isinstance(found, Complex):
                    found.name = name
            self._types[name] = found
        return found

    def inline(self, kind: str, node: Any, home: Home) -> Type:
        """Return the type of a declaration."""
        if (found := self._inline.get(node)) is None:
            with self._once(node, node.get("name") or "without a name"):
                found = self.simple(node, home) if kind == "simpleType" else self._complex(node, home)
            self._inline[node] = found
        return found

    def simple(self, node: Any, home: Home) -> Simple:
        """Return a simple type's meaning."""
        for kind, child in children(node, XSD):
            if kind == "restriction":
                return facets.restricted(self._base(child, home), child)
            inner = [
                self._plain(self.inline("simpleType", n, home)) for k, n in children(child, XSD) if k == "simpleType"
            ]
            if kind == "list":
                named_item = child.get("itemType")
                return facets.listed(
                    self._named(child, named_item) if named_item else (inner or [facets.ANY_SIMPLE])[0]
                )
            if kind == "union":
                return facets.united([*(self._named(child, n) for n in child.get("memberTypes", "").split()), *inner])
        raise BadDocument(f"line {node.sourceline}: a simpleType without restriction, list or union")

    def _base(self, node: Any, home: Home) -> Simple:
        if (name := node.get("base")) is not None:
            return self._named(node, name)
        for kind, child in children(node, XSD):
            if kind == "simpleType":
                return self._plain(self.inline(kind, child, home))
        return facets.ANY_SIMPLE

    def _named(self, node: Any, name: str) -> Simple:
        return self._plain(self.type(named(node, name)))

    def _plain(self, found: Type) -> Simple:
        if isinstance(found, Complex):
            return found.simple if found.simple is not None else facets.ANY_SIMPLE
        return found

    def _missing(self, name: str) -> Simple:
        space = space_of(name)
        return facets.missing(name, sorted(location for s, location in self.components.outside if s == space))

    def _once(self, key: Any, name: str) -> Once:
        return Once(self._open, key, name)

    def _complex(self, node: Any, home: Home) -> Complex:
        found = Complex(mixed=true(node, "mixed"), abstract=true(node, "abstract"))
        derived = next(((k, n) for k, n in children(node, XSD) if k in {"simpleContent", "complexContent"}), None)
        if derived is None:
            self._own(found, node, home)
            return found
        kind, content = derived
        step = next(((k, n) for k, n in children(content, XSD) if k in {"extension", "restriction"}), None)
        if step is None:
            raise BadDocument(f"line {content.sourceline}: {kind} without extension or restriction")
        how, held = step
        base = self.type(named(held, held.get("base", "")))
        if content.get("mixed") is not None:
            found.mixed = true(content, "mixed")
        above = base if isinstance(base, Complex) else Complex(simple=base)
        if kind == "simpleContent":
            self._simple_content(found, how, held, above, home)
        elif isinstance(base, Simple):  # the base's document is not here
            found.odd = frozenset({f"{how} of {base.base}"})
        self._own(found, held, home)
        self._inherit(found, above, how, held)
        return found

    def _simple_content(self, found: Complex, how: str, held: Any, above: Complex, home: Home) -> None:
        simple = above.simple if above.simple is not None else facets.ANY_SIMPLE
        if how == "restriction":
            inner = [self._plain(self.inline(k, n, home)) for k, n in children(held, XSD) if k == "simpleType"]
            simple = facets.restricted(inner[0] if inner else simple, held)
        found.simple = simple

    def _inherit(self, found: Complex, above: Complex, how: str, held: Any) -> None:
        prohibited = {self._attribute_name(n, None) for k, n in children(held, XSD) if n.get("use") == "prohibited"}
        inherited = {name: one for name, one in above.attributes.items() if name not in prohibited}
        found.attributes = {**inherited, **found.attributes}
        found.odd |= above.odd if how == "extension" else frozenset(o for o in above.odd if o.startswith("assert"))
        found.items = found.items or above.items
        if how == "extension":
            found.wild = found.wild or above.wild
            found.mixed = found.mixed or (above.mixed and found.simple is None)
            pieces = tuple(p for p in (above.particle, found.particle) if p is not None)
            found.particle = pieces[0] if len(pieces) == 1 else Particle("sequence", parts=pieces) if pieces else None

    def _own(self, found: Complex, node: Any, home: Home) -> None:
        """Take a declaration's particle and attributes."""
        for kind, child in children(node, XSD):
            if kind in _GROUPS or kind == "group":
                found.particle = self._particle(kind, child, home)
            elif kind == "attribute":
                self._attribute(found, child, home)
            elif kind == "attributeGroup":
                self._attribute_group(found, child)
            elif kind == "anyAttribute":
                found.wild = wild(child, home)
            elif kind in _ODD:
                found.odd |= {f"{kind} {child.get('test', '')} {child.get('mode', '')}"}

    def _attribute_group(self, found: Complex, node: Any) -> None:
        name = named(node, node.get("ref", ""))
        component = self.components.attribute_groups.get(name)
        if component is None:
            found.odd |= {f"attributeGroup {name}"}
            return
        with self._once((id(found), component.node), name):
            self._own(found, component.node, component.home)

    def _attribute_name(self, node: Any, home: Home | None) -> str:
        if (ref := node.get("ref")) is not None:
            return named(node, ref, plain=True)
        schema = next(a for a in node.iterancestors() if a.tag == f"{{{XSD}}}schema")
        target = home.target if home else schema.get("targetNamespace", "")
        default = home.qualified_attributes if home else schema.get("attributeFormDefault") == "qualified"
        qualified = (node.get("form") or ("qualified" if default else "")) == "qualified"
        return clark(node.get("targetNamespace", target) if qualified else None, node.get("name", "").strip())

    def _attribute(self, found: Complex, node: Any, home: Home) -> None:
        if node.get(_ARRAY):
            item, bracket, sizes = node.get(_ARRAY).partition("[")
            found.items = named(node, item), bracket + sizes
        if node.get("use") == "prohibited":
            return
        name = self._attribute_name(node, home)
        declared, where = node, home
        if node.get("ref") is not None:
            component = self.components.attributes.get(name)
            if component is None:
                found.attributes[name] = Attribute(
                    self._missing(name), node.get("use") == "required", node.get("default"), node.get("fixed")
                )
                return
            declared, where = component.node, component.home
        found.attributes[name] = Attribute(
            self._attribute_type(declared, where), node.get("use") == "required",
            node.get("default", declared.get("default")), node.get("fixed", declared.get("fixed")),
        )  # fmt: skip

    def _attribute_type(self, node: Any, home: Home) -> Simple:
        if (name := node.get("type")) is not None:
            return self._named(node, name)
        for kind, child in children(node, XSD):
            if kind == "simpleType":
                return self._plain(self.inline(kind, child, home))
        return facets.ANY_SIMPLE

    def _particle(self, kind: str, node: Any, home: Home) -> Particle | None:
        least, most = occurs(node, "minOccurs"), occurs(node, "maxOccurs")
        assert least is not None
        if most == 0:
            return None
        if kind == "element":
            return self._elements_of(node, home, least, most)
        if kind == "any":
            return Particle("any", least, most, wild=wild(node, home))
        if kind == "group":
            return self._group(node, least, most)
        parts = [
            self._particle(k, n, home) for k, n in children(node, XSD) if k in (*_GROUPS, "element", "any", "group")
        ]
        return Particle(kind, least, most, tuple(p for p in parts if p is not None))  # type: ignore[arg-type]

    def _group(self, node: Any, least: int, most: int | None) -> Particle:
        name = named(node, node.get("ref", ""))
        component = self.components.groups.get(name)
        if component is None:
            return Particle("unknown", least, most, name=name)
        with self._once(component.node, name):
            for kind, child in children(component.node, XSD):
                if kind in _GROUPS and (inner := self._particle(kind, child, component.home)) is not None:
                    return inner if (least, most) == (1, 1) else Particle("sequence", least, most, (inner,))
        return Particle("sequence")

    def _elements_of(self, node: Any, home: Home, least: int, most: int | None) -> Particle:
        element = self.element(node, home, top=False)
        names = self.families.members(element.name) if node.get("ref") is not None else []
        if not names:
            return Particle("element", least, most, element=element)
        several = [self.top(name) for name in names]
        parts = tuple(Particle("element", element=one) for one in (element, *several) if not one.abstract)
        return Particle("choice", least, most, parts)
