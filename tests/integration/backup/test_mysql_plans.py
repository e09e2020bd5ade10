"""A plan of a MariaDB database, on a real server: dump and hashes of one moment, proven by a server of its own."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql
import pytest

from backup import manifest, records, restore, restore_mysql
from backup.cli_restore import _restored
from backup.mysql import programs, prove, scratch, survey, take
from backup.plans import FILES, MYSQL, Assertion
from backup.restore import Outcome, Wish
from gateway.errors import (
    AccessDenied,
    BackupFailed,
    DrillFailed,
    GatewayError,
    PlatformUnavailable,
    RestoreRefused,
    SourceUnfit,
    ToolMissing,
)
from tests.conformance.mariadb import PASSWORD, MariaDb
from tests.integration.backup.conftest import Office

pytestmark = pytest.mark.system

SYSTEM = (
    "create table holder (id int primary key, name varchar(40) character set gbk not null, born date, code char(4), v float)",
    (
        "create table permit (id bigint unsigned auto_increment primary key, holder int not null, plate varchar(10), fee decimal(10,2), "
        "detail json, scan longblob, spot point, paid bit(3), at timestamp(6) null, kind enum('a','乙'), note text, u uuid, "
        "foreign key (holder) references holder (id), key by_plate (plate))"
    ),
    "create table `no ``key` (v text)",
    "create table nothing (id int)",
    "create view unpaid as select id from permit where paid = 0",
    "create trigger stamp before insert on permit for each row set new.note = coalesce(new.note, 'x')",
    "create procedure fee(in n int) select fee from permit where id = n",
    "create event clean on schedule every 1 day do delete from nothing",
    "create sequence ticket",
    "insert into holder select seq, concat('持有人', seq), '1970-01-01' + interval seq day, 'a', seq / 3 from seq_1_to_200",
    (
        "insert into permit (holder, plate, fee, detail, scan, spot, paid, at, kind, u) select 1 + seq % 200, concat('冀H', seq), seq / 100, "
        "concat('{\"n\": ', seq, '}'), repeat(char(seq % 256), seq), point(seq, seq), seq % 8, '2026-01-01' + interval seq second, "
        "if(seq % 2, 'a', '乙'), uuid() from seq_1_to_1000"
    ),
    "insert into `no ``key` values (null), (''), ('值'), ('值')",
)
RIGHTS = "select, lock tables, show view, trigger, event"


@pytest.fixture
def parking(office: Office, mariadb: MariaDb) -> Iterator[Office]:
    """Yield the office with a MariaDB database instead, and an account with the rights that the how-to lists and no more."""
    name = f"p{uuid.uuid4().hex[:10]}"
    with mariadb.owner() as owner, owner.cursor() as cursor:
        cursor.execute(f"create database {name} character set utf8mb4")
        cursor.execute(f"use {name}")
        for statement in SYSTEM:
            cursor.execute(statement)
        cursor.execute(f"create or replace user backup@'%' identified by '{PASSWORD}'")
        cursor.execute(f"grant {RIGHTS} on {name}.* to backup@'%'")
        cursor.execute("grant select on mysql.proc to backup@'%'")
    office.known["PARKING"] = f"mysql://backup:{quote(PASSWORD, safe='')}@127.0.0.1:{mariadb.port}/{name}"
    asked = (Assertion("select count(*) from holder", 200),)
    yield office.with_plan(engine=MYSQL, connection="PARKING", assertions=asked)
    with mariadb.owner() as owner, owner.cursor() as cursor:
        cursor.execute(f"drop database {name}")


def _ask(office: Office, server: MariaDb, *statements: str) -> Any:
    database = office.known["PARKING"].rsplit("/", 1)[1]
    with server.owner(database) as owner, owner.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall()


def _into(office: Office, dsn: str, **wish: Any) -> Outcome:
    return restore_mysql.into_database(office.deployment, office.plan, dsn, Wish(**wish), who="tester")


def test_a_database_is_backed_up_while_writers_go_on_then_proven_and_restored(
    parking: Office, mariadb: MariaDb, tmp_path: Path
) -> None:
    """Dump and hashes are one moment, whatever is written meanwhile; the drill and a restore into an empty database agree."""
    done = threading.Event()
    wrote: list[int] = []

    def write() -> None:
        database = parking.known["PARKING"].rsplit("/", 1)[1]
        with mariadb.owner(database) as owner, owner.cursor() as cursor:
            while not done.is_set():
                cursor.execute("insert into permit (holder, fee) values (1, 1)")
                cursor.execute("update permit set fee = fee + 1 where id = 1 + floor(rand() * 900)")
                wrote.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backup = parking.back_up()
    finally:
        done.set()
        writer.join()
    assert len(wrote) > 10
    found = parking.drill()
    assert (found.faults, found.passed) == ((), True)
    assert set(found.phases) == {"fetch", "start", "restore", "verify", "assert"}
    assert parking.state(backup) == "proven"
    raw = (parking.near / backup / "manifest.json").read_bytes()
    assert [word for word in ("持有人", "冀H", "mysql://", PASSWORD) if word in raw.decode()] == []
    told = manifest.read(raw, backup, parking.deployment.keys.public_keys()).survey
    assert told.objects == {"views": 1, "triggers": 1, "events": 1, "routines": 1, "indexes": 4, "foreign keys": 1}
    with mariadb.owner() as owner, owner.cursor() as cursor:
        cursor.execute("create or replace database spare")
    target = f"mysql://root@127.0.0.1:{mariadb.port}/spare"
    with mariadb.owner() as owner, owner.cursor() as cursor:
        cursor.execute("create or replace user root@'127.0.0.1' identified by ''")
        cursor.execute("grant all on *.* to root@'127.0.0.1' with grant option")
    assert _into(parking, target, dry_run=True).done is False
    assert _into(parking, target).rows == told.rows
    with pytest.raises(RestoreRefused, match=r"database spare at 127\.0\.0\.1:\d+ holds \d+ tables"):
        _into(parking, target)
    opened = restore.into_folder(parking.deployment, parking.plan, tmp_path / "opened", Wish(), who="tester")
    assert opened.done
    assert b"CREATE TABLE `permit`" in (tmp_path / "opened" / "dump" / "dump.sql").read_bytes()
    assert parking.left() == []


# What is done to the restored copy, and what the drill says of it.
CHANGES = [
    ("update permit set fee = fee + 1 where id = 7", "permit: the content of its 1000 rows is another"),  # a cell
    ("delete from permit where id = 7", "permit has 999 rows, not 1000"),  # a row
    ("update `no ``key` set v = '' where v is null", "the content of its 4 rows is another"),  # null is not empty
    ("alter table holder modify v double", "columns differ: v"),  # a type
    ("drop trigger stamp", "there are 0 triggers, not 1"),  # an object
    ("alter table permit drop key by_plate", "there are 3 indexes, not 4"),  # an index
    ("truncate nothing", None),  # nothing: the control of this test
]


def test_whatever_of_a_mariadb_database_differs_is_named(parking: Office, mariadb: MariaDb) -> None:
    """The comparison of a drill sees each kind of difference in the copy of the database."""
    database = parking.known["PARKING"].rsplit("/", 1)[1]
    with mariadb.owner(database) as owner:
        for statement, words in CHANGES:
            before = survey.take([owner], database, ())
            _ask(
                parking,
                mariadb,
                "create or replace table kept_permit as select * from permit",
                "drop table kept_permit",
            )
            if words is None:
                assert list(prove.compare.differences(before, survey.take([owner], database, ()))) == []
                continue
            _ask(parking, mariadb, statement)
            faults = list(prove.compare.differences(before, survey.take([owner], database, ()), roles=False))
            assert [
                fault
                for fault in faults
                if words.replace("1000", str(before.tables[f"{database}.permit"][1].rows)) in fault
            ], (
                statement,
                faults,
            )


def test_a_mariadb_copy_that_differs_is_suspect(parking: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed cell fails the drill; so does a comparison that sees no change, and an assertion that is answered otherwise."""
    backup = parking.back_up()
    whole = prove.load

    def spoiled(socket: str, ca: Any, name: str, *more: Any) -> None:
        whole(socket, ca, name, *more)
        with pymysql.connect(unix_socket=socket, user="root", database=name, autocommit=True) as session:
            session.cursor().execute("update holder set born = null where id = 3")

    monkeypatch.setattr(prove, "load", spoiled)
    wrong = (Assertion("select count(*) from holder", 1), Assertion("delete from holder", 1))
    with pytest.raises(DrillFailed, match=r"holder: the content of its 200 rows is another and 2 more"):
        parking.with_plan(assertions=wrong).drill()
    assert parking.state(backup) == "suspect"
    monkeypatch.setattr(prove, "load", whole)
    monkeypatch.setattr("backup.compare.one_table", lambda *_: iter(()))
    with pytest.raises(DrillFailed, match=r"a changed cell of .* went unnoticed"):
        parking.drill()
    assert parking.left() == []


