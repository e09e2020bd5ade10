"""Whatever dies, fills up or lies: the next run ends with the hub equal to the source, nothing lost or doubled."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from connectors.postgres import PostgresSnapshot
from gateway.errors import (
    GatewayError,
    HubUnavailable,
    PermanentError,
    RetryableError,
    RouteHeld,
    SchemaMismatch,
)
from gateway.exchange import proof, reconcile, transfer
from tests.integration import forked
from tests.integration.conftest import PERSON
from tests.integration.proxy import Proxy

STAGES = ("probe", "describe", "extract", "land", "check", "merge", "state", "receipt", "commit", "done")


def assert_whole(city: Any, *, rejected: int = 0) -> None:
    """Run again, and demand that both sides are equal, the quarantine is exact and every receipt verifies."""
    transfer.run(city.deployment, "person_in", whole=True)
    city.reopen()
    broken = {
        row[0] for row in city.ask_source("select id from person where sex not in (1, 2)")
    }  # their last good version stays
    assert [row for row in city.hub_rows() if row[0] not in broken] == city.good_source_rows()
    assert city.ask("select count(*) from gateway.quarantine where state = 'open'") == [(rejected,)]
    assert reconcile.run(city.deployment, "person_in").passed
    found = proof.verify(city.deployment)
    assert found.ok, found.first_fault
    assert city.ask("select count(*) from gateway.batch where state not in ('committed', 'aborted')") == [(0,)]
    assert landing_tables(city) == []


def landing_tables(city: Any) -> list[tuple[str]]:
    """Return what attempts left lying in the landing schema."""
    return list(
        city.ask("select relname::text from pg_class where relnamespace = 'landing'::regnamespace and relkind = 'r'")
    )


def change_everything(city: Any) -> None:
    """Insert, update, delete and break rows at the source since the first load."""
    city.fill(20, start=1000)
    city.ask_source("update person set amount = 7, updated_at = now() - interval '1 minute' where id <= 'P00000010'")
    city.ask_source("update person set sex = 9, updated_at = now() - interval '1 minute' where id = 'P00000050'")
    city.ask_source("delete from person where id = 'P00000100'")


@pytest.mark.parametrize("stage", STAGES)
def test_kill_during_first_load(city: Any, stage: str) -> None:
    """A worker killed at any stage of a first load leaves all or nothing, and the next run completes it."""
    city.fill(200, bad=2)
    assert forked.run(forked.route, city, "person_in", failpoint=stage).returncode == -9
    assert len(city.hub_rows()) in (0, 198)
    assert_whole(city, rejected=2)


@pytest.mark.parametrize("whole", [False, True], ids=["window", "comparison"])
@pytest.mark.parametrize("stage", STAGES)
def test_kill_during_update(city: Any, stage: str, whole: bool) -> None:
    """A worker killed at any stage of a window or a comparison leaves the hub before or after it, never between."""
    city.fill(200)
    transfer.run(city.deployment, "person_in")
    before = city.hub_rows()
    change_everything(city)
    if whole:
        city = city.with_route(mode="snapshot")
    assert forked.run(forked.route, city, "person_in", failpoint=stage).returncode == -9
    assert stage == "done" or city.hub_rows() == before
    assert_whole(city, rejected=1)


@pytest.mark.parametrize("side", ["hub", "source"])
def test_backend_terminated_in_the_middle_of_a_copy(city: Any, side: str) -> None:
    """A backend that an administrator ends mid-COPY makes a retryable error; no row of the half copy stays."""
    city.fill(150_000)  # more than the buffers between both ends take, so that the copy cannot be over

    def end_copy(seen: int) -> str:
        if seen > 300_000:
            ask = city.ask if side == "hub" else city.ask_source
            ask(
                "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'copy %' and pid <> pg_backend_pid()"
            )
        return "pass"

    with city.through_proxy(side, end_copy) as through, pytest.raises(RetryableError):
        transfer.run(through.deployment, "person_in")
    assert city.hub_rows() == []
    assert_whole(city)


@pytest.mark.parametrize("side", ["hub", "source"])
def test_network_cut_in_the_middle_of_a_copy(city: Any, side: str) -> None:
    """A connection cut mid-COPY looks like an end of data to nobody."""
    city.fill(20_000)
    with (
        city.through_proxy(side, lambda seen: "cut" if seen > 300_000 else "pass") as through,
        pytest.raises(RetryableError),
    ):
        transfer.run(through.deployment, "person_in")
    assert city.hub_rows() == []
    assert_whole(city)


@pytest.mark.parametrize(
    ("verdict", "arrived"),
    [
        ("swallow", True),  # the hub committed, its answer was lost: the transaction number tells, the run succeeds
        ("cut", False),  # the commit never reached the hub: retryable, nothing moved
    ],
)
def test_reply_to_the_commit_lost(city: Any, verdict: str, arrived: bool) -> None:
    """A lost reply to COMMIT is settled by asking the hub what became of the transaction."""
    city.fill(100)
    armed: list[str] = []

    def watch(to_server: bool, data: bytes) -> str:
        return verdict if armed and to_server and b"COMMIT\x00" in data else "pass"

    with Proxy(city.deployment.hub_dsn, watch) as proxy:
        through = replace(city.deployment, hub_dsn=proxy.dsn)

        def arm(stage: str, _rows: int) -> None:
            armed[:] = [stage] if stage == "commit" else []

        if arrived:
            assert transfer.run(through, "person_in", progress=arm).inserted == 100
        else:
            with pytest.raises(HubUnavailable, match="lost the transaction"):
                transfer.run(through, "person_in", progress=arm)
    assert len(city.hub_rows()) == (100 if arrived else 0)
    assert_whole(city)


@pytest.mark.parametrize("stage", ["extract", "check", "state", "receipt"])
@pytest.mark.parametrize("side", [0, 1], ids=["hub", "source"])
def test_server_restarted_in_the_middle_of_a_run(city: Any, side: int, stage: str) -> None:
    """A server that crashes and comes back in the middle of a run costs at most a retry."""
    city.fill(200, bad=1)
    transfer.run(city.deployment, "person_in")
    change_everything(city)

    def restart(at: str, _rows: int) -> None:
        if at == stage:
            city.servers[side].kill()
            city.servers[side].start()

    try:
        transfer.run(city.deployment, "person_in", progress=restart)
    except GatewayError as error:
        assert isinstance(error, RetryableError), error  # noqa: PT017 - some stages need the server no more
    city.reopen()
    assert_whole(city, rejected=2)


def test_two_runs_at_once_leave_one_result(city: Any) -> None:
    """Two workers on one route: one carries it, the other is told that the route is busy."""
    city.fill(500)
    both = [forked.start(forked.route, city, "person_in", failpoint="check=sleep:2") for _ in range(2)]
    ended = [process.wait() for process in both]
    assert sorted(process.returncode for process in ended) == [0, 1]
    assert any("[GW-402]" in process.stderr for process in ended)
    assert_whole(city)


@pytest.fixture
def small_disk(city: Any) -> Iterator[None]:
    """Make the hub write its tables to a file system of 8 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = city.home.parent / "small"
    folder.mkdir()
    for part in [folder, *folder.parents]:
        part.chmod(part.stat().st_mode | 0o011)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0777", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let us mount a small file system")
    space = folder / "space"
    space.mkdir()
    owner = Path(f"/proc/{city.servers[0].pid()}").stat()
    os.chown(space, owner.st_uid, owner.st_gid)
    name = f"small_{os.getpid()}"
    city.ask(f"create tablespace {name} location '{space}'")
    city.ask(f"grant create on tablespace {name} to gateway_load")
    database = city.ask("select current_database()")[0][0]
    city.ask(f"alter database {database} set default_tablespace = '{name}'")
    city.reopen()
    yield
    city.reopen()
    city.ask("alter database " + database + " reset default_tablespace")
    city.reopen()
    city.ask("drop schema hub cascade; drop schema landing cascade")
    city.ask("checkpoint")
    city.ask(f"drop tablespace {name}")
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.usefixtures("small_disk")
def test_hub_disk_full(city: Any) -> None:
    """A full disk stops the run with a retryable error that says so; when space is there the next run completes."""
    city.fill(200_000)
    with pytest.raises(HubUnavailable, match="No space left") as caught:
        transfer.run(city.deployment, "person_in")
    assert "Free space" in caught.value.hint
    assert city.hub_rows() == []
    assert landing_tables(city) == []
    city.ask_source("delete from person where id > 'P00001000'")
    assert_whole(city)


