"""Which components say the same on both sides, word for word, as does all that they hang on: they need no comparison."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lxml import etree

from schemas.diff.xml import local
from schemas.diff.xsd_schema import KINDS, Component, Components

_REFERENCES = frozenset({
    "type", "ref", "base", "itemType", "memberTypes", "substitutionGroup", "refer",
    "{http://schemas.xmlsoap.org/wsdl/}arrayType",
})  # fmt: skip


def changed(old: Components, new: Components) -> frozenset[str] | None:
    """Return the local names of all that may have changed, of whatever kind; None when anything may have."""
    if old.outside != new.outside or old.targets != new.targets:
        return None
    differing, users = set[str](), dict[str, set[str]]()
    for places in sorted(set(KINDS.values())):
        left, right = getattr(old, places), getattr(new, places)
        for name in left.keys() | right.keys():
            own = local(name)
            one, other = left.get(name), right.get(name)
            same = one is not None and other is not None and _text(one) == _text(other)
            if not same:
                differing.add(own)
            for component in (one, None if same else other):
                if component is not None:
                    _enter(users, own, component.node)
    return _spread(differing, users)


def _text(one: Component) -> tuple[Any, bytes]:
    return one.home, etree.tostring(one.node, with_tail=False)


def _enter(users: dict[str, set[str]], own: str, node: Any) -> None:
    """Remember whom a change reaches: who refers to a component, and the head or base that it may stand for."""
    for inner in node.iter():
        for word, value in inner.items():
            if word not in _REFERENCES:
                continue
            for name in value.split():
                plain = name.rpartition(":")[2].partition("[")[0]
                users.setdefault(plain, set()).add(own)
                if word in {"base", "substitutionGroup"}:
                    users.setdefault(own, set()).add(plain)


def _spread(differing: Iterable[str], users: dict[str, set[str]]) -> frozenset[str]:
    found, waiting = set(differing), list(differing)
    while waiting:
        for user in users.get(waiting.pop(), ()):
            if user not in found:
                found.add(user)
                waiting.append(user)
    return frozenset(found)
