"""Between the files of a dump and the sealed parts of a backup: small files share a part, a big one has its own."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from backup.manifest import Part
from backup.patience import patiently
from backup.ports import Repository, Sealer
from gateway.errors import BackupFailed, NotFound, Tampered

_FULL = 64 << 20
_BLOCK = 1 << 20
_HINT = "Take another copy of this backup, or an older one: `gateway backup list`."


def bins(files: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield the files of each part, in order; a part is full at 64 MiB."""
    found: list[Path] = []
    weight = 0
    for path in files:
        size = path.stat().st_size
        if found and weight + size > _FULL:
            yield found
            found, weight = [], 0
        found.append(path)
        weight += size
    if found:
        yield found


def seal(name: str, files: Sequence[Path], sealer: Sealer, target: Path) -> Part:
    """Seal files into one part at `target` and remove them: the spool holds no row longer than it must."""
    sizes = [(path.name, path.stat().st_size) for path in files]
    joined = _Joined(files)
    try:
        with target.open("wb") as out:
            sealed = sealer.seal(cast("BinaryIO", io.BufferedReader(joined, _BLOCK)), out)
    except OSError as error:
        raise BackupFailed(
            f"unable to seal part {name}: {error.strerror}", "Free space in the working folder of the gateway."
        ) from error
    if sealed.plain_bytes != sum(size for _, size in sizes):
        raise BackupFailed(
            f"part {name}: {sealed.plain_bytes} bytes were sealed of {sum(s for _, s in sizes)}", "Run again."
        )
    for path in files:
        path.unlink()
    return Part.of(name, sizes, sealed)


def fetch(repository: Repository, backup: str, part: Part, folder: Path) -> Path:
    """Fetch a part and check it against the manifest; Tampered names what is missing or changed."""
    path = folder / part.name
    try:
        patiently(partial(repository.fetch, backup, part.name, path))
    except NotFound:
        raise Tampered(f"part {part.name} of {backup} is missing", _HINT) from None
    size = path.stat().st_size
    if size != part.bytes:
        raise Tampered(f"part {part.name} of {backup} has {size} bytes, the manifest says {part.bytes}", _HINT)
    if sha256(path) != part.sha256:
        raise Tampered(f"part {part.name} of {backup} was changed", _HINT)
    return path


def unpack(part: Part, sealed: Path, opener: Sealer, folder: Path) -> None:
    """Open a part, check what came out, and write its files into `folder`; the sealed form is removed."""
    plain = sealed.with_suffix(".plain")
    with sealed.open("rb") as source, plain.open("wb") as out:
        digest = opener.open(source, out)
    sealed.unlink()
    if plain.stat().st_size != part.plain_bytes or digest != part.plain_sha256:
        raise Tampered(f"part {part.name} opens to other content than was sealed", _HINT)
    if len(part.files) == 1:
        plain.rename(folder / part.files[0][0])
        return
    with plain.open("rb") as source:
        for name, size in part.files:
            _copy(source, folder / name, size)
    plain.unlink()


def _copy(source: BinaryIO, target: Path, size: int) -> None:
    with target.open("wb") as out:
        while size:
            block = source.read(min(size, _BLOCK))
            out.write(block)
            size -= len(block)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Joined(io.RawIOBase):
    """Files read one after the other as one; none is open before its turn."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = iter(files)
        self._file: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while True:
            if self._file is None:
                path = next(self._files, None)
                if path is None:
                    return 0
                self._file = path.open("rb")
            if read := self._file.readinto(buffer):  # type: ignore[attr-defined]
                return int(read)
            self._file.close()
            self._file = None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()