def test_what_would_be_missing_unseen_fails_the_run(parking: Office, mariadb: MariaDb) -> None:
    """Tables that no snapshot holds, rights that hide things, a wrong password, a server that is away: each says what to do."""
    faults: list[tuple[str, str, type[GatewayError], str]] = [
        (
            "create table loose (id int) engine = MyISAM",
            "drop table loose",
            SourceUnfit,
            "loose is MyISAM: no snapshot",
        ),
        ("create table old (id int) with system versioning", "drop table old", SourceUnfit, "old is system versioned"),
        (
            "revoke trigger on {db}.* from backup@'%'",
            "grant trigger on {db}.* to backup@'%'",
            AccessDenied,
            "lacks TRIGGER",
        ),
        (
            "revoke select on mysql.proc from backup@'%'",
            "grant select on mysql.proc to backup@'%'",
            AccessDenied,
            "DENIED",
        ),
    ]
    database = parking.known["PARKING"].rsplit("/", 1)[1]
    for statement, undo, kind, words in faults:
        _ask(parking, mariadb, statement.format(db=database))
        with pytest.raises(kind, match=words) as refused:
            parking.back_up()
        assert refused.value.hint
        _ask(parking, mariadb, undo.format(db=database))
    _ask(parking, mariadb, "create table loose (id int) engine = MyISAM")
    assert parking.with_plan(exclude=("loose",), assertions=()).back_up()
    known, right = parking.known, parking.known["PARKING"]
    for dsn, fault in (
        (right.replace(quote(PASSWORD, safe=""), "wrong"), AccessDenied),
        (right.replace(f":{mariadb.port}/", ":1/"), PlatformUnavailable),
    ):
        known["PARKING"] = dsn
        with pytest.raises(fault) as told:
            parking.back_up()
        assert PASSWORD not in str(told.value)
    known["PARKING"] = right
    states = [row["state"] for row in records.listing(parking.city.hub)]
    assert states == ["failed", "failed", "stored", "failed", "failed", "failed", "failed"]
    assert parking.left() == []


