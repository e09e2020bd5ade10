"""Programs of the server's version, and their words without a row's value."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from backup import tools
from gateway.errors import BackupFailed, ToolMissing


@pytest.mark.parametrize("major", [16, 18])
def test_the_wheel_s_own_version_is_taken(major: int) -> None:
    """Each version has its own folder."""
    assert tools.program("pg_dump", major).is_file()
    assert tools.program("pg_dump", 16) != tools.program("pg_dump", 18)


@pytest.mark.parametrize(("name", "package"), [("pg_dump", "postgresql-client-99"), ("initdb", "postgresql-99")])
def test_a_missing_program_is_told_with_its_package(name: str, package: str) -> None:
    """Nobody has to guess what to install."""
    with pytest.raises(ToolMissing) as missing:
        tools.program(name, 99)
    assert package in missing.value.hint


def test_no_password_stands_on_a_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is handed over in the environment, and the surrounding shell's own settings are not."""
    monkeypatch.setenv("PGOPTIONS", "-c search_path=evil")
    found = tools.environment("postgresql://me:p%40ss@host:5433/db?sslmode=require")
    assert (found["PGPASSWORD"], found["PGPORT"], found["PGSSLMODE"]) == ("p@ss", "5433", "require")
    assert "PGOPTIONS" not in found


# What a program says, and what is passed on.
WORDS = [
    ("pg_dump: error: query failed: ERROR:  permission denied for table t\npg_dump: detail: Query was: LOCK", "query failed: ERROR:  permission denied for table t"),
    ('pg_restore: error: COPY failed for table "t": ERROR:  invalid input syntax for type integer: "130802199001011234"', 'COPY failed for table "t": ERROR:  invalid input syntax for type integer'),
    ("pg_dump: warning: nothing", ""),
]  # fmt: skip


@pytest.mark.parametrize(("said", "told"), WORDS)
def test_what_is_passed_on_holds_no_value(said: str, told: str) -> None:
    """The first error counts; a value behind a colon is cut off."""
    assert tools.first_error(said) == told


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """The deadline ends it, and nothing of it runs on."""
    began = time.monotonic()
    with pytest.raises(BackupFailed, match="unable to wait: it took longer than it may"):
        tools.run(["sleep", "30"], {}, tmp_path / "err", deadline=began, failure=BackupFailed, doing="wait")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("error: could not write to file: No space left on device", "Free space"),
        ("error: permission denied for large object 3", "large objects need their owner"),
        ("error: query would be affected by row-level security policy", "BYPASSRLS"),
    ],
)
def test_a_failure_comes_with_what_to_do(tmp_path: Path, said: str, hint: str) -> None:
    """What a program cannot do is told with the remedy."""
    with pytest.raises(BackupFailed) as failed:
        tools.run(
            ["sh", "-c", f"echo '{said}' >&2; exit 1"],
            {},
            tmp_path / "err",
            deadline=time.monotonic() + 30,
            failure=BackupFailed,
            doing="dump",
        )
    assert hint in failed.value.hint
