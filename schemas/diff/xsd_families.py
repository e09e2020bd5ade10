"""What may stand for what: elements for the head of their substitution group, types for those that they extend."""

from __future__ import annotations

from schemas.diff.xml import named
from schemas.diff.xsd_builtin import XSD
from schemas.diff.xsd_schema import Component, Components


class Families:
    """Knows the families of some components; found out when first asked for."""

    def __init__(self, components: Components) -> None:
        """Keep the components."""
        self._components = components
        self._members: dict[str, list[str]] | None = None
        self._extensions: dict[str, list[str]] | None = None

    def members(self, head: str) -> list[str]:
        """Return the global elements that may stand for another, by name and in order; a head that forbids it has none."""
        if self._members is None:
            self._members = {}
            for name, component in self._components.elements.items():
                for group in (component.node.get("substitutionGroup") or "").split():
                    self._members.setdefault(named(component.node, group), []).append(name)
        if not self._members or head not in self._members or _blocked(self._components.elements.get(head)):
            return []
        found, waiting = dict[str, None](), [head]
        while waiting:
            for name in self._members.get(waiting.pop(), ()):
                if name not in found and name != head:
                    found[name] = None
                    waiting.append(name)
        return sorted(found)

    def extensions(self, base: str) -> list[str]:
        """Return the named complex types that extend a type, directly or not."""
        if self._extensions is None:
            self._extensions = {}
            for name, component in self._components.types.items():
                for how in component.node.iterfind(f"{{{XSD}}}*/{{{XSD}}}extension"):
                    self._extensions.setdefault(named(how, how.get("base", "")), []).append(name)
        found, waiting = dict[str, None](), [base]
        while waiting:
            for name in self._extensions.get(waiting.pop(), ()):
                if name not in found:
                    found[name] = None
                    waiting.append(name)
        return sorted(found)


def _blocked(component: Component | None) -> bool:
    words = (component.node.get("block", component.home.block) if component else "").split()
    return "#all" in words or "substitution" in words
