"""Walk a tree entry by entry, in the system's own order: no folder is listed whole, no symlink is followed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that was found; `name` in the open folder `folder` leads to it, whatever became of its path.

    `why` tells of a folder that could not be entered.
    """

    path: str
    name: str
    folder: int
    why: str = ""


def walk(root: Path, exclude: Sequence[str] = ()) -> Iterator[Found]:
    """Yield every entry below a root but those excluded, by name or by path; each folder before what is in it.

    A folder that cannot be entered is yielded once more, with the reason: what it holds is not there.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield from _folder(descriptor, "", exclude)
    finally:
        os.close(descriptor)


def _folder(descriptor: int, prefix: str, exclude: Sequence[str]) -> Iterator[Found]:
    with os.scandir(descriptor) as entries:
        for found in entries:
            path = f"{prefix}{found.name}"
            if any(fnmatch(found.name, pattern) or fnmatch(path, pattern) for pattern in exclude):
                continue
            yield Found(path, found.name, descriptor)
            if found.is_dir(follow_symlinks=False):
                yield from _below(descriptor, found.name, f"{path}/", exclude)


def _below(parent: int, name: str, prefix: str, exclude: Sequence[str]) -> Iterator[Found]:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    except OSError as error:  # gone, replaced or closed to us
        yield Found(prefix.rstrip("/"), name, parent, os.strerror(error.errno or 0).lower())
        return
    try:
        yield from _folder(descriptor, prefix, exclude)
    finally:
        os.close(descriptor)
