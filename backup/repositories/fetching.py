"""A part on its way from a repository to the working folder: what either of them refuses is told as its own."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from gateway.errors import BackupFailed


def fetch(source: BinaryIO, target: Path, step: int) -> None:
    """Write a stream to a file; BackupFailed when the working folder takes no more, for its full disk is no repository's."""
    with target.open("wb", buffering=0) as out:
        while block := source.read(step):
            rest = memoryview(block)
            while rest:
                try:
                    rest = rest[out.write(rest) :]
                except OSError as error:
                    raise BackupFailed(
                        f"the working folder cannot be used: {error.strerror}",
                        "Free space where GATEWAY_HOME lies; what is stored is untouched.",
                    ) from error
