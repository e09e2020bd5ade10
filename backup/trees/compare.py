"""Compare a folder with the index of a tree: every entry, every byte, and nothing beside them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from backup.trees.entries import Entry, entry, read
from backup.trees.walk import walk

_TOLD = 20
_STEP = 1 << 16


def compare(index: Path, root: Path) -> list[str]:
    """Return what of a folder is not as the index says, in words, twenty at most; none when all of it agrees."""
    faults, known = [], 0
    for told in read(index):
        if told.t in {"x", "o"}:
            continue
        known += 1
        if fault := _fault(told, root):
            faults.append(f"{told.path}: {fault}")
            if len(faults) == _TOLD:
                return faults
    if (there := sum(1 for _ in walk(root))) != known:
        faults.append(f"the folder has {there} entries, the index {known}")
    return faults


def control(index: Path, root: Path) -> str | None:
    """Change one byte of the first file that has any: return why comparing it proves nothing, or None.

    The folder is not what it was afterwards.
    """
    told = next((entry for entry in read(index) if entry.t == "f" and entry.size), None)
    if told is None:
        return "no file has a byte: there is nothing to change"
    path = root / told.path
    path.chmod(0o600)
    with path.open("r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 1]))
    path.chmod(told.mode)
    os.utime(path, ns=(told.mtime, told.mtime))
    return None if _fault(told, root) else "a changed byte of a file went unnoticed"


def _fault(told: Entry, root: Path) -> str | None:
    path = root / told.path
    try:
        seen = entry(told.path, path.lstat())
    except OSError:
        return "is missing"
    if seen.t != told.t:
        return "is of another kind"
    if told.t == "l":
        return None if str(path.readlink()) == told.to else "leads elsewhere"
    if (seen.mode, seen.mtime) != (told.mode, told.mtime):
        return "has another mode or time"
    try:
        return None if told.t == "d" or _sha256(path) == told.sha256 else "has other content"
    except OSError as error:
        return f"cannot be read: {os.strerror(error.errno or 0).lower()}"


def _sha256(path: Path) -> str:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0) as file:
        digest = hashlib.sha256()
        while step := file.read(_STEP):  # `file_digest` clears a large buffer for each file, however small that is
            digest.update(step)
        return digest.hexdigest()
