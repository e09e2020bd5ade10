"""Small parts of schema documents, read one by one."""

from __future__ import annotations

import re
from typing import Any

from schemas.diff.model import BadDocument
from schemas.diff.xml import children, named
from schemas.diff.xsd_builtin import XSD
from schemas.diff.xsd_model import Wild
from schemas.diff.xsd_schema import Home


class Once:
    """Refuses to resolve what is being resolved: a definition that needs itself first."""

    def __init__(self, opened: set[Any], key: Any, name: str) -> None:
        self._opened, self._key, self._name = opened, key, name

    def __enter__(self) -> None:
        """Begin; BadDocument when it has begun already."""
        if self._key in self._opened:
            raise BadDocument(f"the definition of {self._name} needs itself")
        self._opened.add(self._key)

    def __exit__(self, *_: object) -> None:
        """End."""
        self._opened.discard(self._key)


def true(node: Any, name: str) -> bool:
    """Return a boolean attribute; what is not there is false."""
    return node.get(name, "").strip() in {"true", "1"}


def occurs(node: Any, name: str) -> int | None:
    """Return how often a particle comes at least or at most, None for without end; BadDocument for what is no number."""
    text = node.get(name, "1").strip()
    if text == "unbounded" and name == "maxOccurs":
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:  # noqa: PLR2004 - digits
        raise BadDocument(f"line {node.sourceline}: {name} {text!r} is no number")
    return int(text)


def wild(node: Any, home: Home) -> Wild:
    """Return what a wildcard takes."""
    words = node.get("namespace", "##any").split()
    process = node.get("processContents", "strict")
    if words == ["##any"]:
        return Wild(frozenset(), others=True, process=process)
    if words == ["##other"]:
        return Wild(frozenset({home.target, ""}), others=True, process=process)
    spaces = {"##targetNamespace": home.target, "##local": ""}
    return Wild(frozenset(spaces.get(word, word) for word in words), others=False, process=process)


def constraint(kind: str, node: Any) -> str:
    """Return a constraint in words that no prefix and no name of its own changes."""
    paths = [_path(n) for _, n in children(node, XSD) if n.get("xpath")]
    refer = named(node, node.get("refer", "")) if kind == "keyref" else ""
    return " ".join([kind, refer, *paths])


def _path(node: Any) -> str:
    text = "".join(node.get("xpath").split())
    return re.sub(r"([\w.\-]+):(?=[\w.\-*])", lambda m: f"{{{node.nsmap.get(m[1], m[1])}}}", text)
