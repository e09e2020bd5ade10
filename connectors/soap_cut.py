"""Records that are written byte for byte like one before them, but for their values: taken out of a reply before it is parsed.

Only right behind the end of a parsed record, and one after the other; there they are what the parser would find, since the one
that they are written like was parsed. All else, and whatever holds a sign that XML gives a meaning, is left to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

Values = Sequence[str | None]
Row = tuple[None, Values]
Pick = Callable[[Sequence[str]], Values]
Lay = Callable[[Sequence[str], Sequence[str]], Pick | None]
_NAME = rb"[^\s<>/=\"'&]+"
_HEAD = re.compile(rb"<%b((?:\s+%b=\"[^\"<&]*\")*)\s*>" % (_NAME, _NAME))
_ATTRIBUTE = re.compile(rb"(%b)=\"([^\"]*)\"" % _NAME)
_CHILD = re.compile(rb"\s*<(%b)>([^<]*)</\1>" % _NAME)
_TEXT, _QUOTED = rb"[^<&>\x00-\x08\x0b-\x1f]*+", rb"[^<&\"\x00-\x1f]*+"
_NO_SIGNS = ("\ufffe", "\uffff")
# How a document begins that is in UTF-8, which is what one without a declaration is.
_UTF8 = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:<\?xml(?![^>]*encoding)|<\?xml[^>]*encoding\s*=\s*[\"']utf-8[\"']|<[^?\0])", re.IGNORECASE
)
_BEGINNING = 256
_LONGEST = 1_048_576  # bytes that wait for a record's end


class Shape:
    """How a flat record is written, and how its values stand in the order of the fields."""

    def __init__(self, parts: Sequence[bytes], forms: Sequence[bytes], pick: Pick) -> None:
        """Take what stands around the values, and the form of each."""
        bare = b"".join(p + f for p, f in zip(parts, [*forms, b""], strict=True))
        held = b"".join(p + f for p, f in zip(parts, [*(b"(%b)" % f for f in forms), b""], strict=True))
        self._many = re.compile(b"(?:[ \t\n]*+%b)*+" % bare)
        self._one = re.compile(held.decode())
        self._pick, self._single = pick, len(forms) == 1

    def taken(self, held: bytes) -> tuple[list[Row], int]:
        """Return the records that bytes begin with, and where they end."""
        found = self._many.match(held)
        end = found.end() if found else 0
        try:
            text = held[:end].decode()
        except UnicodeDecodeError:
            return [], 0
        if any(sign in text for sign in _NO_SIGNS):
            return [], 0
        pick = self._pick
        rows = self._one.findall(text)
        return [(None, pick((row,) if self._single else row)) for row in rows], end


class Cutter:
    """Cuts a stream of pieces: `cut` gives the records that need no parser, and what the parser is to be fed."""

    def __init__(self, record: str, lay: Lay) -> None:
        """Take the local name of a record, and what tells from names how its values are put in order, or that they are not."""
        self._end = re.compile(rb"</(?:[^\s<>/:]+:)?%b>" % re.escape(record.encode()))
        self._lay, self._shape = lay, None
        self._head, self._held, self._fed, self._there = b"", b"", b"", False

    _shape: Shape | None

    def cut(self, chunk: bytes) -> tuple[list[Row], bytes]:
        """Return records in their order, then what follows them; the end of a stream is an empty chunk."""
        held, rows = self._held + chunk, list[Row]()
        self._head = self._head if len(self._head) >= _BEGINNING else self._head + chunk[:_BEGINNING]
        if self._there and self._shape is not None:
            rows, end = self._shape.taken(held)
            held = held[end:]
        ends = [found.end() for found in self._end.finditer(held)] if chunk else []
        waits = self._there and not ends and chunk and len(held) < _LONGEST
        end = ends[-1] if ends else 0 if waits else len(held)
        piece, self._held = held[:end], held[end:]
        if piece:
            self._fed, self._there = piece, False
        return rows, piece

    def parsed(self, record: Any) -> None:
        """Learn from the record with whose end the events of the last piece ended; None when they ended with something else."""
        ended = re.search(self._end.pattern + rb"\Z", self._fed) if record is not None else None
        self._there = ended is not None
        if ended is not None:
            begin = self._fed.rfind(b"<" + ended[0][2:-1])
            self._shape = (self._learned(self._fed[begin:], record) if begin >= 0 else None) or self._shape

    def _learned(self, raw: bytes, record: Any) -> Shape | None:
        """Return how a record is written; None unless it is flat, in UTF-8, and its bytes say just what the parser found."""
        head = _HEAD.match(raw)
        if head is None or not _UTF8.match(self._head):
            return None
        spans, forms, at = [], [], head.end()
        for attribute in _ATTRIBUTE.finditer(raw, *head.span(1)):
            if not attribute[1].startswith(b"xmlns"):
                spans.append(attribute.span(2))
                forms.append(_QUOTED)
        while child := _CHILD.match(raw, at):
            spans.append(child.span(2))
            forms.append(_TEXT)
            at = child.end()
        values = [*record.values(), *(child.text or "" for child in record)]
        if [raw[a:b].decode(errors="replace") for a, b in spans] != values or not raw[at:].lstrip().startswith(b"</"):
            return None
        pick = self._lay(record.keys(), [child.tag for child in record])
        edges = [0, *(edge for span in spans for edge in span), len(raw)]
        parts = [re.escape(raw[a:b]) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        return Shape(parts, forms, pick) if pick and forms else None
