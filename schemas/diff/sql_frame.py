"""What the parts of a comparison of two catalogues share: the two documents, how to match them, and how to tell a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.diff.model import BadDocument, Change, Effect, Policy
from schemas.diff.sql_types import Type

NONE, INFO, WARN, BREAKING = Effect
Relation = Mapping[str, Any]
Column = Mapping[str, Any]
_DONE = {
    "add": "added", "drop": "dropped", "rename": "renamed", "move": "moved", "change": "changed", "swap": "swapped",
    "widen": "widened", "narrow": "narrowed", "revoke": "revoked", "grant": "granted", "remove": "removed",
}  # fmt: skip
_VIEWS = {"v", "m"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One comparison. `numbered` is whether numbers of relations and columns mean the same on both sides."""

    dialect: str
    policy: Policy
    numbered: bool
    parse: Callable[[str], Type]
    old: Mapping[str, Any] = field(repr=False)
    new: Mapping[str, Any] = field(repr=False)

    def change(self, rule: str, path: str, before: Any, after: Any, reader: Effect, writer: Effect) -> Change:
        """Return a change by a rule's name after the dialect's; its kind is the rule in the past."""
        *words, last = rule.removesuffix(".undecided").split(".")
        return Change(
            "_".join([*words, _DONE.get(last, last)]), path, before, after, reader, writer, f"{self.dialect}.{rule}"
        )


def path(relation: Relation) -> str:
    """Return a relation's name with its schema."""
    return f"{relation['schema']}.{relation['name']}"


def is_view(relation: Relation) -> bool:
    """Tell whether a relation holds no rows of its own."""
    return relation["kind"] in _VIEWS


def fills(column: Column) -> bool:
    """Tell whether the server finds a value when a writer leaves the column out."""
    return any(column.get(key) is not None for key in ("identity", "generated")) or default(column) is not None


def default(column: Column) -> str | None:
    """Return the expression that fills the column: its own, or that of its domain."""
    found = column.get("default")
    return found if found is not None else (column.get("domain") or {}).get("default")


def required(column: Column) -> bool:
    """Tell whether the column refuses NULL, by itself or by its domain."""
    return bool(column.get("notnull") or (column.get("domain") or {}).get("notnull"))


_TEXT, _MANY, _FLAG = (str,), (list, type(None)), (bool, int, type(None))
_RELATION: Mapping[str, tuple[type, ...]] = {
    "schema": _TEXT, "name": _TEXT, "kind": _TEXT, "columns": (list,), "constraints": _MANY, "triggers": _MANY,
    "policies": _MANY, "indexes": _MANY, "acl": _MANY, "options": _MANY, "view": (str, type(None)),
}  # fmt: skip
_COLUMN: Mapping[str, tuple[type, ...]] = {
    "name": _TEXT, "type": _TEXT, "notnull": _FLAG, "default": (str, type(None)), "acl": _MANY, "enum": _MANY,
    "enum_ids": _MANY, "domain": (dict, type(None)),
}  # fmt: skip
_PARTS: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "constraints": {"type": _TEXT, "name": _TEXT, "def": _TEXT, "columns": _MANY},
    "triggers": {"name": _TEXT, "def": _TEXT},
    "policies": {"name": _TEXT},
    "indexes": {"def": _TEXT, "columns": _MANY},
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
        _of(
            relation,
            {"schema": _TEXT, "name": _TEXT, "kind": _TEXT, "oid": (int, type(None))},
            f"{side}: relations[{place}]",
        )
    for role in document.get("access", []):
        _of(role, {"role": _TEXT, "schemas": (list,), "rights": (dict,)}, f"{side}: access")


def check_relation(relation: Relation, side: str) -> None:
    """Raise BadDocument when a part of a relation is not what the comparison takes it for."""
    where = f"{side}: {path(relation)}"
    _of(relation, _RELATION, where)
    for column in relation["columns"]:
        _of(column, _COLUMN, f"{where}, columns")
    for part, keys in _PARTS.items():
        for thing in relation.get(part) or ():
            _of(thing, keys, f"{where}, {part}")
            _texts(thing.get("columns"), f"{where}, {part}")
    for texts in (relation.get("acl"), *(c.get(key) for c in relation["columns"] for key in ("acl", "enum"))):
        _texts(texts, where)


def _of(thing: Any, keys: Mapping[str, tuple[type, ...]], where: str) -> None:
    if not isinstance(thing, dict):
        raise BadDocument(f"{where}: {type(thing).__name__} where an object is expected")
    for key, types in keys.items():
        if not isinstance(thing.get(key), types):
            raise BadDocument(f"{where}: {key} is not {' or '.join(t.__name__ for t in types)}")


def _texts(values: Sequence[Any] | None, where: str) -> None:
    if values and not all(isinstance(value, str) for value in values):
        raise BadDocument(f"{where}: a list of names holds something else")
