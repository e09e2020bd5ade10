r"""Contract patterns as SQL: fixed shapes become length and character tests, the rest a regular expression.

A pattern is anchored (`^…$`) and uses literals, ASCII classes such as `[0-9A-Z]`, counts, groups and alternatives; what
means something else in PostgreSQL, Python or JSON Schema (`\d`, look-around, back references) is refused.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

from gateway.exchange import identity_sql

_PIECE = re.compile(r"(?:\[(?P<set>[0-9A-Za-z-]+)\]|(?P<char>[0-9A-Za-z]))(?:\{(?P<count>\d{1,3})\})?")
_ALLOWED = re.compile(
    r"(?:[^\\.^$*+?{}\[\]()|]|\\[.*+?()\[\]{}|/-]|\[\^?[^\[\]\\]+\]|[|?*+]|\{\d+(?:,\d*)?\}|\(\?:|\(|\)|\.)*"
)
_ORDER = string.digits + string.ascii_uppercase + string.ascii_lowercase


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of `count` characters out of `allowed`, beginning at `start` (1-based)."""

    start: int
    count: int
    allowed: str


def is_supported(pattern: str) -> bool:
    """Tell whether a pattern is anchored and means the same in SQL, Python and JSON Schema."""
    if not (pattern.startswith("^") and pattern.endswith("$") and len(pattern) > 1):
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return _ALLOWED.fullmatch(pattern[1:-1]) is not None


def broken_sql(text: str, pattern: str) -> str:
    """Return SQL that is true when a text column does not match; null never breaks a pattern."""
    pieces = _fixed(pattern[1:-1])
    if pieces is None:
        quoted = ("^(?:" + pattern[1:-1] + ")$").replace("'", "''")
        return f"({text} is not null and {text} !~ '{quoted}' collate \"C\")"
    length = sum(p.count for p in pieces)
    tests = " ".join(f"when not ({_test(text, p, length)}) then true" for p in pieces)
    return f"case when {text} is null then false when octet_length({text}) <> {length} then true {tests} else false end"


def _test(text: str, piece: _Piece, length: int) -> str:
    """Return SQL: one run of characters is right; the text is known to be `length` bytes long."""
    if piece.start == 1 and piece.count == length:
        part = text
    elif piece.start == 1:
        part = f"left({text}, {piece.count})"
    else:
        part = f"substr({text}, {piece.start}, {piece.count})"
    if len(piece.allowed) == 1:
        return f"{part} = '{piece.allowed * piece.count}'"
    if piece.count == 1:
        return f"{part} <> '' and strpos('{piece.allowed}', {part}) > 0"
    return identity_sql.only(part, piece.allowed)


def _fixed(body: str) -> list[_Piece] | None:
    """Return the runs of a pattern that always matches the same number of characters, else None."""
    pieces: list[_Piece] = []
    at, start = 0, 1
    while at < len(body):
        found = _PIECE.match(body, at)
        if found is None:
            return None
        allowed = _members(found["set"]) if found["set"] else found["char"]
        if allowed is None:
            return None
        count = int(found["count"] or 1)
        pieces.append(_Piece(start, count, allowed))
        at, start = found.end(), start + count
    return pieces


def _members(class_: str) -> str | None:
    """Return the characters of a class such as `0-9A-F`, or None when it is not of plain ranges."""
    found, at = "", 0
    while at < len(class_):
        if class_[at] == "-":
            return None
        if class_[at + 1 : at + 2] == "-" and at + 2 < len(class_):
            low, high = _ORDER.find(class_[at]), _ORDER.find(class_[at + 2])
            if not 0 <= low <= high or class_[at].isdigit() != class_[at + 2].isdigit():
                return None
            found += _ORDER[low : high + 1]
            at += 3
        else:
            found += class_[at]
            at += 1
    return "".join(dict.fromkeys(found))
