"""The snapshot document: its header, its two fingerprints, and its one way of being written.

`identity` covers everything, numbers and order included, so that it tells a swap of names or a rebuild; `shape` covers
names, types, rules and grants only, so that it outlives a dump and a restore.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

FORMAT = "gateway.snapshot/1"
_PASSING = {"oid", "comment", "owner"}  # of a relation: not its shape
_COLUMN_PASSING = {"attnum", "comment", "enum_ids"}


def document(
    kind: str,
    server: Mapping[str, Any],
    schemas: Sequence[Mapping[str, Any]],
    relations: Sequence[Mapping[str, Any]],
    access: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the snapshot with its header and fingerprints."""
    whole = {"access": access, "relations": relations, "schemas": schemas}
    where = {key: value for key, value in server.items() if key != "version_num"}
    rights = [{key: value for key, value in role.items() if key != "member_of"} for role in access]
    shape = {"access": rights, "relations": [_shape(r) for r in relations], "schemas": schemas}
    return {
        "format": FORMAT, "kind": kind, "server": dict(server), "schemas": list(schemas), "relations": list(relations),
        "access": list(access), "fingerprint": {"identity": _hash({**whole, "server": where}), "shape": _hash(shape)},
    }  # fmt: skip


def canonical(value: Any) -> bytes:
    """Return a value as JSON that is the same for equal values: sorted keys, no space, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def fingerprint(relation: Mapping[str, Any]) -> dict[str, str]:
    """Return both fingerprints of one relation of a snapshot."""
    return {"identity": _hash(relation), "shape": _hash(_shape(relation))}


def _hash(value: Any) -> str:
    return sha256(canonical(value)).hexdigest()


def _shape(relation: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in relation.items() if key not in _PASSING}
    columns = ({k: v for k, v in c.items() if k not in _COLUMN_PASSING} for c in relation["columns"])
    kept["columns"] = sorted(columns, key=lambda c: str(c["name"]))
    for part in ("constraints", "indexes"):
        if part in kept:
            unnamed = ({k: v for k, v in thing.items() if k != "name"} for thing in kept[part])
            kept[part] = sorted(unnamed, key=canonical)
    return kept
