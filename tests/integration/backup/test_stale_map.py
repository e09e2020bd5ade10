"""Native incremental backups restore a stale visibility map where the server is affected: the drill's comparison sees it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backup import snapshot, survey, tools
from backup.manifest import Manifest
from backup.physical import checked, drill
from backup.physical.server import FORCED
from gateway import embedded
from gateway.embedded import Server
from tests.integration.backup.pitr import do

_MAJOR = 18


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder that a server of another user may pass."""
    found = Path(tempfile.mkdtemp(prefix="gateway-stale-"))
    embedded.let_through(found)
    yield found
    shutil.rmtree(found, ignore_errors=True)


class _Combined(Server):
    """The combined copy, with the source's password."""

    def __init__(self, folder: Path, source: Server) -> None:
        super().__init__(
            folder, {"autovacuum": "off", "archive_mode": FORCED["archive_mode"], "shared_buffers": "32MB"}
        )
        (folder / "password").write_text(source.password)
        for path in (folder, *folder.rglob("*")):
            if user := embedded.owner():
                shutil.chown(path, *user)


def _tool(server: Server, name: str, *arguments: str) -> None:
    command = [str(tools.program(name, _MAJOR)), *arguments]
    subprocess.run(command, env=tools.environment(server.dsn()), check=True, capture_output=True, timeout=60)


def test_a_stale_visibility_map_is_never_proven(folder: Path) -> None:
    """Full and incremental, combined by the server's own tool: all checksums agree, and an index counts rows that are gone.

    A server that carries the fix restores it right: then nothing is found, and nothing is wrong.
    """
    settings = {"wal_level": "replica", "summarize_wal": "on", "autovacuum": "off", "shared_buffers": "32MB"}
    with Server(folder / "source", settings) as source:
        dsn = source.dsn()
        do(dsn, "create table t (id int primary key, v int)")
        do(dsn, "insert into t select i, i from generate_series(1, 20000) i")
        do(dsn, "vacuum t")
        full, change = str(folder / "full"), str(folder / "change")
        _tool(source, "pg_basebackup", "-D", full, "-c", "fast", "--no-sync")
        do(dsn, "update t set v = v + 1 where id % 10 = 0")
        do(dsn, "delete from t where id % 10 = 5")
        told = survey.take(lambda: snapshot.connect(dsn, "test"), (), jobs=1)
        _tool(source, "pg_basebackup", "-D", change, "-c", "fast", "--no-sync", f"--incremental={full}/backup_manifest")
        data = folder / "combined" / "data"
        data.parent.mkdir()
        _tool(source, "pg_combinebackup", full, change, "-o", str(data), "--manifest-checksums=SHA256", "--no-sync")
    made = Manifest("b", "p", "gaj", {"major": _MAJOR}, datetime.now(UTC), "0/0", (), told, (), "age", (), None)
    assert checked.verify(data).files > 0  # nothing of it is damaged
    with _Combined(folder / "combined", source) as copy:
        stale = _count_by_index(copy.dsn()) != told.rows
        faults, _ = drill.differences(made, copy.dsn(), jobs=1)
        seen = drill.visibility(copy.dsn, drill.databases(copy.dsn()))
        assert told.rows == 18000
        assert [f for f in faults if "by its index, not 18000" in f] == ([f for f in faults if f] if stale else [])
        assert bool(seen) == stale
        if stale:
            assert "its visibility map is wrong" in seen[0]
            assert seen[0].endswith("vacuuming mends it")
            assert _count_by_index(copy.dsn()) == told.rows


def _count_by_index(dsn: str) -> int:
    return int(do(f"{dsn}?options=-cenable_seqscan%3Doff%20-cenable_bitmapscan%3Doff", "select count(*) from t")[0][0])
