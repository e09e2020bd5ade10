"""One reply as it arrives: its records one after the other, in flat memory, and nothing that XML can hide.

A DOCTYPE is refused before anything is made of it. A record is given before the rest has come: what is made of it counts
only when the reply ends well.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Any

from lxml import etree

from connectors.soap_cut import Cutter, Lay
from gateway.errors import GatewayError, SchemaMismatch, SourceChanged

_SOAP = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
_ENVELOPES, _BODIES, _FAULTS = (tuple(f"{{{ns}}}{name}" for ns in _SOAP) for name in ("Envelope", "Body", "Fault"))
_FRAME = {*_ENVELOPES, *_BODIES, *_FAULTS}
_RECORD, _TOTAL, _PART = range(3)
_KEPT = 100  # records that wait to be dropped together
_TAIL = 100
_STRETCH = 16 * 1_048_576  # bytes between two records: what holds none would grow in memory


class Fault(Exception):
    """Raised when a reply is a fault; `codes` are the local names of its codes, from the outer to the inner."""

    def __init__(self, codes: tuple[str, ...]) -> None:
        """Keep the codes; what the peer says beside them is not kept."""
        super().__init__("SOAP fault")
        self.codes = codes


class Reply:
    """Reads one reply. When its records have come, `came`, `totals` and `digest` tell what it held.

    `kept` is set by who hands records on, since such a reply cannot be asked for again. `body` is the whole body's element,
    once it has ended: of use where no record is named, since records are dropped as they come.
    """

    def __init__(self, chunks: Iterator[bytes], record: str | None, total: str | None, what: str) -> None:
        """Keep where it comes from and which elements matter."""
        self._chunks, self._record, self._total, self._what = chunks, record, total, what
        self._kind = lru_cache(64)(self._told)
        self._hash, self._ended, self._tail, self._stretch = sha256(), False, b"", 0
        self._enveloped, self._inside, self._filled = False, False, False
        self.came, self.totals, self.kept = 0, set[int](), False
        self.body: Any = None
        self._open: Any = None
        self._whole = False  # all that came could be parsed

    @property
    def digest(self) -> bytes:
        """Return the digest of what was read."""
        return self._hash.digest()

    def records(self, lay: Lay | None = None) -> Iterator[Any]:
        """Yield each record's element, which lives until the next; Fault, SchemaMismatch or SourceChanged.

        With `lay`, which puts the values of records of some names in order, a record may be given as its values instead.
        """
        try:
            yield from self._walked(Cutter(self._record, lay) if lay is not None and self._record else None)
        except etree.XMLSyntaxError:  # its words would tell what was sent
            raise self._broken() from None
        if not self._filled:
            raise self._wrong("is no SOAP envelope with a body")

    def _walked(self, cutter: Cutter | None) -> Iterator[Any]:
        wanted = [f"{{*}}{name}" for name in (self._record, self._total) if name]
        parser = etree.XMLPullParser(
            events=("start", "end"), tag=(*_FRAME, *wanted), resolve_entities=False, no_network=True, load_dtd=False,
            huge_tree=False, remove_comments=True, remove_pis=True,
        )  # fmt: skip
        kept, self._open = 0, None
        while not self._ended:
            chunk = self._next()
            if cutter is not None:
                rows, chunk = cutter.cut(chunk)
                if rows:
                    self.came, self._stretch = self.came + len(rows), 0
                    yield from rows
            if not chunk:
                continue
            broken = _fed(parser, chunk)
            last = None
            for event, element in parser.read_events():
                last = self._ended_record(event, element)
                if last is not None:
                    yield last
                    kept = kept + 1 if kept + 1 < _KEPT else _forgotten(last)
            if broken is not None:  # what came before is looked at first: it may tell more
                raise broken
            if cutter is not None:
                cutter.parsed(last)
        self._whole = True
        parser.close()

    def _ended_record(self, event: str, element: Any) -> Any:
        """Return the element when a record ended with it; None for all else, which is followed."""
        if element is self._open:  # the very object that began, since it was held
            self.came, self._stretch, self._open = self.came + 1, 0, None
            return element
        if self._open is not None:
            return None  # what lies within a record is a part of it
        kind = self._kind(element.tag)
        if kind == _PART:
            self._framed(event, element)
        elif self._inside and kind == _RECORD:
            self._open = element
        elif self._inside and event == "end":
            self._count(element.text)
        return None

    def _next(self) -> bytes:
        """Return the next piece; none when it has ended."""
        chunk = next(self._chunks, b"")
        self._ended = not chunk
        self._hash.update(chunk)
        self._tail = (self._tail + chunk)[-_TAIL:]
        self._stretch += len(chunk)
        if self._stretch > _STRETCH:
            raise self._wrong(f"has no record within {_STRETCH // 1_048_576} MB")
        return chunk

    def _told(self, tag: str) -> int:
        """Tell what an element is, by its full name."""
        if tag in _FRAME:
            return _PART
        return _RECORD if tag.rpartition("}")[2] == self._record else _TOTAL

    def _framed(self, event: str, element: Any) -> None:
        """Follow envelope, body and fault where SOAP has them."""
        parent = element.getparent()
        if element.tag in _ENVELOPES and parent is None:
            self._enveloped = True
            if element.getroottree().docinfo.doctype:
                raise self._wrong("has a DOCTYPE")
        elif element.tag in _BODIES and self._enveloped and parent.getparent() is None:
            self._inside = event == "start"
            self._filled = event == "end" and len(element) > 0
            self.body = element if self._filled and not self._record else None
        elif element.tag in _FAULTS and self._inside and event == "end" and parent.tag in _BODIES:
            raise Fault(_codes(element))

    def _count(self, text: str | None) -> None:
        digits = (text or "").strip()
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):  # noqa: PLR2004 - 64 bits
            hint = "Compare `total` with what it sends."
            raise SchemaMismatch(f"{self._what} has no number in {self._total}", hint)
        self.totals.add(int(digits))

    def _broken(self) -> GatewayError:
        closed = self._tail.replace(b"\0", b"").rstrip().endswith(b"Envelope>")  # in UTF-16 as well
        if self._whole and not closed:
            return SourceChanged(f"a reply of {self._what} is cut off", "The run is repeated.")
        return self._wrong("is no XML, or goes beyond 256 levels or 10 MB in one text")

    def _wrong(self, words: str) -> SchemaMismatch:
        return SchemaMismatch(f"a reply of {self._what} {words}", "Ask the platform's owner what its interface sends.")


def _fed(parser: Any, chunk: bytes) -> etree.XMLSyntaxError | None:
    """Feed a parser, and return what is wrong with what it was fed."""
    try:
        parser.feed(chunk)
    except etree.XMLSyntaxError as error:
        return error
    return None


def _forgotten(element: Any) -> int:
    """Drop all that came before an element, up to the body; return how much is kept then."""
    node, parent = element, element.getparent()
    while parent is not None and node.tag not in _BODIES:
        del parent[: parent.index(node)]
        node, parent = parent, parent.getparent()
    return 0


def _codes(fault: Any) -> tuple[str, ...]:
    """Return the codes of a fault of either version without their prefixes; `Client.Authentication` is two."""
    texts = [e.text or "" for e in fault.iter("faultcode", "{*}faultcode", "{*}Value")]
    return tuple(part for text in texts for part in text.strip().rpartition(":")[2].split("."))
