"""A restore brings back what was, and touches nothing it was not told to."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from backup import records, restore
from backup.restore import Outcome, Wish
from gateway.embedded import Server
from gateway.errors import NotFound, RestoreRefused, Tampered
from gateway.ledger import chain
from tests.integration.backup.conftest import Office


@pytest.fixture
def target(servers: tuple[Server, Server]) -> Iterator[str]:
    """Yield the address of an empty database."""
    name = f"r{uuid.uuid4().hex[:12]}"
    servers[1].create_database(name)
    yield servers[1].dsn(name)
    with closing(psycopg2.connect(servers[1].dsn())) as admin, admin.cursor() as cursor:
        admin.autocommit = True
        cursor.execute(f"drop database {name} with (force)")


def _into(office: Office, target: str, **wish: Any) -> Outcome:
    return restore.into_database(office.deployment, office.plan, target, Wish(**wish), who="tester")


def _ask(dsn: str, statement: str) -> Any:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None


def test_an_empty_database_becomes_what_the_source_was(office: Office, target: str) -> None:
    """Everything is there again, compared, and the chain says who did it."""
    backup = office.back_up()
    found = _into(office, target)
    assert (found.backup, found.done, found.differences) == (backup, True, ())
    assert _ask(target, "select count(*), sum(fee) from permit.permit") == office.ask(
        "select count(*), sum(fee) from permit.permit"
    )
    newest = chain.listing(office.city.hub)[0]["body"]
    assert (newest["what"], newest["who"], newest["same"]) == ("restored", "tester", True)
    assert "postgres:" not in str(newest)
    assert office.left() == []


def test_the_newest_backup_before_a_moment_is_taken(office: Office, target: str) -> None:
    """An accident is later than the backup that heals it; before the first one there is nothing to restore."""
    first = office.back_up()
    office.ask("select pg_sleep(0.01)")
    between = datetime.now(UTC)
    office.ask("delete from permit.permit")
    office.back_up()
    assert _into(office, target, moment=between, dry_run=True).backup == first
    with pytest.raises(NotFound, match="no backup of plan permits was taken at or before"):
        _into(office, target, moment=between - timedelta(days=1))


def test_a_dry_run_changes_nothing(office: Office, target: str) -> None:
    """It says what would be restored and how much room that takes."""
    office.back_up()
    found = _into(office, target, dry_run=True)
    assert (found.done, found.rows) == (False, 2604)
    assert found.working_bytes > 0
    assert _ask(target, "select count(*) from pg_namespace where nspname = 'permit'") == [(0,)]


def test_a_database_that_holds_data_is_refused_until_its_name_is_typed(office: Office, target: str) -> None:
    """The right name replaces what the backup holds, in one transaction; another name does nothing."""
    office.back_up()
    _into(office, target)
    _ask(target, "delete from permit.log; create table public.mine as select 1 as x")
    for typed in ("", "permits"):
        with pytest.raises(RestoreRefused, match=r"holds \d+ tables, such as permit"):
            _into(office, target, overwrite=typed)
    assert _ask(target, "select count(*) from permit.log") == [(0,)]
    _ask(target, "drop table public.mine")
    assert _into(office, target, overwrite=target.rsplit("/", 1)[1]).differences == ()
    assert _ask(target, "select count(*) from permit.log") == [(100,)]


def test_single_tables_are_restored_beside_others(office: Office, target: str) -> None:
    """Rows that were lost are fetched into a spare database; nothing else comes along."""
    office.back_up()
    _ask(target, "create schema permit; create table permit.other ()")
    found = _into(office, target, tables=("permit.holder",))
    assert (found.tables, found.rows) == (1, 500)
    assert _ask(
        target,
        "select string_agg(relname, ' ' order by relname) from pg_class where relnamespace = 'permit'::regnamespace and relkind = 'r'",
    ) == [("holder other",)]
    with pytest.raises(RestoreRefused, match=r"has no table permit\.nothing"):
        _into(office, target, tables=("permit.nothing",))
    with pytest.raises(RestoreRefused, match=r"holds 1 tables, such as permit\.holder"):
        _into(office, target, tables=("permit.holder",))


def test_a_folder_takes_the_opened_dump(office: Office, tmp_path: Path) -> None:
    """It can be read by pg_restore alone; a folder that holds something is refused."""
    office.back_up()
    folder = tmp_path / "opened"
    assert restore.into_folder(office.deployment, office.plan, folder, Wish(), who="tester").done
    assert {"toc.dat"} <= {path.name for path in (folder / "dump").iterdir()}
    assert (folder / "roles.sql").read_text().startswith("--")
    with pytest.raises(RestoreRefused, match="is not empty"):
        restore.into_folder(office.deployment, office.plan, folder, Wish(), who="tester")


def test_the_hub_may_be_what_is_lost(office: Office, target: str) -> None:
    """Repositories and keys suffice: no ledger is asked."""
    office.back_up()
    lost = replace(office, deployment=replace(office.deployment, hub_dsn="postgresql://x:x@127.0.0.1:1/x"))
    assert _into(lost, target).done


def test_a_repository_that_is_away_is_passed_over(office: Office, target: str) -> None:
    """The other copy serves."""
    office.back_up()
    office.near.rename(office.near.with_name("gone"))
    assert _into(office, target, dry_run=True).repository == "far"


def test_a_changed_byte_stops_a_restore_before_the_target_is_touched(office: Office, target: str) -> None:
    """Nothing of a damaged backup reaches a database or a folder."""
    backup = office.back_up()
    part = next((office.near).rglob("*.part"))
    assert backup in str(part)
    part.chmod(0o600)
    raw = bytearray(part.read_bytes())
    raw[-1] ^= 1
    part.write_bytes(raw)
    with pytest.raises(Tampered):
        _into(office, target, repository="near")
    assert _ask(target, "select count(*) from pg_namespace where nspname = 'permit'") == [(0,)]
    folder = office.city.home / "opened"
    with pytest.raises(Tampered):
        restore.into_folder(office.deployment, office.plan, folder, Wish(repository="near"), who="tester")
    assert not folder.exists()


def test_roles_that_lack_at_the_target_are_told_before(office: Office, target: str) -> None:
    """Owners cannot be restored without them; without owners the rest can."""
    office.ask("create role only_here nologin")
    office.back_up()
    office.ask("drop role only_here")
    with pytest.raises(RestoreRefused, match="the target lacks the roles only_here"):
        _into(office, target)
    assert _into(office, target, owners=False).done


def test_an_older_server_is_refused(office: Office, server16: Server) -> None:
    """A dump of a newer version does not go into an older one."""
    office.back_up()
    with pytest.raises(RestoreRefused, match="the target is PostgreSQL 16, the backup of 18"):
        _into(office, server16.dsn())


def test_a_backup_of_an_older_server_is_dumped_and_drilled_by_its_own_programs(
    office: Office, server16: Server
) -> None:
    """Programs of the server's own version are taken, and the drill's server is of that version too."""
    name = f"o{uuid.uuid4().hex[:8]}"
    server16.create_database(name)
    _ask(server16.dsn(name), "create table t as select g as id, 'x' || g as v from generate_series(1, 100) g")
    office.known["PERMITS"] = server16.dsn(name)
    old = office.with_plan(assertions=())
    backup = old.back_up()
    assert old.drill().passed
    assert records.one(office.city.hub, backup)["state"] == "proven"
