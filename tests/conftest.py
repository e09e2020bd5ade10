"""Shared by all tests: a deployment's folder that is never the developer's own, and two real PostgreSQL servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from gateway.embedded import Server, pg_binary
from tests.conformance.mariadb import PROGRAMS, MariaDb

ROOT = Path(__file__).parent.parent
_MEMORY = Path("/dev/shm")
_PLENTY = 8 << 30  # bytes; a whole run of the tests takes half of it
settings.register_profile("untimed", deadline=None)  # no test judges by the clock: machines are shared
settings.load_profile("untimed")
os.environ.pop("COLUMNS", None)  # a worker's; what commands print would be folded


class _Folders(LoadScopeScheduling):
    """Keeps the tests of a file on one worker, and those that share the one Airflow on another."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "airflow" if file.startswith("tests/acceptance/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Share the tests among workers, where there is more than one."""
    return _Folders(config, log)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point every test at its own folder and clear settings of the surrounding shell."""
    for name in ("GATEWAY_HUB_DSN", "GATEWAY_SECRETS", "GATEWAY_NOW", "GATEWAY_FAILPOINT", "GATEWAY_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GATEWAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GATEWAY_CATALOG", str(ROOT / "catalog"))


def folder_of_server(name: str) -> Path:
    """Return a new folder for servers whose data nobody keeps: in memory where there is plenty.

    Each test has databases of its own, a thousand files made and removed: on a disk that costs more than most tests.
    """
    memory = _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _PLENTY else None
    return Path(tempfile.mkdtemp(prefix=f"gateway-{name}-", dir=memory))


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[Server, Server]]:
    """Yield a hub server and a source server, so that a transfer really crosses two."""
    folder = folder_of_server("test")
    both = Server(folder / "hub"), Server(folder / "source")
    try:
        for server in both:
            server.start()
            wait_for_disk(server, on=False)
        yield both
    finally:
        for server in both:
            if server.running():
                server.kill()  # what they hold is thrown away: no checkpoint is waited for
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_disk(server: Server, *, on: bool) -> None:
    """Let a server wait until the disk has what it wrote, or not: tests end processes, never the machine."""
    with closing(psycopg2.connect(server.dsn())) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"alter system set fsync = {'on' if on else 'off'}")
        cursor.execute("select pg_reload_conf()")


class Server16(Server):
    """PostgreSQL 16 of the same wheel: the oldest that a hub or a hashing platform may run."""

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        older = [part.replace("pginstall18", "pginstall") for part in command]
        return super()._run([part for part in older if part != "--locale-provider=builtin"])


@pytest.fixture(scope="session")
def server16() -> Iterator[Server]:
    """Yield a PostgreSQL 16 server, where the wheel has one."""
    if not Path(str(pg_binary("postgres")).replace("pginstall18", "pginstall")).exists():
        pytest.skip("the wheel has no PostgreSQL 16")
    folder = folder_of_server("test-16")
    with Server16(folder) as server:
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """Yield a MariaDB server, where the system has one; a test that ends it starts it again."""
    if lacking := [program for program in PROGRAMS if shutil.which(program) is None]:
        pytest.skip(f"{', '.join(lacking)} is missing: install the system package mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="gateway-test-mysql-"))
    folder.chmod(0o755)
    server = MariaDb(folder / "server")
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
