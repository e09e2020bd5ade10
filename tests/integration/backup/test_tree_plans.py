"""A plan of a tree of files: backed up, proven, restored and pruned as a database is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from backup import manifest, records, restore_tree, run
from backup.cli import group
from backup.plans import FILES
from backup.restore import Outcome, Wish
from backup.trees import take
from gateway.errors import (
    BackupFailed,
    ConnectionUnknown,
    DrillFailed,
    GatewayError,
    RestoreFailed,
    RestoreRefused,
    SourceUnfit,
    Tampered,
)
from tests.integration import forked
from tests.integration.backup.conftest import PLAN, Office

SECRET = "张三的身份证.pdf"


@pytest.fixture
def shelf(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Return the office with a tree of attachments instead of its database; packs are small, so that there are some."""
    monkeypatch.setattr(take, "_FULL", 20_000)
    root = tmp_path / "attachments"
    for number in range(300):
        folder = root / f"{number % 7:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.pdf").write_bytes(os.urandom(number) if number % 3 else b"the same notice" * 20)
    (root / SECRET).write_bytes(b"scan")
    (root / "x.tmp").touch()
    (root / "latest").symlink_to("00/0.pdf")
    (root / "00").chmod(0o555)
    office.known["ATTACHMENTS"] = root.as_uri()
    return office.with_plan(engine=FILES, connection="ATTACHMENTS", exclude=("*.tmp",), assertions=())


def _root(shelf: Office) -> Path:
    return shelf.near.parent / "attachments"


def _into(shelf: Office, target: Path, **wish: Any) -> Outcome:
    return restore_tree.into_folder(shelf.deployment, shelf.plan, target, Wish(**wish), who="tester")


