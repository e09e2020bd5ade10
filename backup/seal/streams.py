"""Compress and encrypt a stream, and back; memory stays flat, and nothing unverified leaves.

The compressed stream is a zstd frame and a frame that zstd skips: size and SHA-256 of what was sealed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, cast

import zstandard

from backup.ports import Sealed
from backup.seal.pipe import Pipe, beside
from gateway.errors import BackupFailed, SealKeyRefused, Tampered

_STEP = 1 << 20
_LEVEL = 1  # on dumps it is twice as fast as the next and no larger
_LARGEST_WINDOW = 1 << 27
_SIZE = 8
_SKIPPED = 0x184D2A5E.to_bytes(4, "little") + (_SIZE + hashlib.sha256().digest_size).to_bytes(4, "little")
_TRAILER = len(_SKIPPED) + _SIZE + hashlib.sha256().digest_size

Stage = Callable[[Any, Any], None]


class Seal:
    """Seals, or opens, streams: any number, also beside each other. It can do only what it was given the keys for."""

    def __init__(self, profile: str, encrypt: Stage | None = None, decrypt: Stage | None = None) -> None:
        """Keep how it encrypts or decrypts."""
        self._profile, self._encrypt, self._decrypt = profile, encrypt, decrypt

    def __repr__(self) -> str:
        """Name the profile, never a key."""
        return f"Seal({self._profile!r})"

    def seal(self, source: BinaryIO, target: BinaryIO) -> Sealed:
        """Write the sealed form of `source` to `target`; BackupFailed when reading or writing fails."""
        encrypt = self._encrypt
        if encrypt is None:
            raise SealKeyRefused("there is no recipient to seal to", "Seal with the recipients of a plan.")
        plain, sealed = _Counted(), _Counted(target)
        with _errors("seal"):
            beside(lambda pipe: _compress(source, pipe, plain), lambda pipe: encrypt(pipe, sealed))
        return Sealed(plain.bytes, plain.hash.hexdigest(), sealed.bytes, sealed.hash.hexdigest(), self._profile)

    def open(self, source: BinaryIO, target: BinaryIO) -> str:
        """Write the plain form to `target` and return its SHA-256; what goes wrong leaves nothing in it.

        What lies there meanwhile is not verified yet: `target` gets the name it is used under when this has returned.
        """
        decrypt = self._decrypt
        if decrypt is None:
            raise SealKeyRefused(
                "there is no identity to open with", "Open on a machine that has a recipient's identity."
            )
        start, plain = target.tell(), _Counted(target)
        with _errors("open"):
            try:
                beside(lambda pipe: decrypt(source, pipe), lambda pipe: _decompress(pipe, plain))
                target.flush()
            except BaseException:
                with suppress(OSError):  # a full disk refuses what is still buffered once more
                    target.seek(start)
                target.truncate(start)
                raise
        return plain.hash.hexdigest()


class _Counted:
    """Counts and hashes what passes, on its way to a stream if there is one."""

    def __init__(self, out: Any = None) -> None:
        self._out, self.bytes, self.hash = out, 0, hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write all of it."""
        self.hash.update(data)
        self.bytes += len(data)
        if self._out is not None:
            self._out.write(data)
        return len(data)

    def trailer(self) -> bytes:
        """Return the frame that tells what has passed."""
        return _SKIPPED + self.bytes.to_bytes(_SIZE) + self.hash.digest()


def _compress(source: BinaryIO, pipe: Pipe, plain: _Counted) -> None:
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj()
    while step := source.read(_STEP):
        plain.write(step)
        pipe.write(compressor.compress(step))
    pipe.write(compressor.flush() + plain.trailer())


def _decompress(pipe: Pipe, plain: _Counted) -> None:
    """Write what was compressed, some 100 KiB at a time whatever it was packed to, and hold it to its trailer."""
    held = b""
    # A writer, since a decompressor that returns what it makes would return gigabytes for a megabyte of zeros.
    writer = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW).stream_writer(
        cast("BinaryIO", plain), closefd=False
    )
    try:
        while step := pipe.read(_STEP):
            held += step
            writer.write(held[:-_TRAILER])
            held = held[-_TRAILER:]
    except zstandard.ZstdError:
        held = b""
    if held != plain.trailer():
        raise Tampered("what a sealed stream opens to is not what was sealed", "Fetch another copy.")


@contextmanager
def _errors(doing: str) -> Iterator[None]:
    """Turn a full disk and what else the system says into the gateway's error."""
    try:
        yield
    except OSError as error:
        raise BackupFailed(
            f"unable to {doing} a stream: {(error.strerror or 'it broke off').lower()}",
            "Is the spool full? Free some room, or name a larger one.",
        ) from error
