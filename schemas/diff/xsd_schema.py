"""The components of schema documents, found by name; what an import or include would bring is not fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from schemas.diff.model import BadDocument
from schemas.diff.xml import children, clark, parsed
from schemas.diff.xsd_builtin import XSD

KINDS = {
    "element": "elements", "simpleType": "types", "complexType": "types", "group": "groups",
    "attributeGroup": "attribute_groups", "attribute": "attributes",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Home:
    """What a schema document says for all that stands in it."""

    target: str
    qualified: bool
    qualified_attributes: bool
    block: str


@dataclass(frozen=True, slots=True)
class Component:
    """A named component's element and the document that it stands in."""

    node: Any
    home: Home


@dataclass(slots=True)
class Components:
    """All components of some schema documents, by Clark name; `outside` holds what was not here to be read."""

    elements: dict[str, Component] = field(default_factory=dict)
    types: dict[str, Component] = field(default_factory=dict)
    groups: dict[str, Component] = field(default_factory=dict)
    attribute_groups: dict[str, Component] = field(default_factory=dict)
    attributes: dict[str, Component] = field(default_factory=dict)
    outside: set[tuple[str, str]] = field(default_factory=set)
    targets: set[str] = field(default_factory=set)
    odd: set[str] = field(default_factory=set)


def of_text(text: Any, what: str) -> Components:
    """Return the components of one schema document; BadDocument when it is none."""
    root = parsed(text, what)
    if root.tag != f"{{{XSD}}}schema":
        raise BadDocument(f"{what}: the root is {root.tag}, not {{{XSD}}}schema")
    return of_nodes([root])


def of_nodes(roots: list[Any]) -> Components:
    """Return the components of schema elements; BadDocument when two of one name contradict each other."""
    found = Components()
    inline = {root.get("targetNamespace", "") for root in roots}
    for root in roots:
        home = Home(
            root.get("targetNamespace", ""), root.get("elementFormDefault") == "qualified",
            root.get("attributeFormDefault") == "qualified", root.get("blockDefault", ""),
        )  # fmt: skip
        found.targets.add(home.target)
        for kind, node in children(root, XSD):
            if kind in KINDS:
                _add(found, kind, node, home)
            elif kind in {"include", "redefine", "override"} or (
                kind == "import" and (node.get("namespace", "") not in inline or node.get("schemaLocation"))
            ):
                space = node.get("namespace", "") if kind == "import" else home.target
                if kind != "import" or space not in inline:
                    found.outside.add((space, node.get("schemaLocation", "")))
                if kind in {"redefine", "override"}:
                    found.odd.add(kind)
    return found


def _add(found: Components, kind: str, node: Any, home: Home) -> None:
    name = node.get("name")
    if not name:
        raise BadDocument(f"line {node.sourceline}: a {kind} of the schema has no name")
    known: dict[str, Component] = getattr(found, KINDS[kind])
    full = clark(home.target, name.strip())
    if full in known:
        raise BadDocument(f"line {node.sourceline}: there are two {kind} declarations named {full}")
    known[full] = Component(node, home)
