"""A repository of files in folders: `<root>/<backup>/<part>`, and `manifest.json` last.

A part is written under a temporary name, read back, and only then given its own. What a cut left of it is gone on with.
"""

from __future__ import annotations

import hashlib
import io
import mmap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from backup.ports import MANIFEST, Kept, Stored
from backup.repositories import fetching
from backup.repositories.medium import Medium
from backup.repositories.names import checked, missing, other_manifest, other_part, unlike
from gateway.errors import RepositoryUnavailable

_STEP = 4 << 20  # a disk gives big steps three times as fast as small ones
_PART = ".part"
_BROKEN = -1  # how far a part is that is written no further


class FilesRepository:
    """Raises RepositoryUnavailable (retryable); RepositoryRefused, NotFound (permanent)."""

    def __init__(self, medium: Medium) -> None:
        """Keep what the files lie on."""
        self._medium = medium

    def __repr__(self) -> str:
        """Tell the kind, never the address."""
        return f"FilesRepository({type(self._medium).__name__})"

    def put_part(self, backup: str, name: str, source: Path, sha256: str | None = None) -> Stored:
        """Store a part and read it back; what is there already is read back only, what was cut off is gone on with."""
        final, part = self._path(backup, name), self._path(backup, f".{checked(name)}{_PART}", hidden=True)
        with self._medium.errors(f"store part {name} of {backup}"):
            if self._size(final) == source.stat().st_size:
                wanted = sha256 or _sha256(source)
                if self._read_back(final) == wanted:
                    return Stored(name, source.stat().st_size, wanted)
            if self._size(self._path(backup, MANIFEST)) is not None:
                raise other_part(backup, name)
            self._medium.fs.makedirs(self._path(backup), exist_ok=True)
            resumed = bool(self._size(part))
            digest, there = self._written(part, source, sha256)
            if there != digest:
                self._medium.fs.rm_file(part)
                if not resumed:
                    raise unlike(backup, name)
                return self.put_part(backup, name, source, sha256)  # what was left there was of something else
            self._medium.publish(part, final, replace=True)
            return Stored(name, source.stat().st_size, digest)

    def put_manifest(self, backup: str, manifest: bytes) -> None:
        """Make the backup exist; RepositoryRefused when it has another manifest already."""
        final, part = self._path(backup, MANIFEST), self._path(backup, f".{MANIFEST}{_PART}", hidden=True)
        with self._medium.errors(f"store the manifest of {backup}"):
            if self._size(final) is None:
                self._medium.fs.makedirs(self._path(backup), exist_ok=True)
                if self._size(part) is not None:
                    self._medium.fs.rm_file(part)
                self._medium.extend(part, io.BytesIO(manifest), _unheard)
                if self._read_back(part) != hashlib.sha256(manifest).hexdigest():
                    raise unlike(backup, MANIFEST)
                with suppress(FileExistsError):  # another run was quicker: whose it is, is seen below
                    self._medium.publish(part, final, replace=False)
            if self._read_back(final) != hashlib.sha256(manifest).hexdigest():
                raise other_manifest(backup)

    def manifests(self) -> Iterator[str]:
        """Yield the names of the backups that have a manifest, in their order."""
        with self._medium.errors("list its backups"):
            try:
                entries = self._medium.fs.ls(self._medium.root, detail=True)
            except FileNotFoundError:
                entries = []
            names = sorted(entry["name"].rsplit("/", 1)[-1] for entry in entries if entry["type"] == "directory")
        for name in names:
            with self._medium.errors("list its backups"):
                found = self._size(f"{self._medium.root}/{name}/{MANIFEST}")
            if found is not None:
                yield name

    def manifest(self, backup: str) -> bytes:
        """Return a backup's manifest; NotFound when there is none."""
        with self._medium.errors(f"read the manifest of {backup}"):
            try:
                with self._medium.read(self._path(backup, MANIFEST)) as file:
                    return bytes(file.read())
            except FileNotFoundError:
                raise missing(backup, MANIFEST) from None

    def kept(self, backup: str) -> Kept:  # noqa: ARG002 - a folder locks nothing and counts no versions
        """Return that nothing is locked."""
        return Kept()

    def fetch(self, backup: str, name: str, target: Path) -> None:
        """Write a part to a file; NotFound when it is missing. What fails leaves no file."""
        try:
            with (
                self._medium.errors(f"fetch part {name} of {backup}"),
                self._medium.read(self._path(backup, name)) as file,
            ):
                fetching.fetch(file, target, _STEP)
        except FileNotFoundError:
            raise missing(backup, name) from None
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def delete(self, backup: str) -> None:
        """Remove a backup, its manifest first, so that what a refusal leaves is no backup; one that is gone is no error."""
        folder = self._path(backup)
        with self._medium.errors(f"delete {backup}"):
            with suppress(FileNotFoundError):
                self._medium.fs.rm_file(f"{folder}/{MANIFEST}")
            try:
                entries = self._medium.fs.ls(folder, detail=True)
            except FileNotFoundError:
                return
            for entry in entries:
                self._medium.fs.rm_file(entry["name"])
            self._medium.fs.rmdir(folder)

    def _written(self, part: str, source: Path, sha256: str | None) -> tuple[str, str]:
        """Write what a part lacks of its source; return the SHA-256 of the source and that of the part as it lies there.

        The one is taken meanwhile if nobody knows it, the other follows the writing.
        """
        start, size = self._size(part) or 0, source.stat().st_size
        if start > size:
            self._medium.fs.rm_file(part)
            start = 0
        reached = SimpleQueue[int]()
        with ThreadPoolExecutor(2) as beside, source.open("rb") as file:
            digest = beside.submit(lambda: sha256 or _sha256(source))
            there = beside.submit(self._followed, part, size, reached)
            try:
                file.seek(start)
                self._medium.extend(part, file, reached.put)
                reached.put(size)
            except BaseException:
                reached.put(_BROKEN)
                raise
            return digest.result(), there.result()

    def _followed(self, path: str, size: int, reached: SimpleQueue[int]) -> str:
        """Read a part as far as it has been written, and to its end when it is."""
        digest, step, place = hashlib.sha256(), _step(), 0
        if (upto := reached.get()) == _BROKEN:
            return ""
        with self._medium.read_back(path) as file:
            while True:
                left = _STEP if upto >= size else min(upto - place, _STEP)
                if count := file.readinto(step[:left]) if left else 0:
                    digest.update(step[:count])
                    place += count
                elif upto >= size:
                    return digest.hexdigest()
                elif (upto := reached.get()) == _BROKEN:
                    return ""

    def _read_back(self, path: str) -> str:
        digest, step = hashlib.sha256(), _step()
        with self._medium.read_back(path) as file:
            while count := file.readinto(step):
                digest.update(step[:count])
        return digest.hexdigest()

    def _size(self, path: str) -> int | None:
        try:
            return int(self._medium.fs.info(path)["size"])
        except FileNotFoundError:
            return None

    def _path(self, backup: str, name: str = "", *, hidden: bool = False) -> str:
        folder = f"{self._medium.root}/{checked(backup)}"
        return f"{folder}/{name if hidden else checked(name)}" if name else folder


def _step() -> memoryview:
    """Return room for a step that begins at a page: a disk writes into no other."""
    return memoryview(mmap.mmap(-1, _STEP))


def _unheard(_place: int) -> None:
    """Wait until all is written."""


def _sha256(source: Path) -> str:
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unavailable(doing: str, why: str) -> RepositoryUnavailable:
    """Return the error of a repository that may take it later."""
    return RepositoryUnavailable(
        f"a repository is unable to {doing}: {why}",
        "Is it up, the network whole, room left? What was stored so far is gone on with.",
    )
