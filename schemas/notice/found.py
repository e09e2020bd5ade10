"""What is there now, against what a notice announced: the new structure, still the old one, or anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.deployment import Deployment
from gateway.model import Platform
from schemas.diff.compare import compare
from schemas.diff.model import Change, Effect, Policy
from schemas.notice.announced import mark, reduced
from schemas.snapshot import endpoints, platforms

_BOTH = ("announced", "old")


@dataclass(frozen=True, slots=True)
class Found:
    """`announced`, `old`, `other` or, where the platform tells nothing, `unknown`; `diff` is announced against found."""

    state: str
    shape: str | None
    diff: tuple[Mapping[str, Any], ...] = ()


def on_platform(deployment: Deployment, platform: Platform, announced: Mapping[str, Any]) -> Found:
    """Return what is there; PlatformUnavailable and the like when the platform cannot be asked."""
    if "relations" in announced and platforms.is_database(platform):
        return of_relations(announced, platforms.of_platform(deployment, platform))
    there = [e.document for e in endpoints.of_platform(deployment, platform) if e.kind == announced["kind"]]
    if "new" not in announced or len(there) != 1:
        return Found("unknown", None)  # it tells nothing of this kind, or of several things
    return of_document(announced, there[0])


def of_document(announced: Mapping[str, Any], there: Mapping[str, Any]) -> Found:
    """Return what a document that a platform tells is, of the two that a notice compared; what is for information does not count."""
    kind, now, shape = announced["kind"], endpoints.comparable(there), str(there["fingerprint"]["shape"])
    sides = {"announced": announced["new"], "old": announced["old"]}
    changes = {name: compare(kind, side, now, "both", Policy()).changes for name, side in sides.items()}
    for most in (None, Effect.info):
        for name, found in changes.items():
            if all(most is not None and change.effect("both") <= most for change in found):
                return Found(name, shape)
    return Found("other", shape, told(changes["announced"]))


def of_relations(announced: Mapping[str, Any], document: Mapping[str, Any]) -> Found:
    """Return what became of the relations that a script was to change."""
    now = {f"{r['schema']}.{r['name']}": r for r in document["relations"]}
    states = set[str]()
    wanted, there = list[Mapping[str, Any]](), list[Mapping[str, Any]]()
    for name, kept in announced["relations"].items():
        found = mark(now.get(name), kept["parts"])
        states.add("announced" if found == kept["after"] else "old" if found == kept["before"] else "other")
        wanted += [kept["shape"]] if kept["shape"] else []
        there += [reduced(now[name], kept["parts"])] if name in now else []
    shape = str(document["fingerprint"]["shape"])
    if len(states) == 1 and states <= set(_BOTH):
        return Found(states.pop(), shape)
    changes = compare("pg", _document(wanted), _document(there), "both", Policy()).changes
    return Found("other", shape, told(changes))


def told(changes: tuple[Change, ...]) -> tuple[Mapping[str, Any], ...]:
    """Return changes as the ledger keeps them: `before` is what was announced, `after` what was found."""
    return tuple(change.as_dict() for change in changes)


def _document(relations: list[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "format": "gateway.snapshot/1",
        "kind": "pg",
        "server": {},
        "schemas": [],
        "relations": relations,
        "access": [],
    }
