"""The profiles `aes-256-gcm` and `sm4-gcm`: a stream of chunks, each bound to its place, its end and the header.

| bytes | |
|---|---|
| 8 | `GWSEAL1` and a line feed |
| 1 | cipher: 1 AES-256-GCM, 2 SM4-GCM |
| 7 | random, the head of every nonce |
| 2 | length of the next, big endian |
| … | the data key, made for this stream alone, as an age file for the recipients |
| … | chunks of 1 MiB, each with a tag of 16 bytes; the last is shorter, or empty when nothing was sealed |

A nonce is the random head, the chunk's number (4 bytes) and 1 for the last chunk, else 0 (the STREAM construction);
the header is authenticated with every chunk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backup.seal import age
from gateway.errors import BackupFailed, Tampered

CHUNK = 1 << 20
TAG = 16
_MAGIC = b"GWSEAL1\n"
_PREFIX = 7
_FIXED = len(_MAGIC) + 1 + _PREFIX + 2
_LARGEST_KEY = 8_192  # a header of more recipients than a city has
_MOST_CHUNKS = 1 << 32
_HINT = "Fetch another copy."


class _Aead(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Return the ciphertext with its tag."""
        ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Return the plain text; InvalidTag when it is not what was encrypted."""
        ...


class _Sm4Gcm:
    """SM4 in Galois counter mode, which `cryptography` has no one-step form of."""

    def __init__(self, key: bytes) -> None:
        self._cipher = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Return the ciphertext with its tag."""
        encryptor = Cipher(self._cipher, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data)
        return encryptor.update(data) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Return the plain text; InvalidTag when it is not what was encrypted."""
        decryptor = Cipher(self._cipher, modes.GCM(nonce, data[-TAG:])).decryptor()
        decryptor.authenticate_additional_data(associated_data)
        return decryptor.update(data[:-TAG]) + decryptor.finalize()


_CIPHERS: dict[str, tuple[int, int, Callable[[bytes], _Aead]]] = {
    "aes-256-gcm": (1, 32, AESGCM),
    "sm4-gcm": (2, 16, _Sm4Gcm),
}
PROFILES = frozenset(_CIPHERS)


def encrypt(reader: Any, writer: Any, recipients: Sequence[str], profile: str) -> None:
    """Encrypt a stream under a data key of its own, which the recipients can open."""
    number, size, make = _CIPHERS[profile]
    key, prefix = os.urandom(size), os.urandom(_PREFIX)
    wrapped = age.wrap(key, recipients)
    header = _MAGIC + bytes([number]) + prefix + len(wrapped).to_bytes(2) + wrapped
    writer.write(header)
    cipher = make(key)
    for place, (chunk, last) in enumerate(_chunks(reader, CHUNK)):
        if place >= _MOST_CHUNKS:
            raise BackupFailed("a stream is too long to be sealed in one part", "Split it into parts.")
        writer.write(cipher.encrypt(_nonce(prefix, place, last=last), chunk, header))


def decrypt(reader: Any, writer: Any, identities: Sequence[Any], profile: str) -> None:
    """Decrypt a stream: each chunk is verified and then written, and the end is known to be the end."""
    number, size, make = _CIPHERS[profile]
    header, prefix, wrapped = _header(reader, number, profile)
    key = age.unwrap(wrapped, identities)
    if len(key) != size:
        raise Tampered("the header of a sealed stream holds a key of another cipher", _HINT)
    cipher = make(key)
    for place, (chunk, last) in enumerate(_chunks(reader, CHUNK + TAG)):
        writer.write(_opened(cipher, prefix, place, chunk, header, last=last))


def _header(reader: Any, number: int, profile: str) -> tuple[bytes, bytes, bytes]:
    fixed = _exactly(reader, _FIXED)
    if len(fixed) < _FIXED or not fixed.startswith(_MAGIC) or fixed[len(_MAGIC)] != number:
        raise Tampered(f"this is no stream sealed by {profile}", "Open it with the profile that the manifest names.")
    length = int.from_bytes(fixed[-2:])
    wrapped = _exactly(reader, min(length, _LARGEST_KEY))
    if len(wrapped) != length:
        raise Tampered("the header of a sealed stream is cut off or changed", _HINT)
    start = len(_MAGIC) + 1
    return fixed + wrapped, fixed[start : start + _PREFIX], wrapped


def _opened(cipher: _Aead, prefix: bytes, place: int, chunk: bytes, header: bytes, *, last: bool) -> bytes:
    if (found := _tried(cipher, _nonce(prefix, place, last=last), chunk, header)) is not None:
        return found
    if _tried(cipher, _nonce(prefix, place, last=not last), chunk, header) is None:
        raise Tampered(f"chunk {place + 1} of a sealed stream was changed, cut off or moved", _HINT)
    if last:
        raise Tampered(f"a sealed stream is cut off after chunk {place + 1}", _HINT)
    raise Tampered(f"a sealed stream goes on after chunk {place + 1}, its end", _HINT)


def _tried(cipher: _Aead, nonce: bytes, chunk: bytes, header: bytes) -> bytes | None:
    try:
        return cipher.decrypt(nonce, chunk, header) if len(chunk) >= TAG else None
    except InvalidTag:
        return None


def _nonce(prefix: bytes, place: int, *, last: bool) -> bytes:
    return prefix + place.to_bytes(4) + bytes([last])


def _chunks(reader: Any, size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield chunks of a size and whether each is the last; nothing is one empty chunk."""
    chunk = _exactly(reader, size)
    while following := _exactly(reader, size) if len(chunk) == size else b"":
        yield chunk, False
        chunk = following
    yield chunk, True


def _exactly(reader: Any, size: int) -> bytes:
    """Return as many bytes, or what there is before the end: a pipe gives less at a time."""
    found = bytearray()
    while len(found) < size and (more := reader.read(size - len(found))):
        found += more
    return bytes(found)
