"""Fingerprints of documents that are no catalogue: `identity` of every byte that counts, `shape` without words for people."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from lxml import etree

from schemas.diff.xml import local, parsed
from schemas.snapshot.document import canonical

_WORDS = frozenset(
    {"title", "description", "summary", "example", "examples", "externalDocs", "tags", "$comment", "info", "servers"}
)
_PROSE = {"documentation", "annotation", "appinfo"}


def fingerprint(document: Mapping[str, Any]) -> dict[str, str]:
    """Return both fingerprints of a snapshot that has none yet."""
    kept = document.get("document")
    if isinstance(kept, str):
        return {"identity": _hash(xml(kept, prose=True)), "shape": _hash(xml(kept))}
    body = document if kept is None else {**document, "document": _plain(kept)}
    return {"identity": _hash(canonical(document)), "shape": _hash(canonical(body))}


def xml(text: str, *, prose: bool = False) -> bytes:
    """Return a document in its canonical form, without prose unless it is asked for; BadDocument when it is no XML."""
    root = parsed(text, "the document")
    if not prose:
        for element in [e for e in root.iter() if isinstance(e.tag, str) and local(e.tag) in _PROSE]:
            parent = element.getparent()
            if parent is not None:
                parent.remove(element)
    for element in root.iter():
        element.text, element.tail = ((t or "").strip() or None for t in (element.text, element.tail))
    written: bytes = etree.tostring(root, method="c14n", exclusive=True, with_comments=False)
    return written


def _plain(value: Any, *, names: bool = False) -> Any:
    """Return a document without words for people; what stands under `properties` and the like are names."""
    if isinstance(value, dict):
        return {
            key: _plain(
                inner, names=not names and key in {"properties", "patternProperties", "schemas", "paths", "responses"}
            )
            for key, inner in value.items()
            if names or key not in _WORDS
        }
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()