def test_reader_with_an_open_transaction_delays_nothing(city: Any) -> None:
    """Somebody who reads the hub for hours stops neither a first load nor a window."""
    city.fill(100)
    with psycopg2.connect(city.deployment.hub_dsn) as reader, reader.cursor() as cursor:
        cursor.execute("select count(*) from hub.test_person")
        transfer.run(city.deployment, "person_in")
        change_everything(city)
        assert transfer.run(city.deployment, "person_in").updated > 0
    assert_whole(city, rejected=1)


def test_exclusive_lock_is_waited_for_and_then_reported(city: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock nobody releases ends the run with a retryable error, and the hub is as it was."""
    monkeypatch.setattr("gateway.exchange.attempt._LOCK_WAIT", "200ms")
    city.fill(100)
    transfer.run(city.deployment, "person_in")
    before = city.hub_rows()
    change_everything(city)
    with psycopg2.connect(city.deployment.hub_dsn) as locker, locker.cursor() as cursor:
        cursor.execute("lock table hub.test_person in share mode")
        with pytest.raises(HubUnavailable, match="lock"):
            transfer.run(city.deployment, "person_in")
    assert city.hub_rows() == before
    assert_whole(city, rejected=1)


def test_source_row_changed_while_it_is_read(city: Any) -> None:
    """A run carries one snapshot; what changes during the read arrives by the next window."""
    city.fill(20_000)
    changed: list[bool] = []

    def change(seen: int) -> str:
        if seen > 200_000 and not changed:
            changed.append(True)
            city.ask_source("update person set name = '读时改', updated_at = now() where id > 'P00019990'")
            city.ask_source("delete from person where id = 'P00000001'")
        return "pass"

    with city.through_proxy("source", change) as through:
        assert transfer.run(through.deployment, "person_in").inserted == 20_000
    assert changed
    assert city.ask("select count(*) from hub.test_person where name = '读时改'") == [(0,)]
    transfer.run(city.deployment, "person_in")
    assert city.ask("select count(*) from hub.test_person where name = '读时改'") == [(10,)]
    assert_whole(city)


@pytest.mark.parametrize(
    ("gone", "kind"),
    [
        ("true", "empty_read"),  # the whole table is empty
        ("id <= 'P00000250'", "mass_delete"),  # half of it is gone
    ],
)
def test_source_that_lost_rows_is_held_until_they_are_back(city: Any, gone: str, kind: str) -> None:
    """A source that lost its rows stops the route; when they are back the hold is released and all is equal."""
    city.fill(500)
    transfer.run(city.deployment, "person_in")
    city.ask_source(f"create table kept as select * from person; delete from person where {gone}")
    with pytest.raises(RouteHeld, match=kind):
        transfer.run(city.deployment, "person_in", whole=True)
    assert len(city.hub_rows()) == 500
    city.ask_source("insert into person select * from kept on conflict do nothing")
    city.release()
    assert_whole(city)


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("甲" * 21, "name.length"),  # one character more than the contract allows
        (None, "name.required"),  # a name that is not there
    ],
)
def test_text_against_the_contract_is_quarantined(city: Any, value: str, rule: str) -> None:
    """A row whose text breaks the contract is kept out with a reason; the rest goes on."""
    city.ask_source("alter table person alter column name type varchar(400)")
    city.fill(10)
    city.ask_source("update person set name = %s where id = 'P00000003'", (value,))
    outcome = transfer.run(city.deployment, "person_in")
    assert (outcome.inserted, dict(outcome.rejects)) == (9, {rule: 1})


@pytest.mark.parametrize(
    "value",
    [
        "张\x00三",  # NUL cannot be stored in PostgreSQL
        "张\ud800",  # a lone surrogate is no character
    ],
)
def test_text_no_database_can_store_is_refused_by_name(city: Any, value: str) -> None:
    """A value edited by hand that cannot be stored is refused by field, and the entry stays open."""
    city.fill(5, bad=1)
    transfer.run(city.deployment, "person_in")
    entry = city.ask("select id from gateway.quarantine")[0][0]
    with pytest.raises(PermanentError, match="field name"):
        transfer.replay(city.deployment, entry, who="tester", why="try", edits={"name": value, "sex": 1})
    assert_whole(city, rejected=1)


def test_text_in_no_valid_encoding_is_quarantined(city: Any) -> None:
    """A source that does not know its encoding sends what is UTF-8; a row of other bytes is kept out by name, in hex."""
    with city.source_in("SQL_ASCII") as blind:
        blind.fill(10)
        blind.ask_source(r"update person set name = convert_from('\xd5c5c8fd', 'SQL_ASCII') where id = 'P00000003'")
        blind.ask_source("update person set name = '镕𠂇一' where id = 'P00000004'")
        outcome = transfer.run(blind.deployment, "person_in")
        assert (outcome.inserted, dict(outcome.rejects)) == (9, {"text.encoding": 1})
        assert blind.ask("select name from hub.test_person where id = 'P00000004'") == [("镕𠂇一",)]
        assert reconcile.run(blind.deployment, "person_in").passed
        blind.ask_source("update person set name = '张三', updated_at = now() where id = 'P00000003'")
        transfer.run(blind.deployment, "person_in", whole=True)
        assert blind.ask("select name from hub.test_person where id = 'P00000003'") == [("张三",)]
        assert blind.ask("select state from gateway.quarantine") == [("superseded",)]
        assert reconcile.run(blind.deployment, "person_in").passed


def test_stamp_ahead_of_the_clock_is_carried_when_its_time_comes(city: Any) -> None:
    """A row stamped an hour ahead waits for no clock: a comparison carries it, a window does not lose it."""
    city.fill(50)
    transfer.run(city.deployment, "person_in")
    city.ask_source("update person set name = '明天', updated_at = now() + interval '1 hour' where id = 'P00000007'")
    transfer.run(city.deployment, "person_in")
    found = reconcile.run(city.deployment, "person_in")
    assert (found.different, found.pending) == (1, 1)
    assert_whole(city)


@pytest.mark.parametrize("stamp", ["infinity", "-infinity", "0044-03-15 BC", "294276-01-01"])
def test_stamp_that_is_no_moment_of_our_calendar(city: Any, stamp: str) -> None:
    """A row whose stamp no clock ever showed is carried like any other and is nobody's newest."""
    city.fill(20)
    city.ask_source("update person set updated_at = %s where id = 'P00000003'", (stamp,))
    transfer.run(city.deployment, "person_in")
    assert reconcile.run(city.deployment, "person_in").passed
    assert proof.verify(city.deployment).ok


@pytest.mark.parametrize("key", ["a'b", 'a"b', "a\\b", "镕𠂇", " ", "", "a\nb", "{x,y}", "NULL"])
def test_keys_of_any_characters(city: Any, key: str) -> None:
    """A key is a value, never a piece of SQL, of an array or of a COPY stream."""
    city.fill(5)
    transfer.run(city.deployment, "person_in")
    city.ask_source("insert into person values (%s, '甲', 1, 1.5, now() - interval '1 hour')", (key,))
    transfer.run(city.deployment, "person_in", whole=True)
    assert city.good_source_rows() == city.hub_rows()
    city.ask_source("delete from person where id = %s", (key,))
    transfer.run(city.deployment, "person_in", whole=True)
    assert city.good_source_rows() == city.hub_rows()


def test_table_that_grows_during_a_first_load_loses_no_row(city: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both streams split the table at the same page, however much is written before the second one begins."""
    city.fill(20_000)
    split = PostgresSnapshot._pages

    def grow(snapshot: PostgresSnapshot, dataset: Any) -> int | None:
        pages = split(snapshot, dataset)
        city.fill(20_000, start=20_000 * (1 + next(turn)))
        return pages

    turn = itertools.count()
    with monkeypatch.context() as patch:
        patch.setattr(PostgresSnapshot, "_pages", grow)
        assert transfer.run(city.deployment, "person_in").inserted == 20_000
    assert_whole(city)


def test_row_without_key_stays_in_quarantine(city: Any) -> None:
    """A row whose key is null equals nothing; it is neither lost nor taken for gone while the source has it."""
    city.ask_source("alter table person drop constraint person_pkey; alter table person alter column id drop not null")
    city.fill(10)
    city.ask_source("insert into person values (null, '张', 1, 1, now() - interval '1 hour')")
    assert dict(transfer.run(city.deployment, "person_in").rejects) == {"id.required": 1}
    transfer.run(city.deployment, "person_in", whole=True)
    assert city.ask("select state from gateway.quarantine") == [("open",)]
    city.ask_source("insert into person values (null, '李', 1, 1, now() - interval '1 hour')")
    transfer.run(city.deployment, "person_in", whole=True)
    assert city.ask("select state from gateway.quarantine") == [("open",), ("open",)]
    assert reconcile.run(city.deployment, "person_in").passed
    city.ask_source("delete from person where id is null")
    transfer.run(city.deployment, "person_in", whole=True)
    assert city.ask("select distinct state from gateway.quarantine") == [("gone",)]


def test_keys_that_a_repair_makes_one(city: Any) -> None:
    """Two keys of the source that are one after trimming: the newest lands, the other is quarantined by name."""
    fields = tuple(replace(f, repairs=("trim",)) if f.name == "id" else f for f in PERSON.fields)
    city = city.with_dataset(fields=fields)
    city.fill(5)
    transfer.run(city.deployment, "person_in")
    city.ask_source(
        "insert into person values ('N', '旧', 1, 1, now() - interval '2 h'), ('N ', '新', 1, 1, now() - interval '1 h')"
    )
    outcome = transfer.run(city.deployment, "person_in", whole=True)
    assert (outcome.inserted, dict(outcome.rejects)) == (1, {"key.duplicate": 1})
    assert city.ask("select name from hub.test_person where id = 'N'") == [("新",)]


def test_value_that_fails_its_type_at_the_source_is_not_repeated(city: Any) -> None:
    """A view that cannot cast a value ends the run for good, and the error does not tell the value."""
    city.fill(5)
    city.ask_source("alter table person rename to base; create view person as select id, name, "
                    "(case when id = 'P00000003' then name end)::smallint as sex, amount, updated_at from base")  # fmt: skip
    with pytest.raises(SchemaMismatch) as caught:
        transfer.run(city.deployment, "person_in")
    assert "张3" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "reader:s3cret@127.0.0.1/market",  # no scheme
        "postgresql://reader:s3c/ret@127.0.0.1/market",  # an unescaped slash: the rest becomes the database
        "postgresql://reader:s3c%ret@127.0.0.1/market",  # an unescaped per cent sign
        "postgresql://reader:s3c@ret@127.0.0.1/market",  # an unescaped at sign
        "postgresql://reader:s3cret@127.0.0.1:s3cret/market",  # a port that is none
    ],
)
def test_malformed_address_is_never_repeated(city: Any, address: str) -> None:
    """An address that cannot be read is told as such, without any part of it, and is not tried again."""
    city.fill(1)
    with pytest.raises(PermanentError, match="address of a database cannot be read") as caught:
        transfer.run(replace(city.deployment, resolve=lambda _name: address), "person_in")
    assert not any(part in str(caught.value) for part in ("s3c", "ret@", "market"))
    assert "s3c" not in str(city.ask("select error_text from gateway.batch"))


def test_source_table_locked_by_its_owner(city: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that its owner locks for long is reported as unavailable instead of being waited for in silence."""
    monkeypatch.setattr("connectors.postgres._LOCK_WAIT", "300ms")
    city.fill(10)
    with psycopg2.connect(city.source_dsn) as owner, owner.cursor() as cursor:
        cursor.execute("lock table person")
        with pytest.raises(RetryableError, match="lock timeout"):
            transfer.run(city.deployment, "person_in")
    assert_whole(city)


def test_view_with_doubled_keys(city: Any) -> None:
    """A source that promises no unique key: the newest version of each key lands, the others are quarantined by name."""
    city.ask_source("alter table person rename to base; alter table base drop constraint person_pkey")
    city.ask_source("create view person as select * from base")
    city.ask_source(
        "insert into base select 'P' || g, '张', 1, 1, now() - interval '2 h' from generate_series(1, 50) g"
    )
    city.ask_source("insert into base select 'P' || g, '李', 1, 1, now() - interval '1 h' from generate_series(1, 5) g")
    outcome = transfer.run(city.deployment, "person_in")
    assert (outcome.inserted, dict(outcome.rejects)) == (50, {"key.duplicate": 5})
    assert city.ask("select name from hub.test_person where id = 'P1'") == [("李",)]
    assert reconcile.run(city.deployment, "person_in").passed


def test_clock_of_the_gateway_ahead_moves_no_watermark(city: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watermark follows the source's clock: a gateway one day ahead skips nothing."""
    city.fill(50)
    monkeypatch.setenv("GATEWAY_NOW", "2036-01-01T00:00:00+00:00")
    transfer.run(city.deployment, "person_in")
    assert city.ask("select watermark <= now() from gateway.route_state") == [(True,)]
    change_everything(city)
    transfer.run(city.deployment, "person_in")
    assert_whole(city, rejected=1)


@pytest.mark.parametrize(
    ("stamp", "rejected"),
    [
        ("null", 1),  # no stamp: never in a window; the comparison finds the row and its rule keeps it out
        ("updated_at - interval '30 days'", 0),  # a stamp that went backwards: the comparison carries the row
    ],
)
def test_stamp_that_a_window_cannot_see(city: Any, stamp: str, rejected: int) -> None:
    """A row whose stamp is missing or moved backwards is found by the comparison."""
    city.fill(50)
    transfer.run(city.deployment, "person_in")
    city.ask_source(f"update person set name = '改', updated_at = {stamp} where id = 'P00000009'")
    transfer.run(city.deployment, "person_in")
    assert not reconcile.run(city.deployment, "person_in").passed
    transfer.run(city.deployment, "person_in", whole=True)
    assert city.ask("select count(*) from gateway.quarantine where state = 'open'") == [(rejected,)]
    assert reconcile.run(city.deployment, "person_in").passed


def test_hub_restored_to_an_older_backup_is_refilled(city: Any) -> None:
    """A hub that lacks receipts it once committed begins a new epoch and compares everything."""
    city.fill(200)
    transfer.run(city.deployment, "person_in")
    old = city.copy_hub()
    change_everything(city)
    transfer.run(city.deployment, "person_in", whole=True)
    city.use_hub(old)
    assert len(city.hub_rows()) == 200
    outcome = transfer.run(city.deployment, "person_in")
    assert outcome.kind == "compare"
    assert city.ask("select count(*) from gateway.epoch") == [(2,)]
    assert_whole(city, rejected=1)
