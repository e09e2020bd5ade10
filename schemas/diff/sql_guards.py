"""What stands between the rows and those who ask: row security, policies, triggers; and how a relation is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.diff.model import Change, Effect
from schemas.diff.sql_frame import BREAKING, INFO, NONE, WARN, Frame, Relation, is_view

_DISABLED = "D"
_READING, _WRITING = "r*", "awd*"  # commands of policies: SELECT, INSERT, UPDATE, DELETE, all
_INVOKER = "security_invoker=true"


def guards(frame: Frame, old: Relation, new: Relation, path: str) -> Iterator[Change]:
    """Yield what changed of who sees which rows and what runs on a write."""
    yield from _row_security(frame, old, new, path)
    yield from _policies(frame, old, new, path)
    yield from _triggers(frame, old, new, path)
    yield from _kept(frame, old, new, path)
    if is_view(new):
        yield from _view(frame, old, new, path)


def invoker(relation: Relation) -> bool:
    """Tell whether a view asks with the rights of who reads it."""
    return any(
        str(o).lower() in {_INVOKER, "security_invoker=on", "security_invoker=1"} for o in relation.get("options") or ()
    )


def _row_security(frame: Frame, old: Relation, new: Relation, path: str) -> Iterator[Change]:
    before, after = bool(old.get("rls")), bool(new.get("rls"))
    if after and not before:
        yield frame.change("rls.on", path, before, after, BREAKING, BREAKING)
    elif before and not after:
        yield frame.change("rls.off", path, before, after, WARN, NONE)
    forced = bool(old.get("force_rls")), bool(new.get("force_rls"))
    if forced == (False, True):
        effect = BREAKING if after else INFO
        yield frame.change("rls.force", path, *forced, effect, effect)
    elif forced == (True, False):
        yield frame.change("rls.unforce", path, *forced, WARN if before else INFO, NONE)


def _policies(frame: Frame, old: Relation, new: Relation, path: str) -> Iterator[Change]:
    before, after = ({p["name"]: p for p in r.get("policies") or ()} for r in (old, new))
    acting = bool(old.get("rls")) and bool(new.get("rls"))
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        if not acting:
            yield frame.change("policy.change", path, was, now, INFO, NONE)
        elif was is None or now is None:
            yield _policy(frame, was, now, path)
        else:
            yield frame.change("policy.change", path, was, now, *_sides((was, now), BREAKING, BREAKING))


def _policy(frame: Frame, was: Any, now: Any, path: str) -> Change:
    """Tell what one policy more or less does: a permissive one shows rows, a restrictive one hides them."""
    policy, rule = (was, "policy.drop") if now is None else (now, "policy.add")
    hides = bool(policy.get("permissive")) == (now is None)
    sides = _sides((policy,), BREAKING, BREAKING) if hides else _sides((policy,), WARN, NONE)
    return frame.change(rule, path, was, now, *sides)


def _sides(policies: tuple[Mapping[str, Any], ...], reader: Effect, writer: Effect) -> tuple[Effect, Effect]:
    commands = {str(p.get("cmd", "*")) for p in policies}
    reads, writes = (any(c in of for c in commands) for of in (_READING, _WRITING))
    return (reader if reads else NONE), (writer if writes else NONE)


def _triggers(frame: Frame, old: Relation, new: Relation, path: str) -> Iterator[Change]:
    before, after = (
        {t["name"]: t for t in r.get("triggers") or () if t.get("enabled") != _DISABLED} for r in (old, new)
    )
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        words = _told(was), _told(now)
        if now is None:  # what it filled in for the readers comes no more
            yield frame.change("trigger.drop.undecided", path, *words, WARN, WARN)
        else:
            yield frame.change("trigger.change.undecided", path, *words, NONE, WARN)


def _told(trigger: Mapping[str, Any] | None) -> Any:
    return None if trigger is None else {"def": trigger["def"], "body": trigger.get("body")}


def _kept(frame: Frame, old: Relation, new: Relation, path: str) -> Iterator[Change]:
    if old.get("persistence") != new.get("persistence"):
        effect = WARN if new.get("persistence") == "u" else INFO
        yield frame.change("unlogged", path, old.get("persistence"), new.get("persistence"), effect, effect)
    if old.get("replica") != new.get("replica") and not is_view(new):
        yield frame.change("replica.identity", path, old.get("replica"), new.get("replica"), WARN, NONE)
    if old.get("comment") != new.get("comment"):
        yield frame.change("comment", path, old.get("comment"), new.get("comment"), INFO, INFO)
    if old.get("owner") != new.get("owner") and frame.numbered:
        yield frame.change("owner.change", path, old.get("owner"), new.get("owner"), WARN, WARN)
    was, now = ((r.get("parent"), r.get("bound")) for r in (old, new))
    if was != now and was[0] is not None:  # rows are missed by who reads the whole
        yield frame.change("partition.change", path, list(was), list(now), BREAKING, BREAKING)
    elif was != now:
        yield frame.change("partition.change", path, list(was), list(now), INFO, BREAKING)


def _view(frame: Frame, old: Relation, new: Relation, path: str) -> Iterator[Change]:
    if old.get("view") is not None and old.get("view") != new.get("view"):
        yield frame.change("view.redefine", path, old.get("view"), new.get("view"), WARN, WARN)
    if invoker(new) and not invoker(old):
        yield frame.change("view.invoker", path, False, True, BREAKING, BREAKING)
    elif old.get("view") is not None and old.get("options") != new.get("options"):
        yield frame.change("view.options", path, old.get("options"), new.get("options"), WARN, WARN)
    if old.get("view") is not None and can_insert(old) and not can_insert(new):
        yield frame.change("view.readonly", path, True, False, NONE, BREAKING)


def can_insert(relation: Relation) -> bool:
    """Tell whether rows can be written through a relation; a plain table does not say so, since it always can."""
    return not is_view(relation) or bool(int(relation.get("updatable") or 0) & 8)