def test_a_writer_that_does_not_end_fails_the_run(
    parking: Office, mariadb: MariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction is waited for, not cut; after some tries the run says so and is repeated later."""
    monkeypatch.setattr(take, "_TRIES", 1)
    monkeypatch.setattr(take.survey, "lacking", lambda _: [])
    monkeypatch.setattr(
        "backup.mysql.session._SETTINGS",
        "set session time_zone = '+00:00', lock_wait_timeout = 1, max_statement_time = {seconds}",
    )
    database = parking.known["PARKING"].rsplit("/", 1)[1]
    with mariadb.owner(database) as owner, owner.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("update permit set fee = 0 where id = 1")
        with pytest.raises(BackupFailed, match="unable to hold the tables still: a writer does not end"):
            parking.back_up()
        cursor.execute("rollback")


def test_programs_that_lack_are_told_with_their_package(parking: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is dumped or restored, by the name of the package; a server that is too old for a drill too."""
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(ToolMissing) as missing:
        programs.program("mariadb-dump")
    assert (missing.value.message, missing.value.hint) == (
        "mariadb-dump is not installed",
        "Install the package mariadb-client.",
    )
    with pytest.raises(ToolMissing):
        parking.back_up()
    monkeypatch.undo()
    with pytest.raises(ToolMissing, match=r"mariadbd 99\.1 or newer is needed"):
        scratch.Scratch(Path("x"), "99.1", 0)


def test_a_backup_goes_into_a_server_of_its_own_kind(parking: Office) -> None:
    """A dump of one kind is never sent to a server of another, nor a tree to any."""
    parking.back_up()
    cases = ((MYSQL, parking.dsn), ("postgresql", parking.known["PARKING"]), (FILES, parking.dsn))
    for engine, dsn in cases:
        other = parking.with_plan(engine=engine)
        with pytest.raises(RestoreRefused):
            _restored(other.deployment, other.plan, "X", dsn, Wish(), lambda *_: None, "tester")
    with pytest.raises(RestoreRefused, match="whole into an empty one"):
        _into(parking, parking.known["PARKING"], overwrite="x")
