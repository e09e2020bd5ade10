"""One column before and after: type, NULL, default, labels, domain, identity, collation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from schemas.diff.model import Change
from schemas.diff.sql_frame import BREAKING, INFO, NONE, WARN, Column, Frame, default, fills, required
from schemas.diff.sql_types import judge

_CAST = re.compile(r"::[a-z ]+(\(\d+(,\d+)?\))?$")


def compare(frame: Frame, old: Column, new: Column, path: str) -> Iterator[Change]:
    """Yield what changed of a column that stays."""
    if old == new:
        return
    retyped = list(_type(frame, old, new, path))
    yield from retyped
    yield from _null(frame, old, new, path)
    yield from _identity(frame, old, new, path)
    yield from _default(frame, old, new, path, cast=bool(retyped))
    if old.get("collation") != new.get("collation"):
        yield frame.change("collation", path, old.get("collation"), new.get("collation"), WARN, NONE)
    if old.get("comment") != new.get("comment"):
        yield frame.change("comment", path, old.get("comment"), new.get("comment"), INFO, INFO)


def _type(frame: Frame, old: Column, new: Column, path: str) -> Iterator[Change]:
    labels = old.get("enum"), new.get("enum")
    if labels[0] is not None and labels[1] is not None and old["type"].endswith("[]") == new["type"].endswith("[]"):
        yield from _labels(frame, old, new, path)
        return
    domains = old.get("domain"), new.get("domain")
    before, after = (str((d or {}).get("base", c["type"])) for d, c in zip(domains, (old, new), strict=True))
    if before != after and (verdict := judge(frame.parse(before), frame.parse(after))):
        rule, reader, writer = verdict
        yield frame.change(rule, path, old["type"], new["type"], reader, writer)
    elif old["type"] != new["type"]:
        yield frame.change("type.rename", path, old["type"], new["type"], INFO, WARN)
    yield from _checks(frame, domains, path)
    if old["type"] == new["type"] and old.get("composite") != new.get("composite"):
        yield frame.change("type.composite.undecided", path, old.get("composite"), new.get("composite"), WARN, WARN)


def _checks(frame: Frame, domains: tuple[Any, Any], path: str) -> Iterator[Change]:
    before, after = ([str(c) for c in (d or {}).get("checks") or ()] for d in domains)
    for check in after:
        if check not in before:
            yield frame.change("domain.check.add", path, None, check, NONE, BREAKING)
    for check in before:
        if check not in after:
            yield frame.change("domain.check.drop", path, check, None, WARN, NONE)


def _labels(frame: Frame, old: Column, new: Column, path: str) -> Iterator[Change]:
    before, after = list(old["enum"]), list(new["enum"])
    renamed = _renamed_labels(frame, old, new)
    for was, now in renamed.items():
        yield frame.change("enum.rename", path, was, now, BREAKING, BREAKING)
    strange = BREAKING if frame.policy.enum == "closed" else WARN
    for label in after:
        if label not in before and label not in renamed.values():
            yield frame.change("enum.add", path, None, label, strange, NONE)
    for label in before:
        if label not in after and label not in renamed:
            yield frame.change("enum.remove", path, label, None, INFO, BREAKING)
    kept = [x for x in before if x in after]
    if kept != [x for x in after if x in before]:
        yield frame.change("enum.order", path, before, after, WARN, NONE)
    if old["type"] != new["type"] and frame.dialect == "pg":
        yield frame.change("type.rename", path, old["type"], new["type"], INFO, WARN)


def _renamed_labels(frame: Frame, old: Column, new: Column) -> dict[str, str]:
    """Return labels that the server knows by the same number under another name: two may even have swapped theirs."""
    if not frame.numbered or len(old.get("enum_ids") or ()) != len(old["enum"]):
        return {}
    now = dict(zip(new.get("enum_ids") or (), new["enum"], strict=False))
    pairs = zip(old["enum_ids"], old["enum"], strict=True)
    return {label: now[number] for number, label in pairs if now.get(number, label) != label}


def _null(frame: Frame, old: Column, new: Column, path: str) -> Iterator[Change]:
    if required(new) and not required(old):
        yield frame.change("null.forbid", path, "null", "not null", NONE, BREAKING)
    elif required(old) and not required(new):
        yield frame.change("null.allow", path, "not null", "null", BREAKING, NONE)


def _identity(frame: Frame, old: Column, new: Column, path: str) -> Iterator[Change]:
    before, after = old.get("identity"), new.get("identity")
    if before != after and after == "a":
        yield frame.change("identity.always", path, before, after, NONE, BREAKING)
    elif before != after and after is not None:
        yield frame.change("identity.default", path, before, after, NONE, INFO)
    elif before is not None and after is None and fills(new):
        yield frame.change("identity.drop", path, before, after, NONE, WARN)
    computed = old.get("generated"), new.get("generated")
    if computed[0] is None and computed[1] is not None:
        yield frame.change("generated.on", path, None, default(new), WARN, BREAKING)
    elif computed[0] is not None and computed[1] is None:  # old writers leave it out, and nothing fills it now
        yield frame.change("generated.off", path, default(old), None, WARN, WARN)
    elif computed[0] is not None and default(old) != default(new):
        yield frame.change("generated.change", path, default(old), default(new), WARN, NONE)


def _default(frame: Frame, old: Column, new: Column, path: str, *, cast: bool) -> Iterator[Change]:
    """Tell what an old writer that leaves the column out meets; what is generated has told it already."""
    if new.get("generated"):
        return
    before, after = default(old), default(new)
    if fills(old) and not fills(new) and required(new):
        yield frame.change("default.drop", path, before or old.get("identity"), None, NONE, BREAKING)
        return
    if old.get("generated") or old.get("identity") or new.get("identity"):
        return
    if before != after and not (cast and _plain(before) == _plain(after)):
        yield frame.change("default.change", path, before, after, NONE, WARN)


def _plain(expression: str | None) -> str | None:
    """Return an expression without the cast to its column's type, and without the quotes that such a cast needs."""
    return None if expression is None else _CAST.sub("", expression).strip("'")
