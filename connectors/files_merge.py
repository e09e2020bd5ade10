"""The state that a full file and the delta files after it make: of each key its newest row, unless that deletes it.

The deltas' rows wait on disk, the full file's pass by: memory stays flat whatever their sizes. Keys are compared as they
are written.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import BinaryIO

from connectors.files_rows import OPERATION, Record, written
from gateway.records import lines

OPERATIONS = frozenset({"I", "U", "D"})
_SPECIAL = re.compile("[\\\\\t\n\r\0\ud800-\udfff]")
Line = tuple[str | None, list[str | None]]
_WAITING = """
pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -32768;
create table newest (key text primary key, line blob) without rowid;
"""


def write(base: Iterable[Record], deltas: Sequence[Iterable[Record]], key: Sequence[int], out: BinaryIO) -> int:
    """Write the state as lines for the hub and return their number; `key` tells where a record's key fields stand."""
    with closing(sqlite3.connect("", isolation_level=None)) as store:  # "": a file of its own that nobody sees
        store.executescript(_WAITING)
        came = 0
        for delta in deltas:
            store.execute("begin")
            came += _written(_kept(delta, key, store), out)
            store.execute("commit")

        def untouched(record: Record) -> bool:
            known = _key(record, key)
            return known is None or not store.execute("select 1 from newest where key = ?", (known,)).fetchone()

        came += _written(filter(untouched, base), out)
        for (line,) in store.execute("select line from newest where line is not null"):
            out.write(line)
            came += 1
    return came


def _kept(delta: Iterable[Record], key: Sequence[int], store: sqlite3.Connection) -> Iterator[Record]:
    """Put the rows of a delta file into the store; yield those that have no place there, as they are at fault."""
    for fault, values in delta:
        if fault is None and values[-1] not in OPERATIONS:
            yield OPERATION, values
            continue
        known = _key((fault, values), key)
        if known is None:
            yield fault, values
        else:
            line = None if values[-1] == "D" else _line((fault, values))
            store.execute("insert or replace into newest values (?, ?)", (known, line))


def _key(record: Record, key: Sequence[int]) -> str | None:
    """Return a record's key; None when it is at fault or has none."""
    fault, values = record
    parts = [values[place] for place in key]
    if fault is not None or None in parts:
        return None
    joined = "\0".join(part or "" for part in parts)
    return joined if joined.count("\0") == len(parts) - 1 and not _SPECIAL.search(joined.replace("\0", "")) else None


def _written(records: Iterable[Record], out: BinaryIO) -> int:
    came = 0
    for number, text in written(records):
        out.write(text)
        came += number
    return came


def _line(record: Record) -> bytes:
    return lines([(record[0], record[1][:-1])])
