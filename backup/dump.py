"""The dump of a held moment: pg_dump of the server's version in parallel, and the roles; nothing is compressed here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from backup import copied, tools
from backup.snapshot import Held
from gateway.errors import BackupFailed

ROLES = "roles.sql"
FORMAT = "dump"
_LIST = "dump.list"
_DATA = re.compile(r"(\d+); \d+ (\d+) TABLE DATA ")


def take(dsn: str, held: Held, exclude: Sequence[str], folder: Path, *, jobs: int, deadline: float) -> None:
    """Write the dump into `folder`/dump and the roles beside it; BackupFailed says what the program said."""
    left_out = [f'--exclude-table="{schema}".*' for schema in exclude]
    command: list[str | Path] = [
        tools.program("pg_dump", held.major), "--format=directory", f"--jobs={jobs}", "--compress=none",
        f"--snapshot={held.id}", "--lock-wait-timeout=10s", "--no-password", *left_out, f"--file={folder / FORMAT}",
    ]  # fmt: skip
    env = {**tools.environment(dsn), "PGOPTIONS": copied.OPTIONS}
    tools.run(command, env, folder / "dump.err", deadline=deadline, failure=BackupFailed, doing="dump the database")
    roles: list[str | Path] = [
        tools.program("pg_dumpall", held.major), "--roles-only", "--no-role-passwords", "--no-password",
        f"--database={held.database}", f"--file={folder / ROLES}",
    ]  # fmt: skip
    tools.run(roles, env, folder / "roles.err", deadline=deadline, failure=BackupFailed, doing="dump the roles")


def tables(folder: Path, held: Held, *, deadline: float) -> dict[int, str]:
    """Return which file holds the rows of which table, by the number (oid) that the source knows the table by."""
    command: list[str | Path] = [
        tools.program("pg_restore", held.major), "--list", f"--file={folder / _LIST}", folder / FORMAT,
    ]  # fmt: skip
    tools.run(command, {}, folder / "list.err", deadline=deadline, failure=BackupFailed, doing="list the dump")
    lines = (folder / _LIST).read_text(encoding="utf-8", errors="replace").splitlines()
    return {int(found[2]): f"{found[1]}.dat" for line in lines if (found := _DATA.match(line))}


def files(folder: Path) -> list[Path]:
    """Return the files of a dump, roles first."""
    return [folder / ROLES, *sorted(path for path in (folder / FORMAT).iterdir())]
