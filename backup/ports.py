"""What a backup asks of the two that handle its bytes: a sealer makes them unreadable, a repository keeps them.

A backup is a set of sealed parts and a manifest that names each of them. The manifest is written last; without it the backup
is not there, whatever parts lie about.
`backup.seal.sealer(profile, recipients)` gives the sealer of a plan, `backup.seal.opener(profile, identity)` the one that
opens, `backup.repositories.open_repository(url)` a repository.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What became of a stream when it was sealed: both sizes and both SHA-256 digests in hex."""

    plain_bytes: int
    plain_sha256: str
    sealed_bytes: int
    sealed_sha256: str
    profile: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A part as it lies in a repository, read back: size, SHA-256 in hex, and its version where the store counts them."""

    name: str
    bytes: int
    sha256: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a repository says of a whole backup: until when nobody can delete it, and the version of each object there."""

    locked_until: datetime | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


class Sealer(Protocol):
    """Compresses and encrypts; memory does not grow with the stream."""

    def seal(self, source: BinaryIO, target: BinaryIO) -> Sealed:
        """Write the sealed form of `source` to `target`."""
        ...

    def open(self, source: BinaryIO, target: BinaryIO) -> str:
        """Write the plain form to `target` and return its SHA-256 in hex; nobody uses `target` before this has returned.

        Raises Tampered when a byte was changed, cut off or added, SealKeyRefused when the key does not open it; `target`
        then holds nothing.
        """
        ...


class Repository(Protocol):
    """A place away from the source. Raises RepositoryUnavailable (may pass) and RepositoryRefused (somebody must act)."""

    def put_part(self, backup: str, name: str, source: Path, sha256: str | None = None) -> Stored:
        """Store a part and read it back. Doing it twice does no harm; what an earlier try left is gone on with.

        Whoever knows the SHA-256 of the source already spares one reading of it.
        """
        ...

    def put_manifest(self, backup: str, manifest: bytes) -> None:
        """Make the backup exist; RepositoryRefused when it has another manifest already."""
        ...

    def manifests(self) -> Iterator[str]:
        """Yield the names of the backups that have a manifest."""
        ...

    def manifest(self, backup: str) -> bytes:
        """Return a backup's manifest; NotFound when there is none."""
        ...

    def kept(self, backup: str) -> Kept:
        """Return the lock and the versions of a backup, where the place has such."""
        ...

    def fetch(self, backup: str, name: str, target: Path) -> None:
        """Write a part to a file; NotFound when it is missing."""
        ...

    def delete(self, backup: str) -> None:
        """Remove a backup, its manifest first; RepositoryRefused when the store holds it locked."""
        ...
