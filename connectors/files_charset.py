"""Text of a declared charset, decoded strictly to its end, and refused where another charset reads it better.

Wrong decoding is often silent: most short Chinese texts in UTF-8 can be read as GB18030. A single cell proves nothing; of a
whole file that both charsets can read, the right reading is the one with the more common characters.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from gateway.errors import SchemaMismatch

_UTF8_BOM = b"\xef\xbb\xbf"
_OTHER = {"utf-8": "gb18030", "gb18030": "utf-8"}
# GB 2312: signs, full-width letters, and the 3,755 characters of its first level, which make up nearly all of a text
_LEADS = (0xA1, 0xA3, *range(0xB0, 0xD8))
_COMMON = frozenset(
    bytes((lead, trail)).decode("gb2312", "ignore") for lead in _LEADS for trail in range(0xA1, 0xFF)
) - {""}  # fmt: skip


class _Reading:
    """One charset's reading of the bytes so far; `text` is None once it cannot be."""

    def __init__(self, charset: str) -> None:
        self._decoder = codecs.getincrementaldecoder(charset)("strict")
        self.alive, self._common, self._all = True, 0, 0

    def decode(self, chunk: bytes, *, final: bool, count: bool) -> str:
        text = self._decoder.decode(chunk, final)
        if count and not text.isascii():
            signs = [sign for sign in text if not sign.isascii()]
            self._all += len(signs)
            self._common += sum(map(_COMMON.__contains__, signs))
        return text

    @property
    def likelihood(self) -> float:
        return self._common / self._all if self._all else 0.0


def decoded(chunks: Iterable[bytes], charset: str, what: str) -> Iterator[str]:
    """Yield the text of a file without its byte order mark. SchemaMismatch at the end, or before, when it is none."""
    for number, (_, text) in enumerate(_read(chunks, charset, what)):
        yield text.removeprefix("\ufeff") if number == 0 else text


def utf8(chunks: Iterable[bytes], charset: str, what: str) -> Iterator[bytes]:
    """Yield what `decoded` does in UTF-8; what is in UTF-8 already is looked at and passes as it is."""
    if charset != "utf-8":
        yield from map(str.encode, decoded(chunks, charset, what))
        return
    for number, (chunk, _) in enumerate(_read(chunks, charset, what)):
        yield chunk.removeprefix(_UTF8_BOM) if number == 0 else chunk


def _read(chunks: Iterable[bytes], charset: str, what: str) -> Iterator[tuple[bytes, str]]:
    """Yield each chunk with the text that it completes."""
    declared, other = _Reading(charset), _Reading(_OTHER[charset])
    for number, (chunk, final) in enumerate(_with_end(chunks)):
        if number == 0 and charset == "gb18030" and chunk.startswith(_UTF8_BOM):
            raise _wrong(charset, what)
        if other.alive:
            try:
                other.decode(chunk, final=final, count=True)
            except UnicodeDecodeError:
                other.alive = False
        try:
            text = declared.decode(chunk, final=final, count=other.alive)
        except UnicodeDecodeError:
            raise SchemaMismatch(
                f"{what} is not {charset}: some of its bytes are no character",
                "Compare `charset` with what the platform writes; it may be cut in the middle of a character, too.",
            ) from None
        yield chunk, text
    if other.alive and other.likelihood > declared.likelihood:
        raise _wrong(charset, what)


def _with_end(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    for chunk in chunks:
        yield chunk, False
    yield b"", True


def _wrong(charset: str, what: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"{what} is declared as {charset} and reads better as {_OTHER[charset]}",
        "Compare `charset` with what the platform writes; nothing of it was taken.",
    )
