"""A file behind SFTP as it is read: some pieces are asked for ahead, and never more.

An answer that was asked for comes, wanted or not, before a server answers anything else. If the whole file were asked for at
once, a look at its beginning would fetch all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType

import paramiko

_PIECE = paramiko.SFTPFile.MAX_REQUEST_SIZE
_AHEAD = 64 * _PIECE


class Ahead:
    """Raises what paramiko does; a context manager."""

    def __init__(self, file: paramiko.SFTPFile, size: int) -> None:
        """Keep a file of so many bytes, of which nothing was read."""
        self._file, self._size = file, size
        self._asked, self._held = 0, b""
        self._coming: Iterator[bytes] = iter(())

    def __enter__(self) -> Ahead:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def read(self, size: int) -> bytes:
        """Return the next bytes, fewer only at the end."""
        while len(self._held) < size and (piece := next(self._coming, b"") or self._ask()):
            self._held += piece
        taken, self._held = self._held[:size], self._held[size:]
        return taken

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def _ask(self) -> bytes:
        """Ask for the next pieces and return the first; nothing at the end."""
        end = min(self._asked + _AHEAD, self._size)
        places = [(at, min(_PIECE, end - at)) for at in range(self._asked, end, _PIECE)]
        self._asked, self._coming = end, self._file.readv(places)
        return next(self._coming, b"")
