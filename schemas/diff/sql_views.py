"""A view that took the name of a table: whether those who knew the table can go on as before."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.diff.model import Change
from schemas.diff.sql_access import grants
from schemas.diff.sql_column import compare
from schemas.diff.sql_frame import BREAKING, NONE, WARN, Frame, Relation
from schemas.diff.sql_guards import can_insert, invoker

_NAME = r'(?:[^\s",.();]+|"(?:[^"]|"")+")'
_ITEM = re.compile(rf"(?:{_NAME}\.)*(?P<column>{_NAME})(?: AS (?P<shown>{_NAME}))?", re.IGNORECASE)
_SELECT = re.compile(rf"SELECT (?P<items>.*?) FROM (?P<table>{_NAME}(?:\.{_NAME})*)(?: {_NAME})?;?", re.IGNORECASE)


def stand_in(frame: Frame, old: Relation, view: Relation, base: Relation | None, path: str) -> Iterator[Change]:
    """Yield what is other behind the old name; `base` is the table under its new name, None when it is gone or unknown."""
    yield from grants(frame, old, view, path, {})
    shown = {c["name"]: c for c in view["columns"]}
    for column in old["columns"]:
        place, now = f"{path}.{column['name']}", shown.get(column["name"])
        if now is None:
            yield frame.change("column.drop", place, column["name"], None, BREAKING, BREAKING)
            continue
        # A view tells neither NOT NULL nor defaults; those of its table are judged there.
        told = {
            key: value for key, value in column.items() if key in {"type", "enum", "enum_ids", "domain", "collation"}
        }
        yield from compare(
            frame, told, {key: value for key, value in now.items() if key in told or key == "type"}, place
        )
        if now.get("writable") is not True and can_insert(view):
            yield frame.change("view.readonly", place, True, False, NONE, BREAKING)
    if not can_insert(view):
        yield frame.change("view.readonly", path, True, False, NONE, BREAKING)
    if base is not None and old.get("rls") and not invoker(view):
        yield frame.change("view.rights", path, "row security", "rights of the view's owner", WARN, NONE)
    if base is None or not _same_columns(old, view, base):
        yield frame.change("view.compat.undecided", path, old["kind"], view.get("view"), WARN, WARN)
    else:
        yield frame.change("view.compat", path, old["kind"], view.get("view"), NONE, WARN)


def passed_on(change: Change, view: Relation) -> bool:
    """Tell whether a change of the table behind reaches those who use the view: its grants do where the view asks for them.

    A number is drawn with the rights of who writes, whatever the view reads with.
    """
    rule = change.rule.partition(".")[2]
    drawn = str(change.before).endswith(":USAGE")
    own = (
        "column.rename",
        "column.swap",
        "comment",
        "index.",
        "owner.",
        *(() if drawn or invoker(view) else ("acl.",)),
    )
    return not rule.startswith(own) and (not rule.startswith("column.add") or rule == "column.add.required")


def _same_columns(old: Relation, view: Relation, base: Relation) -> bool:
    """Tell whether the view is nothing but the table's columns, each under the name that it had."""
    selected = _SELECT.fullmatch(" ".join(str(view.get("view") or "").split()))
    if selected is None or _bare(selected["table"].rpartition(".")[2]) != base["name"]:
        return False
    sources: dict[str, str] = {}
    for item in selected["items"].split(","):
        parts = _ITEM.fullmatch(item.strip())
        if parts is None:
            return False
        column = _bare(parts["column"])
        sources[_bare(parts["shown"]) if parts["shown"] else column] = column
    now = {c.get("attnum"): c["name"] for c in base["columns"]}
    return all(sources.get(c["name"]) == now.get(c.get("attnum")) for c in old["columns"] if c.get("attnum") in now)


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
