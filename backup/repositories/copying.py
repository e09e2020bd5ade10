"""Copy a whole backup from one repository to another: every part is held to its hash, the manifest comes last."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from backup.ports import Repository, Stored
from gateway import settings
from gateway.errors import Tampered


def copy(
    backup: str,
    parts: Mapping[str, str],
    source: Repository,
    target: Repository,
    spool: Path,
    progress: Callable[[str, int], None],
) -> tuple[Stored, ...]:
    """Copy a backup by the parts that its manifest names, each with its SHA-256; Tampered names the part that differs.

    One part at a time lies in the spool. A copy that broke off is gone on with by calling this again.
    """
    manifest = source.manifest(backup)
    stored: list[Stored] = []
    for name, wanted in parts.items():
        stored.append(_part(backup, name, wanted, source, target, spool))
        progress("copy", sum(part.bytes for part in stored))
        settings.failpoint("backup part copied")
    target.put_manifest(backup, manifest)
    return tuple(stored)


def _part(backup: str, name: str, wanted: str, source: Repository, target: Repository, spool: Path) -> Stored:
    with tempfile.TemporaryDirectory(dir=spool) as folder:
        path = Path(folder) / name
        source.fetch(backup, name, path)
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
                raise Tampered(f"part {name} of {backup} was changed in its repository", "Copy it from another one.")
        return target.put_part(backup, name, path, wanted)
