"""Two snapshots of a catalogue: which relation serves a name now, and what that does to those who know the name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.diff.model import Change, Effect
from schemas.diff.sql_access import access, grants, lost_grants, schemas
from schemas.diff.sql_columns import columns
from schemas.diff.sql_frame import BREAKING, INFO, NONE, WARN, Frame, Relation, check_relation, is_view, path
from schemas.diff.sql_guards import guards
from schemas.diff.sql_rules import rules
from schemas.diff.sql_views import passed_on, stand_in


@dataclass(slots=True)
class _Side:
    """The relations of a snapshot by name and by number."""

    names: dict[str, Relation]
    numbers: dict[Any, Relation]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> _Side:
        relations = document.get("relations") or []
        return cls({path(r): r for r in relations}, {r.get("oid"): r for r in relations if r.get("oid") is not None})


def catalogue(frame: Frame) -> Iterator[Change]:
    """Yield every difference of two snapshots."""
    old, new = _Side.of(frame.old), _Side.of(frame.new)
    changes = list(schemas(frame))
    served = {name: relation for name, relation in old.names.items() if name in new.names}
    for name, relation in old.names.items():
        changes += _of(frame, name, relation, old, new)
    for name, relation in new.names.items():
        known = frame.numbered and relation.get("oid") in old.numbers
        if name not in old.names and not known:
            changes.append(frame.change("table.add", name, None, relation["kind"], INFO, NONE))
    changes += _suspected(frame, old, new)
    changes += access(frame, changes, served)
    yield from changes


def _of(frame: Frame, name: str, was: Relation, old: _Side, new: _Side) -> list[Change]:
    now = new.names.get(name)
    if now == was:
        return []
    check_relation(was, "old")
    if now is not None:
        check_relation(now, "new")
    moved = new.numbers.get(was.get("oid")) if frame.numbered else None
    if moved is not None and moved is not now:
        check_relation(moved, "new")
    if now is None:
        return [_gone(frame, name, moved), *(_inside(frame, was, moved, name) if moved is not None else ())]
    if moved is now or not frame.numbered:
        return _here(frame, was, now, name)
    return list(_replaced(frame, name, was, now, moved, old))


def _gone(frame: Frame, name: str, moved: Relation | None) -> Change:
    if moved is None:
        return frame.change("table.drop", name, name, None, BREAKING, BREAKING)
    rule = "table.rename" if name.partition(".")[0] == moved["schema"] else "table.move"
    return frame.change(rule, name, name, path(moved), BREAKING, BREAKING)


def _here(frame: Frame, was: Relation, now: Relation, name: str) -> list[Change]:
    """Compare what has the same name; of other numbers or none, a table that became a view is judged as its stand-in."""
    if is_view(now) and not is_view(was):
        return list(stand_in(frame, was, now, None, name))
    return _inside(frame, was, now, name)


def _inside(frame: Frame, was: Relation, now: Relation, name: str, *, same: bool = True) -> list[Change]:
    numbered = frame.numbered and same
    found = columns(frame, was, now, name, numbered=numbered)
    return [
        *found.changes,
        *rules(frame, was, now, name, found),
        *guards(frame, was, now, name),
        *grants(frame, was, now, name, found.renamed),
    ]


def _replaced(
    frame: Frame, name: str, was: Relation, now: Relation, moved: Relation | None, old: _Side
) -> Iterator[Change]:
    """Tell what it does that another relation answers to the name."""
    if is_view(now) and not is_view(was):
        if moved is not None:
            yield from (c for c in _inside(frame, was, moved, name) if passed_on(c))
        yield from stand_in(frame, was, now, moved, name)
        return
    if now.get("oid") in old.numbers:  # it was there before, under another name
        yield frame.change("table.swap", name, was.get("oid"), now.get("oid"), BREAKING, BREAKING)
    elif was["kind"] == "r" and now["kind"] == "p":
        yield frame.change("table.partitioned", name, None, now.get("partition_key"), INFO, INFO)
    elif is_view(was) and is_view(now):  # a view holds no rows that could be lost
        yield frame.change("view.recreated", name, was.get("oid"), now.get("oid"), INFO, INFO)
    else:
        rule, effect = _recreated(was, now)
        yield frame.change(rule, name, was.get("oid"), now.get("oid"), effect, effect)
    yield from _inside(frame, was, now, name, same=False)


def _recreated(was: Relation, now: Relation) -> tuple[str, Effect]:
    """Tell a rebuild by the grants that somebody gave again; whether the rows came back too, no catalogue says."""
    granted = was.get("acl") or any(c.get("acl") for c in was["columns"])
    if granted and not lost_grants(was, now):
        return "table.recreated.undecided", WARN
    return "table.recreated", BREAKING


def _suspected(frame: Frame, old: _Side, new: _Side) -> Iterator[Change]:
    """Yield relations that may have been renamed: all columns of one that went are those of one that came, and of no other."""
    if frame.numbered or frame.policy.renames != "suspect":
        return
    gone = {n: _columns(r) for n, r in old.names.items() if n not in new.names}
    come = {n: _columns(r) for n, r in new.names.items() if n not in old.names}
    for name, shape in gone.items():
        alike = [other for other, its in come.items() if its == shape]
        if len(alike) == 1 and list(gone.values()).count(shape) == 1:
            yield frame.change("table.rename.suspected", name, name, alike[0], INFO, INFO)


def _columns(relation: Relation) -> frozenset[tuple[str, str]]:
    check_relation(relation, "snapshot")
    return frozenset((c["name"], c["type"]) for c in relation["columns"])
