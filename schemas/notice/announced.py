"""The structure that a notice announces: kept when the change is drafted, and recognised once it is there.

Of a relation it holds what a copy of the structure shows as the platform itself does: what could not be copied alike (a
check that calls the platform's own function) is left out on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import settings
from gateway.model import Route
from schemas.diff.compare import compare
from schemas.diff.model import Change, Effect, Policy
from schemas.notice import store
from schemas.snapshot.document import canonical

_PARTS = ("columns", "constraints", "indexes", "view")
_COLUMN = ("name", "type", "notnull", "default", "identity", "generated", "collation", "enum", "domain", "composite")
_FRAME = ("schema", "name", "kind")
Relation = Mapping[str, Any]


def of_copy(
    platform: Iterable[Relation], before: Iterable[Relation], after: Iterable[Relation], changes: Iterable[Change]
) -> dict[str, Any]:
    """Return what a notice keeps of relations that a script changes: as the platform has them, and as they are to be."""
    here, old, new = ({f"{r['schema']}.{r['name']}": r for r in side} for side in (platform, before, after))
    touched = {".".join(change.path.split(".")[:2]) for change in changes}
    touched |= {name for name in old.keys() ^ new.keys() if name in here or name in new}
    kept = {}
    for name in sorted(touched & (old.keys() | new.keys())):
        alike = [
            part for part in _PARTS if name not in here or _part(here[name], part) == _part(old.get(name, {}), part)
        ]
        kept[name] = {
            "parts": alike, "before": mark(here.get(name), alike), "after": mark(new.get(name), alike),
            "shape": reduced(new[name], alike) if name in new else None,
        }  # fmt: skip
    return {"kind": "pg", "relations": kept}


def of_documents(kind: str, old: Any, new: Any) -> dict[str, Any]:
    """Return what a notice keeps of a change that two documents tell."""
    return {"kind": kind, "old": old, "new": new}


def reduced(relation: Relation, parts: Iterable[str]) -> dict[str, Any]:
    """Return the parts of a relation that are compared, in the words of a snapshot."""
    frame = {name: relation[name] for name in _FRAME}
    return {"persistence": "p", **frame, "columns": [], **{part: _part(relation, part) for part in parts}}


def mark(relation: Relation | None, parts: Iterable[str]) -> str | None:
    """Return the fingerprint of the parts of a relation; None when there is none."""
    if relation is None:
        return None
    return sha256(canonical(reduced(relation, parts))).hexdigest()


def by_notice(hub: Connection, route: Route, relation: Relation) -> str | None:
    """Return the number of the notice, in force by now, that announced just this structure."""
    name = f"{relation['schema']}.{relation['name']}"
    for row in _announcing(hub, route):
        kept = (row["announced"].get("relations") or {}).get(name)
        if kept and kept["after"] == mark(relation, kept["parts"]):
            return str(row["number"])
    return None


def by_notice_of(
    hub: Connection, route: Route, kind: str, document: Any, concerns: Callable[[Change], bool]
) -> str | None:
    """Return the number of the notice, in force by now, that announced a document that is alike in all that concerns a route."""
    for row in _announcing(hub, route):
        kept = row["announced"]
        if kept.get("kind") != kind or kept.get("new") is None:
            continue
        changes = compare(kind, kept["new"], document, "both", Policy()).changes
        if not any(concerns(c) and c.effect("both") > Effect.info for c in changes):
            return str(row["number"])
    return None


def _announcing(hub: Connection, route: Route) -> list[dict[str, Any]]:
    today = settings.now().astimezone(settings.CHINA).date()
    wanted = {"platform": route.peer.platform, "dataset": route.dataset.name, "today": today}
    return store.rows(hub, "announcing", wanted)


def _part(relation: Relation, part: str) -> Any:
    if part == "view":
        return relation.get("view")
    if part == "columns":
        columns = ({k: c[k] for k in _COLUMN if k in c} for c in relation.get("columns", ()))
        return sorted(columns, key=lambda c: str(c["name"]))
    things = ({**t, "name": t["def"]} for t in relation.get(part) or () if t.get("type") != "f")  # names may differ
    return sorted(things, key=canonical)
