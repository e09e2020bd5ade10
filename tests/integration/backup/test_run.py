"""A run that fails leaves earlier backups alone and nothing that looks like a backup."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from backup import dump, parts, records, run, seal, snapshot, survey, wiring
from backup import keys as sealing_keys
from gateway.errors import (
    AccessDenied,
    BackupBusy,
    BackupFailed,
    ConnectionUnknown,
    GatewayError,
    RepositoryRefused,
    SealKeyRefused,
)
from tests.integration import forked
from tests.integration.backup.conftest import Office


def test_writers_go_on_while_a_backup_holds_its_moment(office: Office) -> None:
    """What is hashed and what is dumped are one moment, whatever is written meanwhile: the drill agrees."""
    done = threading.Event()
    office.ask("create sequence permit.ticket")

    def write() -> None:
        with closing(psycopg2.connect(office.dsn)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            while not done.is_set():
                cursor.execute("select nextval('permit.ticket')")
                cursor.execute("update permit.permit set fee = fee + 1 where id = 1 + (random() * 1999)::int")
                cursor.execute("insert into permit.log values ('2026-06-01', 'meanwhile')")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        office.back_up()
    finally:
        done.set()
        writer.join()
    before = office.ask("select count(*) from permit.log")[0][0]
    found = office.drill()
    assert found.passed
    assert before > 100


def test_nobody_rewrites_a_table_that_is_held(office: Office) -> None:
    """A table truncated after the snapshot would look empty to dump and hash alike: the lock forbids it."""
    with snapshot.held(office.dsn) as held:
        office.ask("set lock_timeout = '50ms'")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            office.ask("truncate permit.log")
        assert held.table_bytes > 0


@pytest.mark.parametrize(
    "change",
    [
        "drop table permit.log_2025",  # between the list and the lock: the lock finds it missing
        "create table permit.late (id int)",  # the list lacks it
        "alter table permit.holder alter name type varchar(99)",  # the list has another shape
    ],
)
def test_a_structure_that_changes_before_the_lock_is_looked_at_again(
    office: Office, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The moment is held once list and lock agree."""
    whole, changes = snapshot.lock, [change]

    def lock(*arguments: Any) -> None:
        if changes:
            office.ask(changes.pop())
        whole(*arguments)

    monkeypatch.setattr(snapshot, "lock", lock)
    with snapshot.held(office.dsn) as held:
        seen = survey.take(lambda: snapshot.connect(office.dsn, "test", held.id), (), jobs=1)
    assert ("permit.late" in seen.tables, "permit.log_2025" in seen.tables) != (False, True) or "varchar" in change


