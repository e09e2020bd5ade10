"""Who may do what: grants on relations and columns, and what the roles of units can really do, by whatever way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from schemas.diff.model import Change, Effect
from schemas.diff.sql_frame import BREAKING, INFO, NONE, Frame, Relation, path

_READ = {"SELECT"}
_WRITE = {"INSERT", "UPDATE", "DELETE", "TRUNCATE"}
_BY_COLUMN = {"SELECT", "INSERT", "UPDATE", "REFERENCES"}
Grants = Mapping[tuple[str, str], Collection[str]]


def grants(frame: Frame, old: Relation, new: Relation, where: str, renamed: Mapping[str, str]) -> Iterator[Change]:
    """Yield what a relation's lists of rights lost and gained; a right on all columns is a right on the relation."""
    if _lists(old) == _lists(new) and not renamed:
        return
    before, after = _granted(old, renamed), _granted(new, {})
    kept = {renamed.get(c["name"], c["name"]) for c in old["columns"]} & {c["name"] for c in new["columns"]}
    for who, right in sorted(before):
        lost = (set(before[who, right]) & kept) - set(after.get((who, right), ()))
        if right not in _BY_COLUMN:
            lost = kept if (who, right) not in after else set()
        places = [where] if lost == kept and lost else [f"{where}.{column}" for column in sorted(lost)]
        for place in places:
            reader, writer = _harm(right)
            if _still(frame, who, right, new):
                reader, writer = min(reader, INFO), min(writer, INFO)
            yield frame.change("acl.revoke", place, f"{who}:{right}", None, reader, writer)
    for who, right in sorted(after):
        gained = set(after[who, right]) & kept - set(before.get((who, right), ()))
        if (who, right) not in before or gained:
            yield frame.change("acl.grant", where, None, f"{who}:{right}", INFO, NONE)


def lost_grants(old: Relation, new: Relation) -> bool:
    """Tell whether somebody may do less with what stands under the name now."""
    return bool(set(_granted(old, {})) - set(_granted(new, {})))


def _lists(relation: Relation) -> tuple[Any, ...]:
    return relation.get("acl"), [c.get("acl") for c in relation["columns"]]


def _granted(relation: Relation, renamed: Mapping[str, str]) -> Grants:
    """Return the columns that each right of each role covers; MAINTAIN is new in 17 and no unit's business."""
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    columns = [(renamed.get(c["name"], c["name"]), c.get("acl") or ()) for c in relation["columns"]]
    for entry in relation.get("acl") or ():
        who, _, right = entry.rpartition(":")
        if right != "MAINTAIN":
            found[who, right].update(name for name, _ in columns)
    for name, entries in columns:
        for entry in entries:
            who, _, right = entry.rpartition(":")
            found[who, right].add(name)
    return found


def _harm(right: str) -> tuple[Effect, Effect]:
    return BREAKING if right in _READ else NONE, BREAKING if right in _WRITE else INFO if right not in _READ else NONE


def _still(frame: Frame, who: str, right: str, relation: Relation) -> bool:
    """Tell whether the role can do it nevertheless, by a group or because all may."""
    return any(
        role["role"] == who and role["rights"].get(path(relation), {}).get(right) is True
        for role in frame.new.get("access") or ()
    )


def access(frame: Frame, told: Collection[Change], served: Mapping[str, Relation]) -> Iterator[Change]:
    """Yield what roles can do no more although no list of the relation itself says so.

    `served` is the relations as they were, by the names that still stand.
    """
    now = {role["role"]: role for role in frame.new.get("access") or ()}
    said = {(change.path, change.before) for change in told if change.rule.endswith(".acl.revoke")}
    empty: Mapping[str, Any] = {"schemas": [], "rights": {}}
    for role in frame.old.get("access") or ():
        name, after = role["role"], now.get(role["role"], empty)
        for schema in sorted(set(map(str, role["schemas"])) - set(map(str, after["schemas"]))):
            yield frame.change("access.schema", schema, f"{name}:USAGE", None, BREAKING, BREAKING)
        for relation, rights in sorted(role["rights"].items()):
            if relation not in served or not isinstance(rights, dict):
                continue
            holds = after["rights"].get(relation, {})
            for right in sorted(rights):
                lost = _reach(rights[right], served[relation]) - _reach(holds.get(right), served[relation])
                if lost and not _said(said, relation, f"{name}:{right}"):
                    yield frame.change("access.lost", relation, f"{name}:{right}", None, *_harm(right))


def _reach(right: Any, relation: Relation) -> set[str]:
    """Return the columns that a right of a role covers; DELETE covers all or none."""
    every = {str(c["name"]) for c in relation["columns"]}
    return every if right is True else set(map(str, right or ())) & every


def _said(said: Collection[tuple[str, Any]], relation: str, right: str) -> bool:
    return any(before == right and (place == relation or place.startswith(f"{relation}.")) for place, before in said)


def schemas(frame: Frame) -> Iterator[Change]:
    """Yield what the schemas' own lists lost: who may not enter finds no table."""
    after = {s.get("name"): set(s.get("acl") or ()) for s in frame.new.get("schemas") or ()}
    for schema in frame.old.get("schemas") or ():
        name = schema.get("name")
        for entry in sorted(set(schema.get("acl") or ()) - after.get(name, set(schema.get("acl") or ()))):
            harm = BREAKING if entry.endswith(":USAGE") else INFO
            yield frame.change("acl.schema", str(name), entry, None, harm, harm)
