"""Records that need no judging: lines whose every value is plainly of its field's type.

One regular expression over the bytes of a line proves it. It takes less than `casting` does, and of what it takes COPY into
the typed table makes the same value, with no repair left to do. A line that it does not know is not wrong for that: the
hub judges it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from io import BufferedIOBase
from typing import BinaryIO

from gateway.exchange.casting import ZONE, base
from gateway.model import Dataset, Field

_BUFFER = 262_144
_NO_FAULT = b"\\N\t"
_DAY = (
    r"(?!0000)(?:[0-9]{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    r"|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
)
_TIME = r"[ T](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_OFFSET = r"(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
_NONE = "(?!)"
_FORMS: Mapping[str, str] = {
    "smallint": "-?[0-2]?[0-9]{1,4}",
    "integer": "-?[01]?[0-9]{1,9}",
    "bigint": "-?[0-8]?[0-9]{1,18}",
    "date": _DAY,
    "boolean": "true|false|[tf01]",
    "jsonb": _NONE,  # whether a document is one, only a parser tells
}
# What a value must not be, so that a repair leaves it alone; the end of a value is a tab's or the line's.
_UNTOUCHED = {
    "trim": r"(?![^\t\n]*(?: |\xe3\x80\x80)[\t\n])",
    "upper": r"(?![^\t\n]*[a-z])",
    "open_end": r"(?!9999|\xe9\x95\xbf\xe6\x9c\x9f)",
    "nullify": r"(?![\t\n])",
}


def zone(dataset: Dataset) -> str | None:
    """Return the time zone of all times without one; None when fields differ in it, or there is none."""
    zones = {f.zone or ZONE for f in dataset.fields if base(f) == "timestamptz"}
    return zones.pop() if len(zones) == 1 else None


def proof(dataset: Dataset) -> re.Pattern[bytes]:
    """Return what matches as many lines as are plain, from where it is put."""
    naive = zone(dataset) is not None
    values = "".join(rf"\t(?:\\N|{_value(field, naive=naive)})" for field in dataset.fields)
    return re.compile(rf"(?:\\N{values}\n)*+".encode("latin-1"))


def _value(field: Field, *, naive: bool) -> str:
    return "".join(_UNTOUCHED[repair] for repair in field.repairs) + f"(?:{_form(field, naive=naive)})"


def _form(field: Field, *, naive: bool) -> str:
    kind = base(field)
    if kind == "text":
        return r"[ -\[\]-\xff]*+"  # neither control characters nor a backslash; two ranges cost least
    if kind == "timestamptz":
        return f"{_DAY}(?:{_TIME}{_OFFSET}?)?" if naive else _DAY + _TIME + _OFFSET
    return _number(field.hub_type) if kind == "numeric" else _FORMS[kind]


def _number(hub_type: str) -> str:
    """Return numbers that no rounding makes too large: with few enough digits on both sides, or one less before the point."""
    digits, scale = map(int, re.findall("[0-9]+", hub_type))
    whole = digits - scale
    point = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
    return rf"-?(?:[0-9]{{1,{whole}}}{point}|[0-9]{{0,{whole - 1}}}\.[0-9]{{1,99}})" if whole else _NONE


class Lines:
    """A stream of lines, given out in the order in which they come: plain ones as long as there are, or any."""

    def __init__(self, stream: BinaryIO, dataset: Dataset) -> None:
        """Read nothing yet."""
        self._stream, self._plain = stream, proof(dataset)
        self._held = b""

    def ended(self) -> bool:
        """Tell whether no line is left."""
        return not self._fill()

    def plain(self) -> Run:
        """Return the lines up to the first that is not plain, without the fault that they do not have."""
        return Run(self._take_plain)

    def any(self, count: int) -> Run:
        """Return as many of the next lines as they are."""
        left = count

        def take() -> bytes:
            nonlocal left
            taken = self._take(_after(self._fill(), left)) if left else b""
            left -= taken.count(b"\n")
            return taken

        return Run(take)

    def _take_plain(self) -> bytes:
        found = self._plain.match(self._fill())
        assert found is not None  # it matches nothing, too
        return self._take(found.end())[len(_NO_FAULT) :].replace(b"\n" + _NO_FAULT, b"\n")

    def _take(self, end: int) -> bytes:
        taken, self._held = self._held[:end], self._held[end:]
        return taken

    def _fill(self) -> bytes:
        """Hold at least one whole line, if there is one; at the end what is no whole line may be left."""
        while b"\n" not in self._held and (more := self._stream.read(_BUFFER)):
            self._held += more
        return self._held


class Run(BufferedIOBase):
    """Some lines as a file to read."""

    def __init__(self, take: Callable[[], bytes]) -> None:
        """Keep what gives the next lines, and nothing at the run's end."""
        self._take = take

    def read(self, _: int | None = -1, /) -> bytes:
        """Return the next lines."""
        return self._take()


def _after(held: bytes, lines: int) -> int:
    """Return where a number of lines end, or all that are there."""
    if held.count(b"\n") <= lines:
        return held.rfind(b"\n") + 1 or len(held)
    end = 0
    for _ in range(lines):
        end = held.index(b"\n", end) + 1
    return end
