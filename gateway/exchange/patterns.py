r"""Contract patterns as SQL: fixed shapes become length and character tests, the rest a regular expression.

A pattern is anchored (`^…$`) and uses literals, ASCII classes such as `[0-9A-Z]`, counts, groups and alternatives; what
means something else in PostgreSQL, Python or JSON Schema (`\d`, look-around, back references) is refused.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gateway.exchange import identity_sql

_PIECE = re.compile(r"(?:\[(?P<set>[0-9A-Za-z-]+)\]|(?P<char>[0-9A-Za-z]))(?:\{(?P<count>\d{1,3})\})?")
# A quantifier stands once (a second one means lazy here and an error there), and PostgreSQL counts to 255 only.
_COUNT = r"(?:[0-9]{1,2}|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_QUANTIFIER = rf"(?:[?*+]|\{{{_COUNT}(?:,{_COUNT}?)?\}})"
_CLASS = r"\[\^?-?(?:[^\[\]\\^-](?:-[^\[\]\\^-])?)+-?\]"
_ALLOWED = re.compile(
    rf"(?:(?:[^\\.^$*+?{{}}\[\]()|]|\\[.*+?()\[\]{{}}|/-]|{_CLASS}|\.|\)){_QUANTIFIER}?(?![?*+{{])|\((?:\?:)?|\|)*"
)
_CLASS_AND_LAST = 2
_ORDER = string.digits + string.ascii_uppercase + string.ascii_lowercase


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of `count` characters out of `allowed`, beginning at `start` (1-based); `literal` when there is no choice."""

    start: int
    count: int
    allowed: str
    literal: str = ""


def is_supported(pattern: str) -> bool:
    """Tell whether a pattern is anchored and means the same in SQL, Python and JSON Schema."""
    if not (pattern.startswith("^") and pattern.endswith("$") and len(pattern) > 1):
        return False
    if _ALLOWED.fullmatch(pattern[1:-1]) is None:
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def broken_sql(text: str, pattern: str) -> str:
    """Return SQL that is true when a text column does not match; null never breaks a pattern."""
    pieces = _fixed(pattern[1:-1])
    if pieces is None:
        quoted = ("^(?:" + pattern[1:-1] + ")$").replace("'", "''")
        return f"({text} is not null and {text} !~ '{quoted}' collate \"C\")"
    length = sum(p.count for p in pieces)
    tests = " ".join(f"when {wrong} then true" for wrong in _tests(text, pieces, length))
    return f"{identity_sql.begin(text, length)} {tests} else false end"


def digits_from(pattern: str, start: int, count: int, length: int) -> bool:
    """Tell whether a text of `length` that keeps the pattern surely has ASCII digits at these places (from 1)."""
    pieces = _fixed(pattern[1:-1]) if is_supported(pattern) else None
    if pieces is None or sum(p.count for p in pieces) != length:
        return False
    touched = [p for p in pieces if p.start < start + count and p.start + p.count > start]
    return all(set(p.allowed) <= set(string.digits) for p in touched)


def _tests(text: str, pieces: list[_Piece], length: int) -> Iterator[str]:
    """Yield SQL that is true when a run of characters is wrong; the text is known to be `length` plain bytes long."""
    if extra := _last_is_wider(pieces):
        right = " ".join(f"when '{character}'::bytea then false" for character in ("", *extra))
        # Not by `not in`: that takes its list of bytes apart for every row.
        yield f"case ltrim({text}::bytea, '{pieces[0].allowed}'::bytea) {right} else true end"
        return
    for run in _runs(pieces):
        part = identity_sql.part(text, run.start, run.count) if run.count < length else f"{text}::bytea"
        yield f"{part} <> '{run.literal}'::bytea" if run.literal else f"not {identity_sql.only(part, run.allowed)}"


def _last_is_wider(pieces: list[_Piece]) -> str:
    """Return what a last single character may be beyond the run of one class before it, such as the X of a number."""
    if len(pieces) != _CLASS_AND_LAST or pieces[1].count != 1 or not set(pieces[0].allowed) < set(pieces[1].allowed):
        return ""
    return "".join(c for c in pieces[1].allowed if c not in pieces[0].allowed)


def _runs(pieces: list[_Piece]) -> Iterator[_Piece]:
    """Join neighbouring literal characters, so that one comparison does for all."""
    waiting: _Piece | None = None
    for piece in pieces:
        if waiting and waiting.literal and piece.literal:
            waiting = replace(waiting, count=waiting.count + piece.count, literal=waiting.literal + piece.literal)
            continue
        if waiting:
            yield waiting
        waiting = piece
    if waiting:
        yield waiting


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
        pieces.append(_Piece(start, count, allowed, literal=allowed * count if len(allowed) == 1 else ""))
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
