"""Files of a base backup as archives of bounded size, and back: folders and tablespaces included."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from backup import parts
from gateway.errors import Tampered

_TABLESPACES = "pg_tblspc"
FOLDERS = ".folders"  # stands for all folders, in the first archive


def bins(base: Path) -> list[list[Path]]:
    """Return the files of each archive; the first holds the folders too, for a server needs the empty ones."""
    files = [Path(parent) / name for parent, _, names in os.walk(base, followlinks=True) for name in names]
    return [[base / FOLDERS], *parts.bins(sorted(files))]


def archive(base: Path, files: Sequence[Path], target: Path) -> Path:
    """Write files into an archive and remove them: the spool never holds a base twice."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in files:
            if path.name == FOLDERS:
                _add_folders(tar, base)
                continue
            tar.add(path, str(path.relative_to(base)), recursive=False)
            path.unlink()
    return target


def extract(source: Path, target: Path) -> None:
    """Write the files of an archive below a folder and remove it; Tampered when one would lie elsewhere."""
    with tarfile.open(source) as tar:
        try:
            tar.extractall(target, filter="data")
        except tarfile.FilterError as error:
            raise Tampered(f"{source.name} of a base backup leads out of its folder", "Take another copy.") from error
    source.unlink()


def tablespaces(data: Path, places: Mapping[str, Path]) -> None:
    """Move the content of tablespaces, which lies inside the copy, to where each is to be, and link it."""
    for oid, place in places.items():
        inside = data / _TABLESPACES / oid
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        inside.rename(place)
        inside.symlink_to(place)


def _add_folders(tar: tarfile.TarFile, base: Path) -> None:
    for parent, names, _ in os.walk(base, followlinks=True):
        for name in names:
            entry = tarfile.TarInfo(str((Path(parent) / name).relative_to(base)))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o700
            tar.addfile(entry)
