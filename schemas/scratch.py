"""Try a script on a copy of a platform's structure, and see what it changes.

The copy is made from the platform's snapshot, so that no right on its tables is needed and no row is read. It lives in a
PostgreSQL server of its own that is gone afterwards, and the script runs there as an account that owns the copy alone.
Triggers, policies and grants are not copied: a script that changes those says so only about itself.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.errors import NotFound, SchemaMismatch
from gateway.model import Platform
from schemas.diff.compare import compare
from schemas.diff.model import Change, Policy
from schemas.notice import announced
from schemas.snapshot import copy, platforms
from schemas.snapshot import pg as pg_snapshot

_SECONDS = "60s"
_NAME = "scratch"
# What it holds is thrown away: nothing is made safe against a power cut.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
}
# Told nothing before its input ends, for its owner was killed: the server may be up, or about to be.
_WATCH = """
read -r word; [ "$word" = done ] && exit
for turn in 1 2 3 4 5 6 7 8 9 10; do
  pid=$(head -n 1 "$1/pg/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" && break
  sleep 0.2
done
while [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
rm -rf "$1"
"""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a script changes, and the structure that it is to leave, as a notice keeps it."""

    changes: tuple[Change, ...]
    announced: Mapping[str, Any]


def changes(deployment: Deployment, platform: Platform, script: str) -> tuple[Change, ...]:
    """Return what a script changes in the schemas that the platform's data sets live in; raises what `tried` does."""
    return tried(deployment, platform, script).changes


def tried(deployment: Deployment, platform: Platform, script: str) -> Tried:
    """Return what a script changes in the schemas that the platform's data sets live in, and what it leaves.

    Raises SchemaMismatch when the script fails on the copy, naming the statement's fault; NotFound when the
    platform is no PostgreSQL; ConnectionUnknown and PlatformUnavailable when it cannot be asked.
    """
    shape = platforms.of_platform(deployment, platform)
    if shape["kind"] != "pg":
        raise NotFound(
            f"platform {platform.platform} is no PostgreSQL", "Announce the change by two snapshots: kind, old and new."
        )
    return of_shape(shape, script)


def of_shape(shape: Mapping[str, Any], script: str) -> Tried:
    """Return what a script changes in a shape, and what it leaves."""
    with _copy(shape) as scratch:
        names = [schema["name"] for schema in shape["schemas"]]
        before = pg_snapshot.take(scratch, names)
        _run(scratch, script)
        after = pg_snapshot.take(scratch, names)
    found = compare("pg", before, after, "both", Policy()).changes
    return Tried(found, announced.of_copy(shape["relations"], before["relations"], after["relations"], found))


@contextmanager
def throw_away() -> Iterator[Server]:
    """Yield a server of its own, which is gone afterwards: also when this process is killed."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-scratch-"))
    command = ["/bin/sh", "-c", _WATCH, "sh", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, text=True) as watcher:
        server = Server(folder / "pg", _SETTINGS)
        try:
            server.start()
            yield server
        finally:
            if server.running():
                server.kill()
            shutil.rmtree(folder, ignore_errors=True)
            watcher.communicate("done\n")


@contextmanager
def _copy(shape: Mapping[str, Any]) -> Iterator[Connection]:
    """Yield a connection to the copy, as an account that owns nothing else."""
    password = secrets.token_hex(16)
    with throw_away() as server:
        server.create_database(_NAME)
        with closing(psycopg2.connect(server.dsn(_NAME))) as admin, admin, admin.cursor() as cursor:
            role = sql.Identifier(_NAME)
            cursor.execute(sql.SQL("create role {} login password {}").format(role, sql.Literal(password)))
            cursor.execute(sql.SQL("alter database {} owner to {}; drop schema public").format(role, role))
        with closing(psycopg2.connect(server.dsn(_NAME), user=_NAME, password=password)) as scratch:
            scratch.autocommit = True
            for statement in copy.statements(shape):
                build(scratch, statement)
            yield scratch


def build(scratch: Connection, statement: copy.Statement) -> bool:
    """Run a statement that builds a part of a copy, and tell whether it could; SchemaMismatch when it must."""
    try:
        pg.run(scratch, statement.text)
    except psycopg2.Error as error:
        if statement.needed:
            said = error.diag.message_primary if error.diag else None
            raise SchemaMismatch(
                f"the structure cannot be copied: {said}",
                "Announce the change by documents, or name its fields by hand.",
            ) from error
        return False
    return True


def _run(scratch: Connection, script: str) -> None:
    """Run the script as one transaction; a fault is the script's."""
    pg.run(scratch, "select set_config('statement_timeout', %s, false)", (_SECONDS,))
    try:
        pg.run(scratch, sql.SQL("begin; {}; commit").format(sql.SQL(script.strip().rstrip(";"))))
    except psycopg2.Error as error:
        said = (error.diag.message_primary if error.diag else None) or "the server refused it"
        raise SchemaMismatch(
            f"the script does not run on a copy of the structure: {said}",
            "Mend the script; nothing was changed anywhere.",
        ) from error
