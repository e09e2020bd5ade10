"""What WAL adds to the promise of a plan: with a proven base before it, nothing stored can be lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from backup.physical import segments

SIZE = 16 << 20  # names follow one another by number; the size only tells how many numbers a name's part has
Pair = tuple[datetime, datetime]


def pairs(bases: Iterable[dict[str, Any]], stored: Sequence[dict[str, Any]]) -> list[Pair]:
    """Return (until when nothing is lost, since when that is so) for each stored segment behind a proven base, without a gap.

    A segment counts once it is stored and the base is proven, whichever is later.
    """
    found: dict[tuple[str, str], Pair] = {}
    for base in bases:
        if not base["first_segment"]:
            continue
        mine = {row["segment"]: row for row in stored if row["system"] == base["system"]}
        for name in segments.line(mine, base["first_segment"], SIZE)[0]:
            row = mine[name]
            if row["through"] is None:
                continue
            pair = (row["through"], max(row["stored_at"], base["proven_at"]))
            key = (base["system"], name)
            if key not in found or pair[1] < found[key][1]:
                found[key] = pair
    return sorted(found.values(), key=lambda pair: pair[1])
