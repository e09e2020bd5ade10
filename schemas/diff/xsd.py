"""Compare two XML schemas (W3C XML Schema 1.0): documents that one takes and the other does not.

A document's root is a global element that no other content model refers to. What an import or include would bring is not
fetched: two sides that refer to the same name at the same place agree, all else that hangs on it is undecided.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.diff.model import Change, Effect, Policy
from schemas.diff.xml import named
from schemas.diff.xsd_builtin import XSD
from schemas.diff.xsd_compare import Comparison
from schemas.diff.xsd_schema import Components, of_text

NONE, BREAKING = Effect.none, Effect.breaking


def diff(old: Any, new: Any, policy: Policy) -> Iterable[Change]:
    """Return what differs between two schema documents, given as texts; BadDocument when one of them is none."""
    left, right = of_text(old, "old"), of_text(new, "new")
    if old == new:
        return ()
    (before,), (after,) = left.targets, right.targets
    if before != after:
        return (Change("namespace_changed", "", before, after, BREAKING, BREAKING, "xsd.namespace"),)
    found = Comparison(left, right, policy)
    _roots(found, left, right)
    if left.odd != right.odd:
        found.judged("schema_changed", "", sorted(left.odd), sorted(right.odd), None, None, "xsd.redefine")
    return found.found


def _roots(found: Comparison, left: Components, right: Components) -> None:
    common = sorted(left.elements.keys() & right.elements.keys())
    found.globals(common)
    before, after = roots(left), roots(right)
    lone = not common
    for name in sorted(before - right.elements.keys()):
        found.add("root_removed", f"/{name}", name, None, BREAKING if lone else NONE, BREAKING, "xsd.root.remove")
    reader = Effect.info if found.policy.mode == "lenient" and not lone else BREAKING
    for name in sorted(after - left.elements.keys()):
        found.add("root_added", f"/{name}", None, name, reader, BREAKING if lone and before else NONE, "xsd.root.add")
    if not before or not after:
        _library(found, left, right)


def _library(found: Comparison, left: Components, right: Components) -> None:
    """Compare the types of schemas that have no documents of their own: others build theirs from them."""
    for name in sorted(left.types.keys() | right.types.keys()):
        if name in left.types and name in right.types:
            found.types(f"/({name})", found.builders[0].type(name), found.builders[1].type(name))
        elif name in left.types:
            found.add("type_removed", f"/({name})", name, None, BREAKING, BREAKING, "xsd.type.remove")
        else:
            found.add("type_added", f"/({name})", None, name, Effect.info, NONE, "xsd.type.add")


def roots(components: Components) -> frozenset[str]:
    """Return the global elements that are documents; where all of them are parts of others, or a wildcard takes any, all."""
    parts, wild = set[str](), False
    for kind in (components.elements, components.types, components.groups):
        for component in kind.values():
            for node in component.node.iter(f"{{{XSD}}}element", f"{{{XSD}}}any"):
                wild = wild or (node.tag == f"{{{XSD}}}any" and node.get("processContents") != "skip")
                if node.get("ref"):
                    parts.add(named(node, node.get("ref")))
            for head in component.node.get("substitutionGroup", "").split():
                parts.add(named(component.node, head))
    members = {name for name, c in components.elements.items() if c.node.get("substitutionGroup")}
    whole = frozenset(name for name, c in components.elements.items() if c.node.get("abstract") not in {"true", "1"})
    documents = whole - parts - members
    return whole if wild or not documents else documents
