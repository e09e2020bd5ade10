"""Whether a document is a snapshot: looked at before it is compared, since anybody may have written it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.diff.model import BadDocument
from schemas.diff.sql_frame import Relation, path

_TEXT, _MANY, _FLAG = (str,), (list, type(None)), (bool, int, type(None))
_RELATION: Mapping[str, tuple[type, ...]] = {
    "schema": _TEXT, "name": _TEXT, "kind": _TEXT, "columns": (list,), "constraints": _MANY, "triggers": _MANY,
    "policies": _MANY, "indexes": _MANY, "acl": _MANY, "options": _MANY, "view": (str, type(None)), "updatable": (int, type(None)),
}  # fmt: skip
_COLUMN: Mapping[str, tuple[type, ...]] = {
    "name": _TEXT, "type": _TEXT, "notnull": _FLAG, "default": (str, type(None)), "acl": _MANY, "enum": _MANY,
    "enum_ids": _MANY, "domain": (dict, type(None)), "attnum": (int, type(None)),
}  # fmt: skip
_PARTS: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "constraints": {"type": _TEXT, "name": _TEXT, "def": _TEXT, "columns": _MANY, "references": (str, type(None))},
    "triggers": {"name": _TEXT, "def": _TEXT},
    "sequences": {"column": _TEXT, "acl": _MANY},
    "policies": {"name": _TEXT},
    "indexes": {"def": _TEXT, "columns": _MANY},
}


_HEAD: Mapping[str, tuple[type, ...]] = {"schema": _TEXT, "name": _TEXT, "kind": _TEXT, "oid": (int, type(None))}
_ROLE: Mapping[str, tuple[type, ...]] = {"role": _TEXT, "schemas": (list,), "rights": (dict,)}
_SCHEMA: Mapping[str, tuple[type, ...]] = {"name": _TEXT, "acl": _MANY}
_DOMAIN: Mapping[str, tuple[type, ...]] = {"base": _TEXT, "checks": _MANY, "default": (str, type(None))}
_NOTHING: Mapping[str, tuple[type, ...]] = {}
# What must be there, by the table that says so: asked for each of many thousand columns.
_NEEDED = {
    id(table): {key for key, types in table.items() if type(None) not in types}
    for table in (_HEAD, _ROLE, _SCHEMA, _DOMAIN, _NOTHING, _RELATION, _COLUMN, *_PARTS.values())
}


def check(document: Any, kind: str, side: str) -> None:
    """Raise BadDocument when a document is not a snapshot of its kind; its relations are looked at by `check_relation`."""
    if not isinstance(document, dict) or document.get("format") != "gateway.snapshot/1":
        raise BadDocument(f"{side}: not a snapshot (format gateway.snapshot/1); `gateway schema snapshot` writes them")
    if document.get("kind") != kind:
        raise BadDocument(f"{side}: a snapshot of kind {document.get('kind')!r}, not {kind}")
    server = document.get("server")
    if not isinstance(server, dict) or not isinstance(server.get("version_num", 0), int):
        raise BadDocument(f"{side}: server is not an object with the number of its version")
    for key in ("relations", "access", "schemas"):
        value = document.get(key, [])
        if not isinstance(value, list) or not all(isinstance(thing, dict) for thing in value):
            raise BadDocument(f"{side}: {key} is not a list of objects")
    for place, relation in enumerate(document.get("relations", [])):
        _of(relation, _HEAD, f"{side}: relations[{place}]")
    _check_rights(document, side)


def _check_rights(document: Mapping[str, Any], side: str) -> None:
    for role in document.get("access", []):
        _of(role, _ROLE, f"{side}: access")
        _texts(role["schemas"], f"{side}: access")
        for rights in role["rights"].values():
            _of(rights, _NOTHING, f"{side}: access, rights")
            if not all(right is True or type(right) is list for right in rights.values()):
                raise BadDocument(f"{side}: access, rights: a right is true or a list of columns")
    for schema in document.get("schemas", []):
        _of(schema, _SCHEMA, f"{side}: schemas")
        _texts(schema.get("acl"), f"{side}: schemas")


def check_relation(relation: Relation, side: str) -> None:
    """Raise BadDocument when a part of a relation is not what the comparison takes it for."""
    where = f"{side}: {path(relation)}"
    _of(relation, _RELATION, where)
    _texts(relation.get("acl"), where)
    for column in relation["columns"]:
        _of(column, _COLUMN, f"{where}, columns")
        if "acl" in column or "enum" in column:
            _texts([*(column.get("acl") or ()), *(column.get("enum") or ())], where)
        if column.get("domain") is not None:
            _of(column["domain"], _DOMAIN, f"{where}, domain")
        if not all(type(number) is int for number in column.get("enum_ids") or ()):
            raise BadDocument(f"{where}: enum_ids holds something else than numbers")
    for part, keys in _PARTS.items():
        for thing in relation.get(part) or ():
            _of(thing, keys, f"{where}, {part}")
            _texts([*(thing.get("columns") or ()), *(thing.get("acl") or ())], f"{where}, {part}")


def _of(thing: Any, keys: Mapping[str, tuple[type, ...]], where: str) -> None:
    """Look at what is there; what is not there must be allowed to be absent."""
    if type(thing) is not dict:
        raise BadDocument(f"{where}: {type(thing).__name__} where an object is expected")
    for key, value in thing.items():
        if key in keys and type(value) not in keys[key]:
            raise BadDocument(f"{where}: {key} is not {' or '.join(t.__name__ for t in keys[key])}")
    if not thing.keys() >= _NEEDED[id(keys)]:
        missing = min(_NEEDED[id(keys)] - thing.keys())
        raise BadDocument(f"{where}: {missing} is not {' or '.join(t.__name__ for t in keys[missing])}")


def _texts(values: Sequence[Any] | None, where: str) -> None:
    if values and not all(isinstance(value, str) for value in values):
        raise BadDocument(f"{where}: a list of names holds something else")
