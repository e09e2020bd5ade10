"""What peers agreed to forgive: a second schema, written more generously where it differs from the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.diff.inclusion.terms import same_text
from schemas.diff.model import Policy

_OPEN: tuple[Any, ...] = (True, {}, None)
_NAMED = {"properties", "patternProperties", "definitions", "$defs", "dependentSchemas"}  # names of schemas, no schema
_VALUES = {"enum", "const", "default", "example", "examples"}  # no schema either, nor what is below


def forgiving(sub: Any, sup: Any, policy: Policy, *, reads: bool, closed: bool = True, named: bool = False) -> Any:
    """Return `sup` as the policy has it for documents of `sub`; `reads` when `sup` is what the readers know.

    `closed` tells whether what is gone from a closed object is forgiven too; `named` that the two map names to schemas: a
    property may be called `properties` or `required`.
    """
    if not (isinstance(sub, Mapping) and isinstance(sup, Mapping)):
        if isinstance(sub, list) and isinstance(sup, list) and len(sub) == len(sup):
            return [forgiving(a, b, policy, reads=reads, closed=closed) for a, b in zip(sub, sup, strict=True)]
        return sup
    eased = {
        word: forgiving(sub[word], item, policy, reads=reads, closed=closed, named=not named and word in _NAMED)
        if word in sub and (named or word not in _VALUES)
        else item
        for word, item in sup.items()
    }
    if named:
        return eased
    if policy.mode == "lenient":
        _ease_properties(sub, sup, eased, closed=closed)
    if reads and (policy.enum == "extensible" or sup.get("x-extensible-enum") is True):
        _ease_enum(sub, sup, eased)
    if not reads and policy.default_rescues == "yes":
        _ease_required(sub, sup, eased)
    return eased


def _ease_properties(sub: Mapping[str, Any], sup: Mapping[str, Any], eased: dict[str, Any], *, closed: bool) -> None:
    """Take no harm from a property that only one of them names: added to an open object, removed from a closed one."""
    mine, theirs = sub.get("properties"), sup.get("properties")
    if not isinstance(mine, Mapping) and not isinstance(theirs, Mapping):
        return
    mine, theirs = mine or {}, theirs or {}
    forgiven = dict(eased.get("properties", {}))
    if sub.get("additionalProperties") in _OPEN:
        forgiven.update({name: _direction(theirs[name]) for name in set(theirs) - set(mine)})
    if closed and sup.get("additionalProperties") is False:
        forgiven.update(dict.fromkeys(set(mine) - set(theirs), True))
    eased["properties"] = forgiven


def _direction(item: Any) -> Any:
    """Return a schema that takes anything and travels the ways that another does."""
    kept = {w: True for w in ("readOnly", "writeOnly") if isinstance(item, Mapping) and item.get(w) is True}
    return kept or True


def _ease_enum(sub: Mapping[str, Any], sup: Mapping[str, Any], eased: dict[str, Any]) -> None:
    if isinstance(sub.get("enum"), list) and isinstance(sup.get("enum"), list):
        known = set(map(same_text, sup["enum"]))
        if added := [v for v in sub["enum"] if same_text(v) not in known]:
            eased |= {"enum": [*sup["enum"], *added], "x-extensible-enum": sup["enum"]}


def _ease_required(sub: Mapping[str, Any], sup: Mapping[str, Any], eased: dict[str, Any]) -> None:
    properties = sup.get("properties")
    if isinstance(sup.get("required"), list) and isinstance(properties, Mapping):
        rescued = {n for n, item in properties.items() if isinstance(item, Mapping) and "default" in item}
        before = sub.get("required")
        kept = before if isinstance(before, list) else []
        eased["required"] = [n for n in sup["required"] if n not in rescued or n in kept]
