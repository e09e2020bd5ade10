"""From a repository to a folder that a server can recover in: fetch, open, unpack, check every file against the server's own list."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backup import parts
from backup.manifest import Manifest, Part
from backup.physical import checked, pack
from backup.ports import Repository, Sealer

_OPENING = 2


def lay(repository: Repository, opener: Sealer, made: Manifest, data: Path, work: Path) -> None:
    """Write a base backup into `data`; Tampered when a part or a file is not as it was."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    data.chmod(0o700)

    def one(part: Part) -> None:
        sealed = parts.fetch(repository, made.backup, part, work)
        parts.unpack(part, sealed, opener, work)
        for name, _ in part.files:
            pack.extract(work / name, data)

    one(made.parts[0])  # the folders
    with ThreadPoolExecutor(_OPENING, thread_name_prefix="open") as pool:
        for _ in pool.map(one, made.parts[1:]):
            pass
    checked.verify(data)


def spaces(made: Manifest, beside: Path) -> dict[str, Path]:
    """Return where each tablespace goes: never to where the source has it."""
    assert made.physical is not None
    return {oid: beside / oid for oid in made.physical["tablespaces"]}
