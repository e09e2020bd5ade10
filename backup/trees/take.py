"""Read a tree into packs and an index: each content once, nothing listed whole, what changes while it is read told."""

from __future__ import annotations

import hashlib
import math
import os
import sqlite3
import stat
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from backup.trees.contents import Contents
from backup.trees.entries import INDEX, Entry, entry
from backup.trees.walk import Found, walk
from gateway.errors import BackupFailed

_FULL = 64 << 20
_STEP = 1 << 20
_TRIES = 3
_SAME = ("st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")


class Taking:
    """One reading of a tree. What it counted is right once all of its files were taken."""

    def __init__(self, root: Path, spool: Path, exclude: Sequence[str] = (), *, deadline: float = math.inf) -> None:
        """Name the tree, an empty folder for what is made of it, and until when (monotonic) it may take."""
        self._root, self._spool, self._exclude, self._deadline = root, spool, exclude, deadline
        self.kinds: Counter[str] = Counter()
        self.bytes = self.stored_bytes = 0
        self.index = hashlib.sha256()

    @property
    def entries(self) -> int:
        """Return how many lines the index has."""
        return self.kinds.total()

    def parts(self) -> Iterator[Path]:
        """Yield each pack when it is full, and the index last; who takes them seals and removes them. BackupFailed tells why not."""
        try:
            with Contents(self._spool / "contents") as contents, (self._spool / INDEX).open("wb") as index:
                yield from self._packs(contents, index)
        except (OSError, sqlite3.Error) as error:
            number = error.errno if isinstance(error, OSError) else None
            reason = os.strerror(number).lower() if number else str(error)
            raise BackupFailed(
                f"unable to read a tree: {reason}", "Is it mounted, and room left in the spool?"
            ) from error
        yield self._spool / INDEX

    def _packs(self, contents: Contents, index: BinaryIO) -> Iterator[Path]:
        number, pack = 1, self._pack(1)
        try:
            for found in walk(self._root, self._exclude):
                if time.monotonic() > self._deadline:
                    raise BackupFailed(
                        "unable to read a tree: it took longer than it may", "Raise max_minutes of the plan."
                    )
                told = self._entry(found, pack, contents)
                self._note(told, index)
                if pack.tell() >= _FULL:
                    pack.close()
                    yield Path(pack.name)
                    number += 1
                    pack = self._pack(number)
        finally:
            pack.close()
        yield Path(pack.name)

    def _pack(self, number: int) -> BinaryIO:
        return (self._spool / f"pack_{number:06d}").open("w+b")

    def _note(self, told: Entry, index: BinaryIO) -> None:
        line = told.line()
        index.write(line)
        self.index.update(line)
        self.kinds[told.t] += 1
        self.bytes += told.size

    def _entry(self, found: Found, pack: BinaryIO, contents: Contents) -> Entry:
        """Return what there is at a place; a file's content is in a pack then."""
        if found.why:
            return Entry(found.path, "x", why=found.why)
        try:
            seen = os.lstat(found.name, dir_fd=found.folder)
            if stat.S_ISLNK(seen.st_mode):
                return entry(found.path, seen, to=os.readlink(found.name, dir_fd=found.folder))
            if not stat.S_ISREG(seen.st_mode):
                return entry(found.path, seen)
            file = os.open(found.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=found.folder)
        except OSError as error:
            return Entry(found.path, "x", why=os.strerror(error.errno or 0).lower())
        with os.fdopen(file, "rb", buffering=0) as opened:
            return self._content(found.path, opened, pack, contents)

    def _content(self, path: str, file: BinaryIO, pack: BinaryIO, contents: Contents) -> Entry:
        start = pack.tell()
        for _ in range(_TRIES):
            file.seek(0)
            before = os.fstat(file.fileno())
            try:
                digest, size = _copied(file, pack)
            except _Unreadable as error:
                _take_back(pack, start)
                return Entry(path, "x", why=str(error))
            after = os.fstat(file.fileno())
            if size == before.st_size and all(getattr(before, fact) == getattr(after, fact) for fact in _SAME):
                place = contents.place(digest)
                if place is None:
                    place = (pack.name.rpartition("/")[2], start)
                    contents.keep(digest, *place)
                    self.stored_bytes += size
                else:
                    _take_back(pack, start)
                return entry(path, before, size=size, sha256=digest.hex(), pack=place[0], offset=place[1])
            _take_back(pack, start)
        return Entry(path, "x", why="it changed each time while it was read")


class _Unreadable(Exception):
    """A file of the tree cannot be read; that is no fault of the spool's."""


def _copied(file: BinaryIO, pack: BinaryIO) -> tuple[bytes, int]:
    digest, size = hashlib.sha256(), 0
    while True:
        try:
            step = file.read(_STEP)
        except OSError as error:
            raise _Unreadable(os.strerror(error.errno or 0).lower()) from None
        if not step:
            return digest.digest(), size
        digest.update(step)
        pack.write(step)
        size += len(step)


def _take_back(pack: BinaryIO, start: int) -> None:
    pack.seek(start)
    pack.truncate()
