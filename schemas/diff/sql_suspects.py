"""Columns that may have been renamed, told by likeness where nothing tells for certain; always for a person to confirm."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from schemas.diff.sql_frame import Column, Relation

ENOUGH, LEAD = 0.8, 0.2
_MOST = 40  # columns that came or went; beyond that a table was redesigned, and the pairs would take too long
_ABBREVIATED = 0.9


def suspected(old: Relation, new: Relation) -> Iterator[tuple[str, str, float]]:
    """Yield old name, new name and score of the pairs that are like each other and like nothing else."""
    was, now = {c["name"] for c in old["columns"]}, {c["name"] for c in new["columns"]}
    gone = [(i, c) for i, c in enumerate(old["columns"]) if c["name"] not in now]
    come = [(i, c) for i, c in enumerate(new["columns"]) if c["name"] not in was]
    if not (gone and come) or max(len(gone), len(come)) > _MOST:
        return
    keys = _keys(old), _keys(new)
    scores = {(a, b): _score(gone[a], come[b], keys) for a in range(len(gone)) for b in range(len(come))}
    for (a, b), score in scores.items():
        others = [s for (x, y), s in scores.items() if (x == a) != (y == b)]
        if score >= ENOUGH and score - max(others, default=0.0) >= LEAD:
            yield gone[a][1]["name"], come[b][1]["name"], score


def _score(before: tuple[int, Column], after: tuple[int, Column], keys: tuple[set[str], set[str]]) -> float:
    (i, old), (j, new) = before, after
    parts = [
        (0.2, float(i == j)),
        (0.25, float(old["type"] == new["type"])),
        (0.1, float(all(old.get(k) == new.get(k) for k in ("notnull", "default")))),
        (0.25, _likeness(old["name"], new["name"])),
        (0.1, float((old["name"] in keys[0]) == (new["name"] in keys[1]))),
    ]
    if old.get("comment") or new.get("comment"):
        parts.append((0.2, float(old.get("comment") == new.get("comment"))))
    return sum(weight * like for weight, like in parts) / sum(weight for weight, _ in parts)


def _likeness(old: str, new: str) -> float:
    short, long = sorted((old.lower(), new.lower()), key=len)
    signs = iter(long)
    if len(short) > 1 and all(sign in signs for sign in short):  # addr, address
        return _ABBREVIATED
    return SequenceMatcher(None, short, long).ratio()


def _keys(relation: Relation) -> set[str]:
    return {name for c in relation.get("constraints") or () if c["type"] in "pf" for name in c.get("columns") or ()}
