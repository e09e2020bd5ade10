"""Columns of one relation: which stands for which, and what became of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from schemas.diff.model import Change
from schemas.diff.sql_column import compare
from schemas.diff.sql_frame import (
    BREAKING,
    INFO,
    NONE,
    WARN,
    Column,
    Frame,
    Relation,
    default,
    fills,
    is_view,
    required,
)
from schemas.diff.sql_suspects import suspected

# Functions whose value differs from row to row: adding a column with such a default rewrites the table.
VOLATILE = re.compile(r"\b(nextval|random|gen_random_uuid|uuidv[47]|uuid_generate\w*|clock_timestamp|timeofday)\(")


@dataclass(slots=True)
class Columns:
    """What the columns tell the other parts: new names of old ones, and columns that no old writer knows."""

    renamed: dict[str, str] = field(default_factory=dict)
    added: dict[str, Column] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)


def columns(frame: Frame, old: Relation, new: Relation, path: str, *, numbered: bool) -> Columns:
    """Compare the columns of a relation; by number when numbers mean the same, else by name."""
    found = Columns()
    found.changes = list((_by_number if numbered else _by_name)(frame, old, new, path, found))
    return found


def _by_number(frame: Frame, old: Relation, new: Relation, path: str, found: Columns) -> Iterator[Change]:
    now, was = ({c.get("attnum"): c for c in r["columns"]} for r in (new, old))
    names = {c["name"]: c for c in new["columns"]}
    for number, column in was.items():
        name, after = column["name"], now.get(number)
        place, holder = f"{path}.{name}", names.get(name)
        if after is not None and after["name"] != name:
            found.renamed[name] = after["name"]
        if after is None or after["name"] != name:
            known = holder is not None and holder.get("attnum") in was
            yield _missed(frame, column, after, holder, place, known=known)
        stays = after or holder
        if stays is not None:
            yield from compare(frame, column, stays, place)
    before = {c["name"] for c in old["columns"]}
    for number, column in now.items():
        name, fresh = column["name"], number not in was
        if fresh and name not in before:
            found.added[name] = column
        # A new column under a name that an old one gave up is told too; one that took a dropped one's name is told there.
        untold = fresh or frame.policy.renames == "off" if name not in before else fresh and name in found.renamed
        if untold:
            yield _added(frame, new, column, path)


def _missed(
    frame: Frame, column: Column, after: Column | None, holder: Column | None, place: str, *, known: bool
) -> Change:
    """Tell what became of a column whose name means something else now, or nothing."""
    numbers = column.get("attnum"), (holder or {}).get("attnum")
    if known:  # the name went to another column that was there before
        return frame.change("column.swap", place, *numbers, BREAKING, BREAKING)
    if holder is not None and after is None:
        return frame.change("column.recreated", place, *numbers, BREAKING, INFO)
    if after is None or frame.policy.renames == "off":
        return frame.change("column.drop", place, column["name"], None, BREAKING, BREAKING)
    return frame.change("column.rename", place, column["name"], after["name"], BREAKING, BREAKING)


def _by_name(frame: Frame, old: Relation, new: Relation, path: str, found: Columns) -> Iterator[Change]:
    names = {c["name"]: c for c in new["columns"]}
    before = {c["name"]: c for c in old["columns"]}
    for name, column in before.items():
        if name in names:
            yield from compare(frame, column, names[name], f"{path}.{name}")
        else:
            yield frame.change("column.drop", f"{path}.{name}", name, None, BREAKING, BREAKING)
    for name, column in names.items():
        if name not in before:
            found.added[name] = column
            yield _added(frame, new, column, path)
    yield from _moved(
        frame,
        [c for c in before.values() if c["name"] in names],
        [c for c in names.values() if c["name"] in before],
        path,
    )
    if frame.policy.renames == "suspect":
        for gone, come, score in suspected(old, new):
            after = {"name": come, "score": round(score, 2)}
            yield frame.change("column.rename.suspected", f"{path}.{gone}", gone, after, INFO, INFO)


def _moved(frame: Frame, old: Sequence[Column], new: Sequence[Column], path: str) -> Iterator[Change]:
    """Tell another order; where each place keeps its type, columns may as well have taken each other's names."""
    was, now = [c["name"] for c in old], [c["name"] for c in new]
    if was != now:
        swapped = [c["type"] for c in old] == [c["type"] for c in new]
        yield frame.change("column.swap.undecided" if swapped else "column.move", path, was, now, WARN, WARN)


def _added(frame: Frame, relation: Relation, column: Column, path: str) -> Change:
    place, after = f"{path}.{column['name']}", column["type"]
    if is_view(relation) or not (required(column) or fills(column)):
        return frame.change("column.add", place, None, after, INFO, NONE)
    if not fills(column):
        return frame.change("column.add.required", place, None, after, INFO, BREAKING)
    # A virtual column is computed when it is read.
    computed = column.get("identity") or column.get("generated", "v") != "v"
    rewrites = computed or VOLATILE.search(default(column) or "")
    return frame.change("column.add.rewrite" if rewrites else "column.add.default", place, None, after, INFO, NONE)
