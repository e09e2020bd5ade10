"""Reads a COPY stream in text format as it is written: a row at a time, in flat memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import BinaryIO, cast

from gateway.errors import SourceChanged
from gateway.ports import Read

Row = list[str | None]
Take = Callable[[Row], None]
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}  # any other stands for itself


def each(read: Read, take: Take) -> int:
    """Give each row that `read` writes to `take`, in its thread, and return how many came.

    What `take` raises ends the read. Raises SourceChanged when the reader counts other rows than came.
    """
    rows = _Rows(take)
    told = read(cast("BinaryIO", rows))
    if rows.rest or rows.came != told:
        raise SourceChanged(f"the hub sent {told} rows, {rows.came} arrived", "The run is repeated.")
    return told


def values(line: bytes) -> Row:
    """Return the values of a line without its end."""
    return [_value(text) for text in line.decode().split("\t")]


def texts(row: Sequence[str | None], places: Sequence[int]) -> tuple[str | None, ...]:
    """Return some of a row's values."""
    return tuple(row[place] for place in places)


class _Rows:
    """A file to write to; a write may end anywhere in a line."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self.rest, self.came = b"", 0

    def write(self, data: bytes) -> int:
        *lines, self.rest = (self.rest + bytes(data)).split(b"\n")
        for line in lines:
            self.came += 1
            self._take(values(line))
        return len(data)


def _value(text: str) -> str | None:
    if "\\" not in text:
        return text
    return None if text == r"\N" else _ESCAPE.sub(lambda found: _LETTERS.get(found[1], found[1]), text)
