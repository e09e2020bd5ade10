"""Whether a document is a snapshot: looked at before it is compared, since anybody may have written it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from schemas.diff.model import BadDocument
from schemas.diff.sql_frame import Relation, path

_TEXT, _MANY, _FLAG = (str,), (list, type(None)), (bool, int, type(None))


@dataclass(frozen=True, eq=False, slots=True)
class _Shape:
    """The types a part's values may have by their names; what may not be null must be there."""

    types: Mapping[str, tuple[type, ...]]


_RELATION = _Shape({
    "schema": _TEXT, "name": _TEXT, "kind": _TEXT, "columns": (list,), "constraints": _MANY, "triggers": _MANY,
    "policies": _MANY, "indexes": _MANY, "acl": _MANY, "options": _MANY, "view": (str, type(None)), "updatable": (int, type(None)),
})  # fmt: skip
_COLUMN = _Shape({
    "name": _TEXT, "type": _TEXT, "notnull": _FLAG, "default": (str, type(None)), "acl": _MANY, "enum": _MANY,
    "enum_ids": _MANY, "domain": (dict, type(None)), "attnum": (int, type(None)),
})  # fmt: skip
_PARTS: Mapping[str, _Shape] = {
    "constraints": _Shape({"type": _TEXT, "name": _TEXT, "def": _TEXT, "columns": _MANY, "references": (str, type(None))}),
    "triggers": _Shape({"name": _TEXT, "def": _TEXT}),
    "sequences": _Shape({"column": _TEXT, "acl": _MANY}),
    "policies": _Shape({"name": _TEXT}),
    "indexes": _Shape({"def": _TEXT, "columns": _MANY}),
}  # fmt: skip
_HEAD = _Shape({"schema": _TEXT, "name": _TEXT, "kind": _TEXT, "oid": (int, type(None))})
_ROLE = _Shape({"role": _TEXT, "schemas": (list,), "rights": (dict,)})
_SCHEMA = _Shape({"name": _TEXT, "acl": _MANY})
_DOMAIN = _Shape({"base": _TEXT, "checks": _MANY, "default": (str, type(None))})
_NOTHING = _Shape({})


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
    columns = f"{where}, columns"
    for column in relation["columns"]:
        _of(column, _COLUMN, columns)
        if "acl" in column or "enum" in column:
            _texts([*(column.get("acl") or ()), *(column.get("enum") or ())], where)
        if (domain := column.get("domain")) is not None:
            _of(domain, _DOMAIN, f"{where}, domain")
        if (numbers := column.get("enum_ids")) and not all(type(number) is int for number in numbers):
            raise BadDocument(f"{where}: enum_ids holds something else than numbers")
    for part, keys in _PARTS.items():
        for thing in relation.get(part) or ():
            _of(thing, keys, f"{where}, {part}")
            _texts([*(thing.get("columns") or ()), *(thing.get("acl") or ())], f"{where}, {part}")


def _of(thing: Any, shape: _Shape, where: str) -> None:
    """Look at what is there; what is not there must be allowed to be absent."""
    if type(thing) is not dict:
        raise BadDocument(f"{where}: {type(thing).__name__} where an object is expected")
    if fault := _fault(shape, tuple(thing), tuple(map(type, thing.values()))):
        raise BadDocument(f"{where}: {fault}")


@lru_cache(maxsize=1024)
def _fault(shape: _Shape, names: tuple[str, ...], types: tuple[type, ...]) -> str | None:
    """Return what is wrong with values of these names and types; the many thousand columns of a catalogue have a few of them."""
    wrong = [name for name, kind in zip(names, types, strict=True) if kind not in shape.types.get(name, (kind,))]
    missing = sorted(n for n, allowed in shape.types.items() if type(None) not in allowed and n not in names)
    for name in (*wrong, *missing):
        return f"{name} is not {' or '.join(t.__name__ for t in shape.types[name])}"
    return None


def _texts(values: Sequence[Any] | None, where: str) -> None:
    if values and not all(isinstance(value, str) for value in values):
        raise BadDocument(f"{where}: a list of names holds something else")
