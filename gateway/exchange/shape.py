"""Compares what a source has with what the contract says, before a row is read."""

from __future__ import annotations

import json
import re
from hashlib import sha256

from gateway.errors import SchemaMismatch
from gateway.model import Dataset, Platform
from gateway.ports import Shape

_LONG = {
    "varchar": "character varying",
    "char": "character",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}
_NAME = re.compile(r"(\$\.)?[^\W\d]\w{0,62}")  # what is no name may be a value, which no error repeats
_MOST = 20
_TEXT = ("character", "varchar", "char", "text")


def check_shape(dataset: Dataset, platform: Platform, shape: Shape, *, more: bool = False) -> None:
    """Raise SchemaMismatch naming every column that is missing, extra, renamed or of another type.

    `more`: the platform may have columns of its own, as one that is delivered to may.
    """
    found = dict(shape.columns)
    missing = [f.name for f in dataset.fields if f.name not in found]
    extra = [c for c in found if c not in dataset.columns and c not in dataset.ignored and not more]
    faults = [f"column {new} looks like {old} renamed" for old, new in _renamed(dataset, found, missing, extra)]
    renamed = {name for pair in _renamed(dataset, found, missing, extra) for name in pair}
    faults += [f"column {name} is missing" for name in missing if name not in renamed]
    shown = [name for name in extra if name not in renamed and _NAME.fullmatch(name)][:_MOST]
    faults += [f"column {name} is not in the contract" for name in shown]
    if hidden := len([name for name in extra if name not in renamed]) - len(shown):
        faults.append(f"{hidden} more are not in the contract")
    faults += [
        f"column {f.name} is {found[f.name]}, the contract says {f.type}"
        for f in dataset.fields
        if f.name in found and not same_type(f.type, found[f.name])
    ]
    if faults:
        raise SchemaMismatch(
            f"table {dataset.table} of platform {platform.platform} is not what contract {dataset.name} "
            f"{dataset.version} says: {'; '.join(faults)}",
            "Nothing was read or changed. Ask the owner about the change; then give the contract a new version, or "
            "list an extra column under gatewayIgnored.",
        )


def declared(dataset: Dataset) -> str:
    """Return a hash that is another one once a contract says something else of the structure."""
    fields = [(f.name, f.type, f.zone) for f in dataset.fields]
    said = [dataset.version, dataset.table, dataset.key, dataset.cursor, sorted(dataset.ignored), fields]
    return sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


def same_type(declared: str, found: str) -> bool:
    """Tell whether a source's type carries the contract's values; strings of any length travel alike."""
    if declared.startswith(_TEXT):
        return found.startswith(_TEXT)
    return found in {declared, _long(declared)}


def _long(declared: str) -> str:
    base, bracket, size = declared.partition("(")
    head, _, tail = _LONG.get(base, base).partition(" ")
    return f"{head}{bracket}{size} {tail}".strip()


def _renamed(dataset: Dataset, found: dict[str, str], missing: list[str], extra: list[str]) -> list[tuple[str, str]]:
    """Pair a missing column with an extra one of the same type when there is no other choice."""
    pairs = []
    for name in missing:
        alike = [c for c in extra if same_type(dataset.field(name).type, found[c])]
        if len(alike) == 1:
            pairs.append((name, alike[0]))
    return pairs
