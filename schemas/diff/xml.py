"""XML of strangers: no DTD, no entities, no network, no depth beyond libxml2's own limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from schemas.diff.model import BadDocument

_WORDS = 200


def parsed(text: Any, what: str) -> Any:
    """Return the root element of a text; BadDocument when it is no well-formed XML, or has a DOCTYPE."""
    if not isinstance(text, str):
        raise BadDocument(f"{what}: the document is XML, given as a text")
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(text.lstrip("\ufeff \t\r\n").encode("utf-8", "surrogatepass"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadDocument(f"{what}: not well-formed XML: {str(error)[:_WORDS]}") from None
    if root.getroottree().docinfo.doctype:
        raise BadDocument(f"{what}: a DOCTYPE is refused")
    return root


def named(node: Any, text: str, *, plain: bool = False) -> str:
    """Return the Clark name of a QName in a node's attribute; `plain`: without a prefix it has no namespace.

    BadDocument when its prefix is not declared.
    """
    prefix, colon, local = text.strip().rpartition(":")
    if not colon:
        space = None if plain else node.nsmap.get(None)
    elif prefix == "xml":
        space = "http://www.w3.org/XML/1998/namespace"
    elif (space := node.nsmap.get(prefix)) is None:
        raise BadDocument(f"line {node.sourceline}: the prefix of {text!r} is not declared")
    return clark(space, local)


def clark(space: str | None, local: str) -> str:
    """Return a name with its namespace."""
    return f"{{{space}}}{local}" if space else local


def space_of(name: str) -> str:
    """Return the namespace of a Clark name, empty for none."""
    return name[1:].partition("}")[0] if name.startswith("{") else ""


def local(name: str) -> str:
    """Return a Clark name without its namespace."""
    return name.rpartition("}")[2]


def children(node: Any, space: str) -> Iterator[tuple[str, Any]]:
    """Yield the local name and element of each child in a namespace."""
    mark = f"{{{space}}}"
    for child in node:
        if isinstance(child.tag, str) and child.tag.startswith(mark):
            yield child.tag[len(mark) :], child
