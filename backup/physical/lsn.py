"""Positions in WAL and the segments they lie in."""

from __future__ import annotations

import re

SEGMENT = re.compile(r"[0-9A-F]{24}")
HISTORY = re.compile(r"[0-9A-F]{8}\.history")
_LOG = 1 << 32


def position(text: str) -> int:
    """Return `16/B374D848` as a number of bytes."""
    high, low = text.split("/")
    return (int(high, 16) << 32) | int(low, 16)


def segment(timeline: int, at: int, size: int) -> str:
    """Return the name of the segment of a size that holds a position."""
    number, each = at // size, _LOG // size
    return f"{timeline:08X}{number // each:08X}{number % each:08X}"


def number(name: str, size: int) -> int:
    """Return which segment since the beginning of all WAL a name means, whatever its timeline."""
    return int(name[8:16], 16) * (_LOG // size) + int(name[16:], 16)


def ends(name: str, size: int) -> int:
    """Return the position behind the last byte of a segment."""
    return (number(name, size) + 1) * size


def known(name: str) -> bool:
    """Tell whether a name is one of WAL: a segment or the history of a timeline."""
    return bool(SEGMENT.fullmatch(name) or HISTORY.fullmatch(name))
