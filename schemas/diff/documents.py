"""Read documents that nobody vouches for: limits of size, depth and nodes before any differ sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from schemas.diff.model import BadDocument

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 500
MAX_NODES = 2_000_000
_XML = ("xsd", "wsdl")


def read(path: Path, kind: str) -> Any:
    """Return a file's document as its differ takes it: text for XML, JSON values (from JSON or YAML) for the others."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadDocument(f"{path}: larger than {MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadDocument(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise BadDocument(f"{path}: not UTF-8 from byte {error.start} on") from None
    return text if kind in _XML else bounded(_values(text, str(path), as_yaml=path.suffix in {".yaml", ".yml"}))


def parse(text: str, kind: str, name: str) -> Any:
    """Return a document that has no file, as `read` would; what does not begin like JSON is YAML. `name` stands for it."""
    return text if kind in _XML else bounded(_values(text, name, as_yaml=text.lstrip()[:1] not in {"{", "["}))


def _values(text: str, name: str, *, as_yaml: bool) -> Any:
    try:
        return yaml.safe_load(text) if as_yaml else json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise BadDocument(f"{name}: neither JSON nor YAML by its name: {error}") from None


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def bounded(document: Any) -> Any:
    """Return a document of JSON values unchanged; BadDocument when it is deeper or larger than anything real."""
    nodes, rest = 0, [(document, 1)]
    while rest:
        value, depth = rest.pop()
        nodes += 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise BadDocument(f"the document has more than {MAX_DEPTH} levels or {MAX_NODES} values")
        if isinstance(value, dict):
            rest.extend((v, depth + 1) for v in value.values())
        elif isinstance(value, list):
            rest.extend((v, depth + 1) for v in value)
    return document
