"""The server's own list of a base backup's files (`backup_manifest`), checked here: size and SHA-256 of each, none more, none less."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backup.physical import lsn
from gateway.errors import Tampered

LIST = "backup_manifest"
_END = b'"Manifest-Checksum"'
_BESIDE = {LIST, "recovery.signal", "standby.signal"}
_WAL = "pg_wal/"  # checked by recovery: each record has a checksum of its own
_HINT = "Take another copy of this backup, or an older one: `gateway backup list`."


@dataclass(frozen=True, slots=True)
class Base:
    """What the list says of the backup: where its WAL begins and ends, on which timeline of which server."""

    timeline: int
    start: int
    end: int
    system_identifier: str | None
    files: int


def verify(folder: Path) -> Base:
    """Check every file of a base backup; Tampered names the first that is changed, missing or one too many."""
    told = _read(folder)
    files = {path: entry for entry in told["Files"] if not (path := _path(entry)).startswith(_WAL)}
    there = set(_files(folder))
    for path in sorted(there - files.keys()):
        raise _fault(f"{path} is there, the server listed none of that name")
    for path, entry in files.items():
        if path not in there:
            raise _fault(f"{path} is missing")
        _check(folder / path, path, entry)
    ranges = told["WAL-Ranges"]
    start, end = (lsn.position(ranges[0]["Start-LSN"]), lsn.position(ranges[-1]["End-LSN"]))
    system = told.get("System-Identifier")
    return Base(ranges[-1]["Timeline"], start, end, None if system is None else str(system), len(files))


def _read(folder: Path) -> dict[str, Any]:
    """Return the list once its own checksum holds: it covers every byte before the line that bears it."""
    try:
        raw = (folder / LIST).read_bytes()
        told: dict[str, Any] = json.loads(raw)
        body = raw[: raw.rindex(_END)]
    except (OSError, ValueError):
        raise _fault(f"{LIST} is missing or cannot be read") from None
    if hashlib.sha256(body).hexdigest() != told.get("Manifest-Checksum"):
        raise _fault(f"{LIST} is changed")
    return told


def _path(entry: dict[str, Any]) -> str:
    encoded = entry.get("Encoded-Path")
    return os.fsdecode(bytes.fromhex(encoded)) if encoded else str(entry["Path"])


def _files(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder, followlinks=True):  # tablespaces are links
        for name in names:
            path = str((Path(parent) / name).relative_to(folder))
            if path not in _BESIDE and not path.startswith(_WAL):
                yield path


def _check(path: Path, name: str, entry: dict[str, Any]) -> None:
    size = path.stat().st_size
    if size != entry["Size"]:
        raise _fault(f"{name} has {size} bytes, not {entry['Size']}")
    if entry.get("Checksum-Algorithm") != "SHA256":
        raise _fault(f"{name} is listed without SHA-256")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != entry["Checksum"]:
            raise _fault(f"{name} was changed")


def _fault(words: str) -> Tampered:
    return Tampered(f"the base backup is not as the server wrote it: {words}", _HINT)
