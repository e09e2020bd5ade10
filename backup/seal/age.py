"""The profile `age`: files that the age program opens too, so that a restore needs no gateway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyrage

from gateway.errors import SealKeyRefused, Tampered


def encrypt(reader: Any, writer: Any, recipients: Sequence[str]) -> None:
    """Encrypt a stream to X25519 recipients."""
    ends = _Ends(reader, writer)
    try:
        pyrage.encrypt_io(ends, ends, _public(recipients))
    except pyrage.EncryptError as error:
        raise (ends.failed or error) from None


def decrypt(reader: Any, writer: Any, identities: Sequence[Any]) -> None:
    """Decrypt a stream: 64 KiB at a time are verified and then written; the end itself is verified last."""
    ends = _Ends(reader, writer)
    try:
        pyrage.decrypt_io(ends, ends, identities)
    except (pyrage.DecryptError, OSError) as error:  # the library's own OSError is a header or an end that is missing
        raise (ends.failed or _refusal(error)) from None


def wrap(key: bytes, recipients: Sequence[str]) -> bytes:
    """Return a data key as only the recipients can read it."""
    wrapped: bytes = pyrage.encrypt(key, _public(recipients))
    return wrapped


def unwrap(wrapped: bytes, identities: Sequence[Any]) -> bytes:
    """Return a data key; SealKeyRefused when no identity is of one of its recipients, Tampered when it was changed."""
    try:
        key: bytes = pyrage.decrypt(wrapped, identities)
    except pyrage.DecryptError as error:
        raise _refusal(error) from None
    return key


class _Ends:
    """Both ends of a stream; keeps the error of either, of which the library passes on the words alone."""

    def __init__(self, reader: Any, writer: Any) -> None:
        self._reader, self._writer = reader, writer
        self.failed: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        """Read from the one end."""
        with self._kept():
            found: bytes = self._reader.read(size)
        return found

    def write(self, data: bytes) -> int:
        """Write to the other end."""
        with self._kept():
            self._writer.write(data)
        return len(data)

    def flush(self) -> None:
        """Leave that to who made the ends."""

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.failed = error
            raise


def _public(recipients: Sequence[str]) -> list[Any]:
    return [pyrage.x25519.Recipient.from_str(key) for key in recipients]


def _refusal(error: Exception) -> SealKeyRefused | Tampered:
    if "no matching keys" in str(error).lower():
        return SealKeyRefused(
            "the identity opens none of the sealed stream's keys",
            "Use the identity of one of the recipients that the manifest names.",
        )
    return Tampered("a sealed stream is not what was sealed: changed, cut off or added to", "Fetch another copy.")