def test_a_tree_is_backed_up_proven_and_restored(shelf: Office, tmp_path: Path) -> None:
    """The whole list agrees; the drill leaves nothing, and the folder holds what the source did but what is excluded."""
    made = run.run(shelf.deployment, shelf.plan)
    assert (made.tables, made.rows) == (1, 7 + 300 + 1 + 1)
    assert made.plain_bytes < sum(p.stat().st_size for p in _root(shelf).rglob("*.pdf")) + 100_000  # each content once
    found = shelf.drill()
    assert (found.faults, found.remarks) == ((), ())
    assert set(found.phases) == {"fetch", "restore", "verify"}
    assert shelf.state(made.backup) == "proven"
    assert _into(shelf, tmp_path / "dry", dry_run=True).done is False
    done = _into(shelf, tmp_path / "target")
    assert (done.done, done.rows, done.differences) == (True, 309, ())
    said = subprocess.run(
        ["diff", "-r", "--no-dereference", _root(shelf), tmp_path / "target"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout.splitlines() == [f"Only in {_root(shelf)}: x.tmp"]
    assert shelf.left() == []


def test_a_manifest_names_no_file(shelf: Office) -> None:
    """Names of files may be those of people: they lie in the sealed index alone."""
    backup = shelf.back_up()
    raw = (shelf.near / backup / "manifest.json").read_bytes().decode()
    assert [word for word in (SECRET, "张三", ".pdf", str(_root(shelf))) if word in raw] == []
    read = manifest.read(raw.encode(), backup, shelf.deployment.keys.public_keys())
    assert (read.engine, read.survey.objects) == (FILES, {"files": 301, "folders": 7, "symlinks": 1})


def test_what_cannot_be_read_whole_is_told_and_the_rest_is_kept(
    shelf: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is closed to the gateway and a file that never rests are in the index as such, and counted in the manifest."""
    whole, opening = take._copied, os.open

    def copied(file: Any, pack: Any) -> Any:
        found = whole(file, pack)
        if found[1] == len(b"scan") or found[1] > 1000:
            with (_root(shelf) / SECRET).open("ab") as more:
                more.write(bytes(1001))
        return found

    def closed(path: Any, *more: Any, **named: Any) -> int:
        if path == "03":
            raise PermissionError(13, "Permission denied")
        return opening(path, *more, **named)

    monkeypatch.setattr(take, "_copied", copied)
    monkeypatch.setattr(os, "open", closed)
    shelf.back_up()
    monkeypatch.undo()
    found = shelf.drill()
    assert found.passed
    assert found.remarks[0].startswith("2 entries: changed each time while they were read")
    done = _into(shelf, tmp_path / "target")
    assert sorted(done.remarks) == [
        "03 is not in the backup: permission denied",
        f"{SECRET} is not in the backup: it changed each time while it was read",
    ]
    assert list((tmp_path / "target" / "03").iterdir()) == []


def _flip(folder: Path) -> None:
    part = folder / "000002.part"
    raw = bytearray(part.read_bytes())
    raw[len(raw) // 2] ^= 1
    part.write_bytes(raw)


# What is done to the stored copy, and what is said of it.
DAMAGE: list[tuple[Callable[[Path], None], str]] = [
    (_flip, "part 000002.part of .* was changed"),  # a bit of a pack
    (lambda folder: (folder / "000003.part").unlink(), "part 000003.part of .* is missing"),  # a pack
    (lambda folder: max(folder.glob("*.part")).unlink(), r"part \d+.part of .* is missing"),  # the index
]


def test_a_damaged_tree_is_refused(shelf: Office, tmp_path: Path) -> None:
    """The drill makes it suspect; a restore leaves nothing of it, and takes it whole from the other repository."""
    backup = shelf.back_up()
    shutil.copytree(shelf.near, tmp_path / "whole")
    for damage, fault in DAMAGE:
        damage(shelf.near / backup)
        with pytest.raises(Tampered, match=fault):
            shelf.drill()
        assert shelf.state(backup) == "suspect"
        with pytest.raises(Tampered, match=fault):
            _into(shelf, tmp_path / "target", repository="near")
        assert not (tmp_path / "target").exists()
        shutil.rmtree(shelf.near)
        shutil.copytree(tmp_path / "whole", shelf.near)
    assert _into(shelf, tmp_path / "target", repository="far").done
    assert shelf.left() == []


def test_a_tree_that_comes_back_otherwise_is_suspect(
    shelf: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file more, one byte else: drill and restore say so, and a comparison that sees nothing is a fault itself."""
    backup = shelf.back_up()
    whole = restore_tree.restore

    def spoiled(index: Path, bring: Any, target: Path, spool: Path) -> None:
        whole(index, bring, target, spool)
        (target / "more").touch()

    monkeypatch.setattr("backup.trees.prove.restore", spoiled)
    monkeypatch.setattr(restore_tree, "restore", spoiled)
    with pytest.raises(DrillFailed, match="the folder has 310 entries, the index 309"):
        shelf.drill()
    assert shelf.state(backup) == "suspect"
    with pytest.raises(RestoreFailed, match="the folder has 310 entries"):
        _into(shelf, tmp_path / "target")
    monkeypatch.setattr("backup.trees.prove.restore", whole)
    monkeypatch.setattr("backup.trees.compare._fault", lambda *_: None)
    with pytest.raises(DrillFailed, match="a changed byte of a file went unnoticed"):
        shelf.drill()


# Where the tree should be, and what is said when it is not.
NOWHERE: list[tuple[Callable[[Office], Office], type[GatewayError], str]] = [
    (lambda o: o.with_plan(connection="NOBODY"), ConnectionUnknown, "connection NOBODY is not configured"),
    (lambda o: o.with_plan(limit=o.plan.limit * 0), BackupFailed, "took longer than it may"),
    (lambda o: shutil.rmtree(_root(o)) or o, SourceUnfit, "the tree attachments is no folder"),  # type: ignore[func-returns-value]
    (lambda o: o.known.update(ATTACHMENTS="sftp://host/x") or o, SourceUnfit, "leads to no folder of this machine"),  # type: ignore[func-returns-value]
]  # fmt: skip


def test_a_tree_that_is_not_there_fails_the_run(shelf: Office) -> None:
    """It is never an empty backup: earlier ones stay, nothing new exists."""
    for spoil, kind, words in NOWHERE:
        with pytest.raises(kind, match=words):
            spoil(shelf).back_up()
        assert not list(shelf.near.rglob("manifest.json"))
        assert shelf.left() == []


def test_a_folder_that_holds_something_is_refused(
    shelf: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tree goes into an empty folder whole, or not at all."""
    shelf.back_up()
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "mine").touch()
    with pytest.raises(RestoreRefused, match="is not empty"):
        _into(shelf, tmp_path / "target")
    with pytest.raises(RestoreRefused, match="takes the whole backup"):
        _into(shelf, tmp_path / "other", tables=("a.b",))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1))
    with pytest.raises(RestoreRefused, match="has 0 MiB free"):
        _into(shelf, tmp_path / "full")
    assert (tmp_path / "target" / "mine").exists()


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    """Neither names nor hashes are kept in memory: three thousand files more take no more of it."""

    def peak(count: int) -> int:
        root, spool = tmp_path / f"root{count}", tmp_path / f"spool{count}"
        root.mkdir()
        spool.mkdir()
        for number in range(count):
            (root / f"a name that takes some room {number}").touch()
        tracemalloc.start()
        for part in take.Taking(root, spool).parts():
            part.unlink()
        return [tracemalloc.get_traced_memory()[1], tracemalloc.stop()][0]  # type: ignore[func-returns-value]

    assert peak(3500) < peak(500) + 100_000


def test_a_killed_run_leaves_no_half_tree(shelf: Office) -> None:
    """Parts may lie about; without a manifest nothing of them counts, and the next run tidies up."""
    city = replace(shelf.city, deployment=shelf.deployment)
    killed = forked.run(forked.a_backup, city, shelf.plan, failpoint="backup sealed")
    assert killed.returncode == -9, killed.stderr
    second = shelf.back_up()
    states = {row["backup"]: row["state"] for row in records.listing(shelf.city.hub)}
    assert states.pop(second) == "stored"
    assert list(states.values()) == ["failed"]
    assert shelf.left() == []


def test_the_commands_know_trees(shelf: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run, verify, drill, list, report, prune and restore by command; a tree goes into no database."""
    folder = tmp_path / "catalog"
    (folder / "backups").mkdir(parents=True)
    (folder / "city.yaml").write_text("city: 测试市\ndivision: '130800'\nbureau: gaj\ncontracts: [contracts]\n")
    (folder / "units.yaml").write_text("- {unit: gaj, name: 市公安局}\n")
    engine = f"{{engine: files, path: {_root(shelf)}, exclude: ['*.tmp'], symlinks: record}}"
    plan = PLAN.replace("{engine: postgresql, connection: PERMITS}", engine).partition("  assert:")[0]
    (folder / "backups" / "permits.yaml").write_text(plan, encoding="utf-8")
    monkeypatch.setenv("GATEWAY_CATALOG", str(folder))
    for name, value in shelf.known.items():
        monkeypatch.setenv(f"GATEWAY_CONN_{name}", value)

    def call(*arguments: str, code: int = 0) -> Any:
        said = CliRunner().invoke(group, [*arguments, "--json"])
        assert said.exit_code == code, said.stdout + said.stderr
        return json.loads(said.stdout) if code == 0 else said.stderr

    backup = call("run", "permits")["backup"]
    assert call("verify", "permits")["ok"] is True
    assert call("drill", "permits")["passed"] is True
    assert [(row["state"], row["rows"]) for row in call("list")] == [("proven", 309)]
    assert call("report")[0]["kept"] is True
    assert {fate["fate"] for fate in call("prune", "permits", "--yes")} == {"kept"}
    assert call("verify-catalog")["ok"] is True
    assert "goes into a folder" in call("restore", "permits", "--into", "postgresql://host/db", code=1)
    assert call("restore", "permits", "--into", str(tmp_path / "out"))["backup"] == backup
