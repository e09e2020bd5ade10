"""From a repository to a database: fetch and open what the manifest names, then pg_restore of the source's version."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import parse_dsn

from backup import dump, parts, tools
from backup import manifest as manifests
from backup.manifest import Manifest, Part
from backup.ports import Repository, Sealer
from gateway.errors import DrillFailed, GatewayError, NotFound, RestoreRefused, Tampered

_OPENING = 2
_UTF8 = "UTF8"
_WHOLE = "--single-transaction"
# Roles that are there already, and rights that only the source's superuser could grant, are no fault.
_KNOWN = ("already exists",)


def manifest(repository: Repository, backup: str, public_keys: dict[str, str]) -> Manifest:
    """Return a backup's manifest once its signature holds; Tampered when it is gone or changed."""
    try:
        raw = repository.manifest(backup)
    except NotFound:
        raise Tampered(
            f"{backup} has no manifest in the repository: it does not exist there", "Take another copy."
        ) from None
    return manifests.read(raw, backup, public_keys)


def fetch(repository: Repository, opener: Sealer, made: Manifest, folder: Path) -> None:
    """Write the dump's files into `folder` as `dump.take` left them; Tampered before anything of a wrong part is used."""
    target = folder / dump.FORMAT
    target.mkdir(mode=0o700)

    def one(part: Part) -> None:
        sealed = parts.fetch(repository, made.backup, part, folder)
        parts.unpack(part, sealed, opener, target)

    with ThreadPoolExecutor(_OPENING, thread_name_prefix="open") as pool:
        for _ in pool.map(one, made.parts):
            pass
    if (target / dump.ROLES).exists():
        (target / dump.ROLES).rename(folder / dump.ROLES)


def need(made: Manifest) -> int:
    """Return the bytes of working space that fetching takes."""
    return made.plain_bytes + 2 * max((part.bytes + part.plain_bytes for part in made.parts), default=0)


def refuse_full(made: Manifest, folder: Path, beside: int = 0) -> None:
    """Refuse to begin what would fill a disk."""
    refuse_space(need(made) + beside, folder, f"restoring {made.backup}")


def refuse_space(wanted: int, folder: Path, doing: str) -> None:
    """Refuse what needs more room than a folder's disk has."""
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise RestoreRefused(
            f"{doing} takes {wanted >> 20} MiB, the working folder has {free >> 20} MiB free",
            "Free space where GATEWAY_HOME lies.",
        )


def roles(folder: Path, made: Manifest, dsn: str, deadline: float) -> list[str]:
    """Make the roles of the source where they lack; return what the server refused."""
    command: list[str | Path] = [
        tools.program("psql", made.major),
        "--no-psqlrc",
        "--quiet",
        f"--file={folder / dump.ROLES}",
    ]
    said = tools.run(
        command,
        tools.environment(dsn),
        folder / "roles.err",
        deadline=deadline,
        failure=DrillFailed,
        doing="make the roles",
    )
    errors = [line.split("ERROR:", 1)[1].strip() for line in said.splitlines() if "ERROR:" in line]
    return [error for error in errors if not any(words in error for words in _KNOWN)]


def database(dsn: str, name: str, encoding: str) -> None:
    """Create an empty database of the source's encoding."""
    located = "" if encoding == _UTF8 else " locale_provider libc locale 'C'"
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        statement = "create database {} template template0 encoding {}" + located
        cursor.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Literal(encoding)))


def load(
    folder: Path, made: Manifest, dsn: str, *, jobs: int, deadline: float, failure: type[GatewayError],
    options: Sequence[str] = (),
) -> list[str]:  # fmt: skip
    """Load the dump into a database; return what the program warned of. The failure names the first error."""
    command: list[str | Path] = [
        tools.program("pg_restore", made.major), "--exit-on-error", "--no-tablespaces", "--no-publications", "--no-subscriptions",
        *([] if _WHOLE in options else [f"--jobs={jobs}"]), *options, f"--dbname={parse_dsn(dsn)['dbname']}", folder / dump.FORMAT,
    ]  # fmt: skip
    said = tools.run(
        command,
        tools.environment(dsn),
        folder / "restore.err",
        deadline=deadline,
        failure=failure,
        doing="load the dump",
    )
    return [line for line in said.splitlines() if "warning" in line.lower()][:20]
