"""One answer of GetFeature as it arrives: its features one after the other, in flat memory, and nothing that XML can hide.

A DOCTYPE is refused before anything is made of it. A feature is given before the rest has come: what is made of it counts
only when the answer ends well.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from lxml import etree

from connectors.ogc_gml import NAMESPACE
from gateway.errors import GatewayError, SchemaMismatch, SourceChanged

_WFS, _OWS = "http://www.opengis.net/wfs/2.0", "http://www.opengis.net/ows/1.1"
_ROOT, _MEMBER, _BROKEN = (f"{{{_WFS}}}{name}" for name in ("FeatureCollection", "member", "truncatedResponse"))
_REPORT, _EXCEPTION = f"{{{_OWS}}}ExceptionReport", f"{{{_OWS}}}Exception"
_ID = f"{{{NAMESPACE}}}id"
_KEPT = 100  # members that wait to be dropped together
_TAIL = 100
_STRETCH = 16 * 1_048_576  # bytes between two members: what holds none would grow in memory


class Refusal(Exception):
    """Raised when an answer is an exception report; what it says beside its code is not kept."""

    def __init__(self, code: str) -> None:
        """Keep the code."""
        super().__init__("exception report")
        self.code = code


class Features:
    """Reads one answer. When its features have come, `came`, `matched` and `digest` tell what it held.

    `matched` is the declared number of features of the whole read, None where the server does not know it. `kept` is set
    by who hands features on, since such an answer cannot be asked for again.
    """

    def __init__(self, chunks: Iterator[bytes], what: str) -> None:
        """Keep where it comes from."""
        self._chunks, self._what = chunks, what
        self._ids, self._returned, self._rooted = sha256(), "", False
        self._ended, self._tail, self._stretch, self._depth = False, b"", 0, 0
        self.came, self.kept = 0, False
        self.matched: int | None = None

    @property
    def digest(self) -> bytes:
        """Return the digest of the identifiers that came: the rest of an answer tells its time."""
        return self._ids.digest()

    def read(self, _: int = -1) -> bytes:
        """Give the parser the next piece."""
        chunk = next(self._chunks, b"")
        self._ended = not chunk
        self._tail = (self._tail + chunk)[-_TAIL:]
        self._stretch += len(chunk)
        if self._stretch > _STRETCH:
            raise self._wrong(f"has no feature within {_STRETCH // 1_048_576} MB")
        return chunk

    def members(self) -> Iterator[Any]:
        """Yield each feature's element, which lives until the next; Refusal, SchemaMismatch or SourceChanged."""
        try:
            yield from self._walked()
        except etree.XMLSyntaxError:  # its words would tell what was sent
            raise self._broken() from None
        if not self._rooted:
            raise self._wrong("is no FeatureCollection of WFS 2.0")
        if self._returned.isdecimal() and int(self._returned) != self.came:
            raise SourceChanged(f"an answer of {self._what} has not the features it declares", "The run is repeated.")

    def _walked(self) -> Iterator[Any]:
        events = etree.iterparse(
            self, events=("start", "end"), tag=(_ROOT, _MEMBER, _BROKEN, _REPORT),
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True,
            remove_pis=True,
        )  # fmt: skip
        for event, element in events:
            if element.getparent() is None:
                self._framed(event, element)
            elif element.tag == _MEMBER and self._rooted:
                self._depth += 1 if event == "start" else -1
                if event == "end" and self._depth == 0:  # one within another is a part of it
                    yield self._feature(element)
                    if self.came % _KEPT == 0:
                        _forget(element)
            elif element.tag == _BROKEN:
                raise SourceChanged(f"{self._what} broke off in the middle of an answer", "The run is repeated.")

    def _framed(self, event: str, root: Any) -> None:
        """Take what the root declares; an exception report is known when it has come."""
        if root.getroottree().docinfo.doctype:
            raise self._wrong("has a DOCTYPE")
        if root.tag == _ROOT:
            self._rooted = True
            matched = root.get("numberMatched", "")
            self.matched = int(matched) if matched.isascii() and matched.isdecimal() else None
            self._returned = root.get("numberReturned", "")
        elif root.tag == _REPORT and event == "end":
            raise Refusal(next((one.get("exceptionCode", "") for one in root.iter(_EXCEPTION)), ""))

    def _feature(self, member: Any) -> Any:
        feature = member[0] if len(member) else member
        self.came, self._stretch = self.came + 1, 0
        self._ids.update(f"{feature.get(_ID)}\n".encode())
        return feature

    def _broken(self) -> GatewayError:
        closed = self._tail.replace(b"\0", b"").rstrip().endswith((b"FeatureCollection>", b"Report>"))
        if self._ended and not closed:
            return SourceChanged(f"an answer of {self._what} is cut off", "The run is repeated.")
        return self._wrong("is no XML, or goes beyond 256 levels or 10 MB in one text")

    def _wrong(self, words: str) -> SchemaMismatch:
        return SchemaMismatch(f"an answer of {self._what} {words}", "Ask the platform's owner what its service sends.")


def _forget(member: Any) -> None:
    """Drop all that came before a member."""
    parent = member.getparent()
    while member.getprevious() is not None:
        del parent[0]
