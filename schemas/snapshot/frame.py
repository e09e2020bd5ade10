"""What every snapshot begins with, and what a differ asks of one."""

from __future__ import annotations

from typing import Any

from schemas.diff.model import BadDocument

FORMAT = "gateway.snapshot/1"


def header(kind: str) -> dict[str, Any]:
    """Return the beginning of a snapshot of a kind."""
    return {"format": FORMAT, "kind": kind}


def checked(document: Any, kind: str, what: str) -> dict[str, Any]:
    """Return a snapshot of a kind; BadDocument when a document is none."""
    if not isinstance(document, dict):
        raise BadDocument(f"{what}: a snapshot is an object, not {type(document).__name__}")
    if document.get("format", FORMAT) != FORMAT:
        raise BadDocument(f"{what}: format is {document['format']!r}, not {FORMAT!r}")
    if document.get("kind", kind) != kind:
        raise BadDocument(f"{what}: kind is {document['kind']!r}, not {kind!r}")
    return document


def text(value: Any, where: str) -> str | None:
    """Return a text or None; BadDocument for anything else."""
    if value is not None and not isinstance(value, str):
        raise BadDocument(f"{where}: a text, not {type(value).__name__}")
    return value


def objects(value: Any, where: str) -> list[dict[str, Any]]:
    """Return a list of objects; BadDocument for anything else."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise BadDocument(f"{where}: a list of objects")
    return value
