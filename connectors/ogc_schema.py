"""What DescribeFeatureType says of a feature type: the names of its properties, and which of them are geometries."""

from __future__ import annotations

from typing import Any

from lxml import etree

from connectors.ogc_gml import NAMESPACE
from gateway.errors import SchemaMismatch

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_DEEPEST = 20  # types that extend each other


def properties(body: bytes, name: str, what: str) -> tuple[list[str], list[str]]:
    """Return the plain properties and the geometries of a feature type; SchemaMismatch when the answer has no such type."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):  # its words would tell what was sent
        root = None
    hint = f"Compare `type` with what {what} offers."
    if root is None or root.getroottree().docinfo.doctype or root.tag != f"{_XSD}schema":
        raise SchemaMismatch(f"{what} does not describe itself by a schema", hint)
    declared = next((e for e in root.iterfind(f"{_XSD}element") if e.get("name") == name), None)
    if declared is None:
        raise SchemaMismatch(f"the schema of {what} has no such type", hint)
    plain: list[str] = []
    geometries: list[str] = []
    for element in _elements(root, declared, _DEEPEST):
        (geometries if _of_geometry(element) else plain).append(str(element.get("name")))
    return plain, geometries


def _elements(root: Any, declared: Any, deepest: int) -> list[Any]:
    """Return the elements of a declared element's type, those of the types that it extends first."""
    inner = declared.find(f"{_XSD}complexType")
    found = inner if inner is not None else _type(root, declared.get("type"))
    return _of_type(root, found, deepest)


def _of_type(root: Any, found: Any, deepest: int) -> list[Any]:
    if found is None or deepest == 0:
        return []
    extended = found.find(f"{_XSD}complexContent/{_XSD}extension")
    above = [] if extended is None else _of_type(root, _type(root, extended.get("base")), deepest - 1)
    held = found if extended is None else extended
    own = [e for e in held.iterfind(f"{_XSD}sequence/{_XSD}element") if e.get("name")]
    return above + own


def _type(root: Any, name: str | None) -> Any:
    wanted = (name or "").rpartition(":")[2]
    return next((t for t in root.iterfind(f"{_XSD}complexType") if t.get("name") == wanted), None)


def _of_geometry(element: Any) -> bool:
    """Tell whether an element's type is one of GML's for geometries, such as gml:MultiSurfacePropertyType."""
    prefix, _, name = (element.get("type") or "").rpartition(":")
    return element.nsmap.get(prefix or None) == NAMESPACE and name.endswith("PropertyType")