def test_a_table_that_stays_locked_fails_the_run(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some tries the run gives up and says why; it is repeated later."""
    monkeypatch.setattr(snapshot, "_LOCK_SECONDS", "50ms")
    with closing(psycopg2.connect(office.dsn)) as other, other.cursor() as cursor:
        cursor.execute("lock table permit.permit in access exclusive mode")
        with pytest.raises(
            BackupFailed, match="unable to hold the tables still: canceling statement due to lock timeout"
        ):
            office.back_up()


STEPS = ["backup held", "backup dumped", "backup sealed", "backup stored", "backup manifest"]


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_run_leaves_a_whole_backup_or_none(office: Office, step: str) -> None:
    """The next run tidies up: where a manifest lies the backup exists, everywhere else nothing of it counts."""
    city = replace(office.city, deployment=office.deployment)
    killed = forked.run(forked.a_backup, city, office.plan, failpoint=step)
    assert killed.returncode == -9, killed.stderr
    second = office.back_up()
    rows = {row["backup"]: row for row in records.listing(office.city.hub)}
    (first,) = rows.keys() - {second}
    whole = step == "backup manifest"
    assert rows[first]["state"] == ("stored" if whole else "failed")
    assert [copy["repository"] for copy in rows[first]["copies"]] == (["near"] if whole else [])
    kept = wiring.repository(office.deployment, office.plan.places[0]).manifests()
    assert sorted(kept) == sorted([second, *([first] if whole else [])])
    assert office.left() == []


def _cut_off(office: Office, patch: pytest.MonkeyPatch) -> Office:
    """End every session of the source when the dump begins, as a restart does."""
    whole = dump.take

    def take(*arguments: Any, **more: Any) -> None:
        office.ask(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        )
        whole(*arguments, **more)

    patch.setattr(dump, "take", take)
    return office


def _wrong_password(office: Office, _: pytest.MonkeyPatch) -> Office:
    office.known["PERMITS"] = office.dsn.replace("postgres:", "postgres:wrong", 1)
    return office


def _no_place(office: Office, _: pytest.MonkeyPatch) -> Office:
    shutil.rmtree(office.far)
    office.far.write_text("no folder")
    return office


def _no_space(office: Office, patch: pytest.MonkeyPatch) -> Office:
    usage = shutil.disk_usage(office.near)
    patch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1))
    return office


def _no_table(office: Office, _: pytest.MonkeyPatch) -> Office:
    office.ask("create table permit.odd (_r_ int, twice int generated always as (_r_ * 2) stored)")
    return office


def _expired(office: Office, _: pytest.MonkeyPatch) -> Office:
    office.known["CUSTODIAN"] = sealing_keys.create()[1] + " expires=2020-01-01"
    return office


# What goes wrong, and what is said of it.
FAULTS: list[tuple[Callable[[Office, pytest.MonkeyPatch], Office], type[GatewayError], str]] = [
    (_cut_off, GatewayError, "snapshot|server closed|terminat|back it up"),
    (_wrong_password, AccessDenied, "password authentication failed"),
    (_no_place, RepositoryRefused, "folder of a repository is not there"),  # a repository that cannot be written
    (_no_space, BackupFailed, "the working folder has 0 MiB free"),
    (_no_table, BackupFailed, "table permit.odd has a column _r_"),  # it would be hashed as another thing
    (_expired, SealKeyRefused, "recipient CUSTODIAN expired"),
    (lambda office, _: office.with_plan(limit=timedelta(0)), BackupFailed, "longer than it may"),
    (lambda office, _: office.with_plan(connection="NOBODY"), ConnectionUnknown, "connection NOBODY is not configured"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "kind", "words"), FAULTS)
def test_a_run_that_fails_leaves_earlier_backups_alone(
    office: Office, monkeypatch: pytest.MonkeyPatch, fault: Any, kind: type[GatewayError], words: str
) -> None:
    """It is recorded as failed, no manifest is written, the working folder is empty."""
    with pytest.raises(kind, match=words):
        fault(office, monkeypatch).back_up()
    (row,) = records.listing(office.city.hub)
    assert (row["state"], row["copies"]) == ("failed", [])
    assert row["error"].startswith("[GW-")
    assert not list(office.near.rglob("manifest.json"))
    assert office.left() == []


def test_a_role_that_row_security_holds_back_fails_loudly(office: Office) -> None:
    """A backup without the rows of others would be no backup, and nobody would see it."""
    office.ask(
        "do $$ begin if not exists (select from pg_roles where rolname = 'narrow') then create role narrow login password 'narrow'; end if; end $$"
    )
    office.ask("grant pg_read_all_data to narrow; alter table permit.holder enable row level security")
    office.known["PERMITS"] = office.dsn.replace(office.dsn.split("@")[0], "postgresql://narrow:narrow", 1)
    with pytest.raises(GatewayError, match=r"row-level security|row security|large object|cannot be hashed"):
        office.back_up()


def test_a_full_disk_is_told_while_sealing(office: Office, tmp_path: Path) -> None:
    """What the disk refuses is a failed backup with a hint, not a crash."""
    path = tmp_path / "x"
    path.write_bytes(os.urandom(3 << 20))
    sealer = seal.sealer("age", {"a": office.known["CUSTODIAN"]})
    with pytest.raises(BackupFailed, match=r"unable to seal part 1\.part: No space left on device"):
        parts.seal("1.part", [path], sealer, Path("/dev/full"))


def test_two_runs_at_once_are_one_too_many(office: Office) -> None:
    """The second is told who has it, by a code of its own; so is another plan of the same source."""
    other = office.with_plan(plan="permits_too")
    with records.alone(office.deployment, office.plan, "run"):
        with pytest.raises(BackupBusy, match="another run has run permits"):
            office.back_up()
        with pytest.raises(BackupBusy, match="another run has source PERMITS"):
            other.back_up()


def test_a_backup_of_the_hub_needs_no_connection(office: Office) -> None:
    """The hub backs itself up: its own receipts are in the backup that they record."""
    hub = office.with_plan(connection=None, exclude=("landing",), assertions=())
    made = run.run(hub.deployment, hub.plan)
    assert made.tables > 20
    assert hub.drill().passed
