"""A server to try a backup on: of the source's version, on loopback alone, never archiving, gone afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backup import tools
from gateway.embedded import Server

# It is thrown away: nothing needs to survive a crash of it.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "archive_mode": "off",
    "autovacuum": "off",
    "max_logical_replication_workers": "0",
    "max_wal_size": "4GB",
    "maintenance_work_mem": "128MB",
    "shared_buffers": "128MB",
    "max_connections": "40",
    "max_locks_per_transaction": "1024",
}
_BUILTIN_LOCALE = 17  # the first version that has one


def server(folder: Path, major: int) -> Server:
    """Return a server of a version in a folder, not started; ToolMissing when that version is not installed."""
    tools.program("initdb", major)
    return _Scratch(folder, major)


def end(folder: Path) -> None:
    """End a server that still runs in a folder, for whoever started it there was killed."""
    version = folder / "data" / "PG_VERSION"
    if version.exists() and (major := version.read_text().strip()).isdecimal():
        left = server(folder, int(major))
        if left.running():
            left.kill()


class _Scratch(Server):
    lasting = False

    def __init__(self, folder: Path, major: int) -> None:
        super().__init__(folder, _SETTINGS, binary=lambda name: tools.program(name, major))
        if major < _BUILTIN_LOCALE:
            self.locale: Sequence[str] = ("--locale=C.UTF-8",)
