"""The real extension counts what named a view, on a server that the system brings."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from schemas.notice import usage
from schemas.notice.transition import View

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
VIEW = View("pop", "share_v1", "person", 1, "public.person", {"zjj": "unit_zjj"}, writable=False)
NOW = datetime(2026, 12, 16, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def counted() -> Iterator[Connection]:
    """Yield a session on a server that loads the extension."""
    if not BINARIES:
        pytest.skip("PostgreSQL with pg_stat_statements is missing: install the system package postgresql")
    folder = Path(tempfile.mkdtemp(prefix="gateway-test-statements-"))
    folder.chmod(0o755)
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tools = BINARIES[-1].parent

    def call(*command: str) -> None:
        subprocess.run(command, user=user, cwd=folder, check=True, capture_output=True, timeout=60)

    call(
        str(tools / "initdb"),
        "-D",
        str(folder / "data"),
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
        "--locale=C.UTF-8",
    )
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.max=100"
    call(str(tools / "pg_ctl"), "start", "-w", "-D", str(folder / "data"), "-l", str(folder / "log"), "-o", options)
    try:
        with closing(psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres")) as found:
            found.autocommit = True
            with found.cursor() as cursor:
                cursor.execute(
                    "create extension pg_stat_statements; create role unit_zjj; create role watcher; create schema share_v1; "
                    "create table person (id int, name text); create view share_v1.person as select * from person; "
                    "grant usage on schema share_v1 to unit_zjj; grant select on share_v1.person, person to unit_zjj"
                )
            yield found
    finally:
        call(str(tools / "pg_ctl"), "stop", "-w", "-m", "immediate", "-D", str(folder / "data"))
        shutil.rmtree(folder, ignore_errors=True)


def run(connection: Connection, *statements: str) -> None:
    """Run statements one by one, as a client does."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.mark.system
def test_a_read_is_a_use_and_a_look_is_none(counted: Connection) -> None:
    """By its full name, or by its bare one as the unit's role; reading the table is none."""
    first = usage.next_seen(VIEW, usage.look(counted, VIEW), NOW)
    assert (first.observed_since, first.last_used) == (NOW, None)
    as_unit = (
        "set role unit_zjj",
        "set search_path = share_v1",
        "select name from person",
        "reset role",
        "reset search_path",
    )
    steps = (
        (("select 1 from person",), False), (("select id from share_v1.person where id = 7",), True), (as_unit, True),
        (("select name from public.person",), False),
    )  # fmt: skip
    seen = first
    for day, (statements, used) in enumerate(steps, 1):
        run(counted, *statements)
        view = replace(VIEW, observed_since=seen.observed_since, counter=seen.counter)
        seen = usage.next_seen(view, usage.look(counted, view), NOW + timedelta(days=day))
        assert (seen.observed_since, seen.last_used is not None) == (NOW, used), statements


@pytest.mark.system
def test_a_reset_and_a_right_that_lacks_are_gaps(counted: Connection) -> None:
    """Counted anew is not unused, and what others ran is not seen by everybody."""
    before = usage.look(counted, VIEW)
    run(counted, "select pg_stat_statements_reset()")
    view = replace(VIEW, observed_since=NOW, counter=before.counter)
    later = NOW + timedelta(days=1)
    assert usage.next_seen(view, usage.look(counted, VIEW), later).observed_since == later
    run(counted, "set role watcher")
    assert usage.look(counted, VIEW).source == "unknown"
    run(counted, "reset role", "grant pg_read_all_stats to watcher", "set role watcher")
    assert usage.look(counted, VIEW).source == "statements"
    run(counted, "reset role")
