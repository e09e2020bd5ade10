"""Where files are: a folder of this machine, or one behind SFTP. No name leads out of it, no symlink is followed."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from gateway.errors import AccessDenied, PlatformUnavailable, SchemaMismatch, SettingMissing, SourceChanged
from gateway.model import Platform

T = TypeVar("T")
PART = ".part"  # what is being written ends so: no reader takes it


class Store(Protocol):
    """Files in folders. Raises PlatformUnavailable (retryable), AccessDenied, SchemaMismatch, SourceChanged (retryable)."""

    def names(self, folder: str) -> Mapping[str, int]:
        """Return the regular files of a folder, with their sizes."""

    def open(self, folder: str, name: str) -> BinaryIO:
        """Return a file to read."""

    def write(self, folder: str, name: str, fill: Callable[[BinaryIO], T]) -> T:
        """Write a file under a temporary name and rename it; when `fill` fails nothing is left."""

    def errors(self, doing: str) -> AbstractContextManager[None]:
        """Turn what reading a file raises into the gateway's errors."""

    def close(self) -> None:
        """Release what is held; may be called twice."""


def temporary(name: str) -> str:
    """Return a name that no reader takes and nobody else writes."""
    return f".{name}.{secrets.token_hex(4)}{PART}"


def local(platform: Platform, dsn: str) -> LocalStore:
    """Return the folder that `file:///folder` names; SettingMissing for anything else."""
    parts = urlsplit(dsn)
    path = unquote(parts.path)
    if parts.scheme != "file" or parts.netloc or parts.query or parts.fragment or not path.startswith("/"):
        raise malformed(platform)
    return LocalStore(platform.platform, Path(path))


def malformed(platform: Platform) -> SettingMissing:
    """Return the error of a connection that cannot be used; it repeats nothing of it."""
    return SettingMissing(
        f"the connection of platform {platform.platform} is malformed",
        "Write file:///folder or sftp://user:password@host:port/folder, special characters percent-encoded; "
        "?key=/file names a private key instead of the password.",
    )


class LocalStore:
    """A folder of this machine."""

    def __init__(self, platform: str, root: Path) -> None:
        """Keep where it is."""
        self._platform, self._root = platform, root

    def names(self, folder: str) -> Mapping[str, int]:
        """Return the regular files of a folder, with their sizes."""
        with self.errors("list its files"), os.scandir(self._folder(folder)) as entries:
            found = {}
            for entry in entries:
                if entry.is_file(follow_symlinks=False) and not entry.name.endswith(PART):
                    found[entry.name] = entry.stat(follow_symlinks=False).st_size
            return found

    def open(self, folder: str, name: str) -> BinaryIO:
        """Return a regular file to read."""
        with self.errors(f"open {name}"):
            try:
                descriptor = os.open(self._folder(folder) / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except FileNotFoundError:
                raise vanished(self._platform, name) from None
            opened = os.fdopen(descriptor, "rb", buffering=0)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                opened.close()
                raise AccessDenied(f"{name} of platform {self._platform} is no file", "Put a file there.")
            return opened

    def write(self, folder: str, name: str, fill: Callable[[BinaryIO], T]) -> T:
        """Write a file under a temporary name, make it durable, and rename it."""
        with self.errors(f"write {name}"):
            place = self._folder(folder)
            part = place / temporary(name)
            out = part.open("xb")
        try:
            with out:
                done = fill(out)
                with self.errors(f"write {name}"):
                    out.flush()
                    os.fsync(out.fileno())
            with self.errors(f"rename {name}"):
                part.rename(place / name)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return done

    def close(self) -> None:
        """Hold nothing."""

    def _folder(self, folder: str) -> Path:
        found = self._root / folder
        if not found.resolve().is_relative_to(self._root.resolve()):
            raise leaves(self._platform, folder)
        return found

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn what the system says into the gateway's errors."""
        try:
            yield
        except PermissionError:
            raise AccessDenied(
                f"platform {self._platform} does not let the gateway {doing}",
                "Give the gateway's account the right to read and write the folder.",
            ) from None
        except OSError as error:
            raise PlatformUnavailable(
                f"unable to {doing} of platform {self._platform}: {os.strerror(error.errno or 0).lower()}",
                "Is the folder there, and what it lies on mounted?",
            ) from None


def vanished(platform: str, name: str) -> SourceChanged:
    """Return the error of a file that was there a moment ago."""
    return SourceChanged(f"file {name} of platform {platform} vanished", "The run is repeated.")


def leaves(platform: str, folder: str) -> SchemaMismatch:
    """Return the error of a folder that leads elsewhere."""
    return SchemaMismatch(f"folder {folder} of platform {platform} leads out of it", "Take away the symlink.")
