"""Which contents are in a pack already: an index on the disk, since a million hashes are no small matter for memory."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import TracebackType

_CACHE_KIB = 8192


class Contents:
    """Places of contents by hash; a file that is thrown away when it is closed."""

    def __init__(self, path: Path) -> None:
        """Begin empty."""
        self._path = path
        self._base = sqlite3.connect(path, isolation_level=None)
        self._base.execute("pragma journal_mode = off")
        self._base.execute("pragma synchronous = off")
        self._base.execute(f"pragma cache_size = -{_CACHE_KIB}")
        self._base.execute("create table place (sha256 blob primary key, pack text, start integer) without rowid")
        self._base.execute("begin")

    def __enter__(self) -> Contents:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Throw it away."""
        self._base.close()
        self._path.unlink(missing_ok=True)

    def place(self, digest: bytes) -> tuple[str, int] | None:
        """Return pack and offset of a content, or None."""
        found = self._base.execute("select pack, start from place where sha256 = ?", (digest,)).fetchone()
        return (str(found[0]), int(found[1])) if found else None

    def keep(self, digest: bytes, pack: str, start: int) -> None:
        """Remember where a content is."""
        self._base.execute("insert into place values (?, ?, ?)", (digest, pack, start))
