"""From the parts of a stored tree to a folder: each pack is fetched, checked and opened when its turn comes."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from backup import parts, restoring
from backup.manifest import Manifest
from backup.ports import Repository, Sealer
from backup.trees.entries import INDEX, read
from backup.trees.source import ENTRIES
from gateway.errors import Tampered

_HINT = "Take another copy of this backup, or an older one: `gateway backup list`."


class Opened:
    """A stored tree. Called with the name of a pack it brings that as a file of the spool."""

    def __init__(self, repository: Repository, opener: Sealer, made: Manifest, spool: Path) -> None:
        """Keep where it lies and what opens it."""
        self._repository, self._opener, self._made, self._spool = repository, opener, made, spool
        self._parts = {name: part for part in made.parts for name, _ in part.files}

    def __call__(self, name: str) -> Path:
        """Bring a pack; Tampered when the backup has none of that name or it is not as it was stored."""
        part = self._parts.get(name)
        if part is None:
            raise Tampered(f"{self._made.backup} has no {name}", _HINT)
        sealed = parts.fetch(self._repository, self._made.backup, part, self._spool)
        parts.unpack(part, sealed, self._opener, self._spool)
        return self._spool / name

    def index(self) -> Path:
        """Bring the index; Tampered when it is not the one that the manifest was made with."""
        path = self(INDEX)
        _, told = self._made.survey.tables[ENTRIES]
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != told.sums[0]:
                raise Tampered(f"the index of {self._made.backup} is another than the manifest says", _HINT)
        return path


def need(made: Manifest) -> int:
    """Return the bytes that restoring takes: the files, the index, one part sealed and opened, and a list of places."""
    index = sum(part.plain_bytes for part in made.parts if part.files[0][0] == INDEX)
    biggest = max((part.bytes + 2 * part.plain_bytes for part in made.parts), default=0)
    return int(made.source["bytes"]) + 3 * index + biggest


def refuse_full(made: Manifest, folder: Path) -> None:
    """Refuse to begin what would fill a disk."""
    restoring.refuse_space(need(made), folder, f"restoring {made.backup}")


def unread(index: Path, most: int) -> list[str]:
    """Return in words what of the tree was not read whole, some of it."""
    found = []
    for entry in read(index):
        if entry.t == "x":
            found.append(f"{entry.path} is not in the backup: {entry.why}")
            if len(found) == most:
                break
    return found


def discard(folder: Path) -> None:
    """Remove a folder, whatever rights its folders have."""
    for root, names, _ in os.walk(folder):
        for path in (Path(root, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(folder)
