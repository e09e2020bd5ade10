"""A folder of this machine, or one mounted on it."""

from __future__ import annotations

import errno
import fcntl
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

from backup.repositories.address import Address, malformed
from backup.repositories.files import unavailable
from gateway.errors import RepositoryRefused

_STEP = 1 << 24


def open_folder(address: Address) -> LocalMedium:
    """Return the folder of `file:///folder`."""
    if address.query or address.path == "/":
        raise malformed()
    return LocalMedium(address.path.rstrip("/"))


class LocalMedium:
    """A folder that exists: one that is made on the fly would be the empty mount point of a missing disk."""

    def __init__(self, root: str) -> None:
        """Keep where it is."""
        self.root = root
        self._fs = LocalFileSystem(skip_instance_cache=True)

    @property
    def fs(self) -> AbstractFileSystem:
        """Return the file system; the folder must be there."""
        if not Path(self.root).is_dir():
            raise RepositoryRefused("the folder of a repository is not there", "Mount its disk, or make the folder.")
        return self._fs

    def extend(self, path: str, source: BinaryIO, reached: Callable[[int], None]) -> None:
        """Copy inside the kernel, make it durable, and let go of the cached copy so that reading back asks the disk.

        Step by step: what is durable is read while the next step is written.
        """
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as out:
            end = out.seek(0, os.SEEK_END)
            if isinstance(source, io.BytesIO):
                out.write(source.read())
            else:
                place = source.tell()
                while sent := os.sendfile(descriptor, source.fileno(), place, _STEP):
                    place, end = place + sent, end + sent
                    os.fdatasync(descriptor)
                    os.posix_fadvise(descriptor, 0, end, os.POSIX_FADV_DONTNEED)
                    reached(end)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def read_back(self, path: str) -> Any:
        """Return a file to read as the disk has it, whatever the cache holds; that spares a copy of each byte, too."""
        return _Disk(path, opener=lambda name, _flags: os.open(name, os.O_RDONLY | os.O_NOFOLLOW))

    def read(self, path: str) -> Any:
        """Return a file to read; a symlink is not followed out of the folder."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)  # a cold file is read four times as fast
        return os.fdopen(descriptor, "rb", buffering=0)

    def publish(self, part: str, path: str, *, replace: bool) -> None:
        """Rename, or link where the name must be free; both are durable when the folder is."""
        if replace:
            Path(part).replace(path)
        else:
            Path(path).hardlink_to(part)
            Path(part).unlink()
        descriptor = os.open(Path(path).parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn what the system says into the gateway's errors."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP}:
                raise RepositoryRefused(
                    f"a repository does not let the gateway {doing}: {os.strerror(error.errno).lower()}",
                    "Give the gateway's account the right to write there, or make the retention of its disk known.",
                ) from None
            raise unavailable(doing, os.strerror(error.errno or errno.EIO).lower()) from None


class _Disk(io.FileIO):
    """Reads past the cache, where the file system lets it: whole blocks into a buffer that begins at a page."""

    def __init__(self, path: str, opener: Callable[[str, int], int]) -> None:
        """Open it; a file system that cannot do it says so here, or at the first step."""
        super().__init__(path, opener=opener)
        with suppress(OSError):
            self._past_the_cache(os.O_DIRECT)

    def readinto(self, buffer: Any) -> int:
        """Read a step; one that is no whole number of blocks, such as the last, goes through the cache."""
        try:
            return super().readinto(buffer) or 0
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        self._past_the_cache(0)
        return super().readinto(buffer) or 0

    def _past_the_cache(self, flag: int) -> None:
        flags = fcntl.fcntl(self.fileno(), fcntl.F_GETFL)
        fcntl.fcntl(self.fileno(), fcntl.F_SETFL, (flags & ~os.O_DIRECT) | flag)
