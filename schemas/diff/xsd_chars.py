"""Sets of characters as XML Schema's patterns name them: sorted ranges of code points."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import groupby

Ranges = tuple[tuple[int, int], ...]
XML: Ranges = ((0x9, 0xA), (0xD, 0xD), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
SPACE: Ranges = ((0x9, 0xA), (0xD, 0xD), (0x20, 0x20))
_START: Ranges = (
    (0x3A, 0x3A), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x2FF), (0x370, 0x37D),
    (0x37F, 0x1FFF), (0x200C, 0x200D), (0x2070, 0x218F), (0x2C00, 0x2FEF), (0x3001, 0xD7FF), (0xF900, 0xFDCF),
    (0xFDF0, 0xFFFD), (0x10000, 0xEFFFF),
)  # fmt: skip
_MORE: Ranges = ((0x2D, 0x2E), (0x30, 0x39), (0xB7, 0xB7), (0x300, 0x36F), (0x203F, 0x2040))


def union(sets: Iterable[Ranges]) -> Ranges:
    """Return the characters of any of the sets."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(r for one in sets for r in one):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def minus(one: Ranges, other: Ranges) -> Ranges:
    """Return the characters of one set that the other lacks."""
    found: list[tuple[int, int]] = []
    for low, high in one:
        at = low
        for start, end in other:
            if end < at or start > high:
                continue
            if start > at:
                found.append((at, start - 1))
            at = end + 1
        if at <= high:
            found.append((at, high))
    return tuple(found)


def without(one: Ranges) -> Ranges:
    """Return all characters of XML but these."""
    return minus(XML, one)


@cache
def _categories() -> dict[str, Ranges]:
    """Return Unicode's general categories, by two letters."""
    found: dict[str, list[tuple[int, int]]] = {}
    start = 0
    for name, run in groupby(map(unicodedata.category, map(chr, range(sys.maxunicode + 1)))):
        end = start + sum(1 for _ in run)
        found.setdefault(name, []).append((start, end - 1))
        start = end
    return {name: tuple(ranges) for name, ranges in found.items()}


@cache
def category(name: str) -> Ranges | None:
    """Return a category of one or two letters within XML's characters; None when there is none such."""
    known = [ranges for key, ranges in _categories().items() if key.startswith(name)]
    return minus(XML, without(union(known))) if known and len(name) <= 2 else None  # noqa: PLR2004 - letters


@cache
def escape(letter: str) -> Ranges | None:  # noqa: PLR0911 - one answer a letter
    """Return the characters of an escape such as `d` or `W`; None when there is none such."""
    if letter.isupper():
        inner = escape(letter.lower())
        return None if inner is None else without(inner)
    if letter == "s":
        return SPACE
    if letter == "d":
        return category("Nd")
    if letter == "i":
        return _START
    if letter == "c":
        return union((_START, _MORE))
    if letter == "w":
        return without(union(category(name) or () for name in "PZC"))
    return None
