"""The lines of an index: what is known of one entry of a tree."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from gateway.errors import Tampered

INDEX = "index"
_KINDS = frozenset("dflxo")
_NOWHERE = {"", ".", ".."}  # parts of a path that is no plain way down from the root


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: path below the root, kind, mode, time in ns; of a file size, hash and its place in a pack; a link's target.

    Paths that are no UTF-8 keep their bytes (as Python's surrogates). `why` tells of `x` what was wrong.
    """

    path: str
    t: str
    mode: int = 0
    mtime: int = 0
    size: int = 0
    sha256: str = ""
    pack: str = ""
    offset: int = 0
    to: str = ""
    why: str = ""

    def line(self) -> bytes:
        """Return the entry as a line; what says nothing is left out."""
        return json.dumps({name: said for name in self.__slots__ if (said := getattr(self, name))}).encode() + b"\n"


def entry(path: str, found: os.stat_result, **facts: str | int) -> Entry:
    """Return the entry of what was found at a path."""
    kinds = {stat.S_IFDIR: "d", stat.S_IFREG: "f", stat.S_IFLNK: "l"}
    given: dict[str, str | int] = {"t": kinds.get(stat.S_IFMT(found.st_mode), "o"), **facts}
    return Entry(path, mode=stat.S_IMODE(found.st_mode), mtime=found.st_mtime_ns, **given)  # type: ignore[arg-type]


def read(index: Path) -> Iterator[Entry]:
    """Yield the entries of an index; Tampered for a line that is none or leads out of the tree."""
    with index.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                found = Entry(**json.loads(line))
            except (ValueError, TypeError):
                found = None
            if found is None or not _sound(found):
                raise Tampered(f"line {number} of the index of a tree is no entry of it", "Take another backup.")
            yield found


def _sound(found: Entry) -> bool:
    if tuple(type(getattr(found, name)).__name__ for name in _NAMES) != _TYPES:
        return False
    leads_out = not _NOWHERE.isdisjoint(found.path.split("/"))
    return not leads_out and found.t in _KINDS and "\0" not in found.path + found.to


_NAMES, _TYPES = zip(*((fact.name, fact.type) for fact in fields(Entry)), strict=True)
