"""Keys, unique rules, checks, references, exclusions and indexes of one relation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas.diff.model import Change
from schemas.diff.sql_columns import VOLATILE, Columns
from schemas.diff.sql_frame import BREAKING, INFO, NONE, WARN, Column, Frame, Relation, default

Thing = Mapping[str, Any]
_LATER = " NOT VALID"  # stored rows are not looked at yet; new ones are
_UNUSED = " NOT ENFORCED"
_CALL = re.compile(r"\b\w+\(|\bnull\b", re.IGNORECASE)


def rules(frame: Frame, old: Relation, new: Relation, path: str, columns: Columns) -> Iterator[Change]:
    """Yield what changed of what the rows must satisfy."""
    before, after = ([dict(c) for c in r.get("constraints") or ()] for r in (old, new))
    if before == after and old.get("indexes") == new.get("indexes"):
        return
    for thing in before:
        _rename(thing, columns.renamed)
    indexes = [[dict(i) for i in r.get("indexes") or ()] for r in (old, new)]
    for thing in indexes[0]:
        _rename(thing, columns.renamed)
    unique = [
        {**_unique(before, "pu"), **_unique_indexes(indexes[0])},
        {**_unique(after, "pu"), **_unique_indexes(indexes[1])},
    ]
    yield from _key(frame, _only(before, "p"), _only(after, "p"), unique[0], path, columns)
    yield from _uniques(frame, unique, _only(before, "p"), _only(after, "p"), path, columns)
    yield from _checks(frame, _only(before, "c"), _only(after, "c"), path, columns)
    yield from _references(frame, _only(before, "f"), _only(after, "f"), path, columns)
    yield from _exclusions(frame, _only(before, "x"), _only(after, "x"), path)
    yield from _indexes(frame, indexes[0], indexes[1], path)


def _only(things: Iterable[Thing], kind: str) -> list[Thing]:
    return [t for t in things if t["type"] == kind]


def _rename(thing: dict[str, Any], renamed: Mapping[str, str]) -> None:
    """Write the new names of columns into a rule, so that a rename does not look like another rule."""
    if not renamed:
        return
    if thing.get("columns"):
        thing["columns"] = [renamed.get(c, c) for c in thing["columns"]]
    alternatives = "|".join(re.escape(name) for name in sorted(renamed, key=len, reverse=True))
    found = re.compile(rf'"({alternatives})"|(?<![\w"\'.])({alternatives})(?![\w"\'(.])')
    thing["def"] = found.sub(lambda m: _written(renamed[m[1] or m[2]]), thing["def"])


def _written(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


def _unique(constraints: Iterable[Thing], kinds: str) -> dict[tuple[Any, ...], Thing]:
    """Return unique rules by what makes them the same to a writer: their columns, whether NULLs are equal, when they are checked."""
    return {
        (frozenset(c.get("columns") or ()), "NULLS NOT DISTINCT" in c["def"], bool(c.get("deferrable"))): c
        for c in constraints
        if c["type"] in kinds
    }


def _unique_indexes(indexes: Iterable[Thing]) -> dict[tuple[Any, ...], Thing]:
    found: dict[tuple[Any, ...], Thing] = {}
    for index in indexes:
        if index.get("unique"):
            columns = index.get("columns")
            same = (frozenset(columns), "NULLS NOT DISTINCT" in index["def"], False) if columns else (index["def"],)
            found[same] = index
    return found


def _key(
    frame: Frame, old: list[Thing], new: list[Thing], unique: Mapping[Any, Thing], path: str, columns: Columns
) -> Iterator[Change]:
    before, after = (next(iter(_unique(side, "p")), None) for side in (old, new))
    words = old[0]["def"] if old else None, new[0]["def"] if new else None
    if before == after:
        return
    if before is None:
        harmless = _unknown(new[0], columns) or after in unique
        yield frame.change("key.add", path, None, words[1], NONE, INFO if harmless else BREAKING)
    else:
        yield frame.change("key.change" if after else "key.drop", path, *words, BREAKING, BREAKING)


def _uniques(
    frame: Frame, unique: list[dict[tuple[Any, ...], Thing]], old_key: list[Thing], new_key: list[Thing], path: str,
    columns: Columns,
) -> Iterator[Change]:  # fmt: skip
    before, after = unique
    told = {*_unique(old_key, "p"), *_unique(new_key, "p")}
    for same, thing in after.items():
        if same in before or same in told:
            continue
        implied = any(
            isinstance(b[0], frozenset) and isinstance(same[0], frozenset) and b[0] <= same[0] for b in before
        )
        harmless = implied or _unknown(thing, columns)
        yield frame.change("unique.add", path, None, thing["def"], NONE, INFO if harmless else BREAKING)
    for same, thing in before.items():
        if same not in after and same not in told:
            yield frame.change("unique.drop", path, thing["def"], None, WARN, BREAKING)


def _unknown(thing: Thing, columns: Columns) -> bool:
    """Tell whether a unique rule or a reference covers new columns whose values never clash when old writers leave them out."""
    added = [columns.added.get(name) for name in thing.get("columns") or ()]
    nulls_differ = "NULLS NOT DISTINCT" not in thing["def"] and "MATCH FULL" not in thing["def"]
    return bool(added) and all(c is not None and (_fresh(c) or (nulls_differ and _empty(c))) for c in added)


def _fresh(column: Column) -> bool:
    return column.get("identity") is not None or bool(VOLATILE.search(default(column) or ""))


def _empty(column: Column) -> bool:
    return default(column) is None and not column.get("generated") and not column.get("notnull")


def _checks(frame: Frame, old: list[Thing], new: list[Thing], path: str, columns: Columns) -> Iterator[Change]:
    before, after = ({_enforced(c["def"]): c for c in side if _UNUSED not in c["def"]} for side in (old, new))
    for words, thing in after.items():
        if words not in before:
            harmless = _null_passes(thing, columns)
            yield frame.change("check.add", path, None, words, NONE, INFO if harmless else BREAKING)
    for words in before:
        if words not in after:
            yield frame.change("check.drop", path, words, None, WARN, NONE)


def _enforced(words: str) -> str:
    return words.removesuffix(_LATER)


def _null_passes(thing: Thing, columns: Columns) -> bool:
    """Tell whether a check looks at new columns only, which old writers leave empty, with operators that pass NULL on."""
    added = [columns.added.get(name) for name in thing.get("columns") or ()]
    if not added or not all(c is not None and _empty(c) for c in added):
        return False
    return not _CALL.search(thing["def"].removeprefix("CHECK ("))


def _references(frame: Frame, old: list[Thing], new: list[Thing], path: str, columns: Columns) -> Iterator[Change]:
    before, after = (
        {(*(c.get("columns") or ()), c.get("references")): c for c in side if _UNUSED not in c["def"]}
        for side in (old, new)
    )
    for same, thing in after.items():
        was = before.get(same)
        if was is None:
            effect = (
                INFO
                if _unknown(thing, columns) and all(_empty(columns.added[c]) for c in thing["columns"])
                else BREAKING
            )
            yield frame.change("fk.add", path, None, thing["def"], NONE, effect)
        elif _enforced(was["def"]) != _enforced(thing["def"]):
            yield frame.change("fk.change", path, was["def"], thing["def"], WARN, WARN)
    for same, thing in before.items():
        if same not in after:
            yield frame.change("fk.drop", path, thing["def"], None, INFO, NONE)


def _exclusions(frame: Frame, old: list[Thing], new: list[Thing], path: str) -> Iterator[Change]:
    before, after = ({c["def"] for c in side} for side in (old, new))
    for words in after - before:
        yield frame.change("exclusion.add", path, None, words, NONE, BREAKING)
    for words in before - after:
        yield frame.change("exclusion.drop", path, words, None, WARN, NONE)


def _indexes(frame: Frame, old: list[dict[str, Any]], new: list[dict[str, Any]], path: str) -> Iterator[Change]:
    before, after = ({i["def"] for i in side if not i.get("unique")} for side in (old, new))
    for words in after - before:
        yield frame.change("index.add", path, None, words, INFO, INFO)
    for words in before - after:
        yield frame.change("index.drop", path, words, None, INFO, INFO)
