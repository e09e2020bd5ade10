"""What a drill compares: whatever differs between a restored database and its manifest is named, in both ways rows are hashed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import psycopg2
import pytest

from backup import compare, copied, dump, snapshot, survey
from backup.manifest import Manifest
from backup.survey import Content, Survey
from gateway.embedded import Server
from gateway.errors import BackupFailed

# What is done to the copy, and what is said of it.
CHANGES = [
    ("select 1", []),
    ("update permit.permit set fee = fee + 0.01 where id = 7", ["table permit.permit: the content of its 2000 rows is another"]),  # one cell
    ("update permit.permit set detail = '{}' where id = 7", ["table permit.permit: the content of its 2000 rows is another"]),  # of a type without hash
    ("update permit.permit set fee = 0 where id < 3; update permit.permit set fee = 1 where id < 3", ["table permit.permit: the content of its 2000 rows is another"]),
    ("delete from permit.permit where id = 7", ["table permit.permit has 1999 rows, not 2000"]),  # a row lost
    ("insert into permit.log select * from permit.log_2025 limit 1", ["table permit.log_2025 has 24 rows, not 23"]),  # a row doubled
    ("alter table permit.holder alter name type varchar(80)", ["table permit.holder: columns differ: name"]),  # a type: its hash is the same
    ("alter table permit.holder add extra int", ["table permit.holder: columns differ: extra", "table permit.holder: the content of its 500 rows is another"]),
    ("drop table permit.log_2025", ["table permit.log_2025 is missing"]),  # a table lost
    ("create table permit.more ()", ["table permit.more is there, the source had none of that name"]),  # one more
    ("select setval('permit.permit_id_seq', 5)", ["sequence permit.permit_id_seq stands at 5, not at 2000 or beyond"]),  # numbers given twice
    ("select setval('permit.permit_id_seq', 9000)", []),  # a snapshot does not hold sequences: further is right
    ("drop function permit.fee", ["there are 0 functions, not 1"]),  # code lost
    ("create trigger t after insert on permit.holder execute function suppress_redundant_updates_trigger()", ["there are 1 triggers, the source had none"]),
    ("alter table permit.permit drop constraint permit_holder_fkey", ["there are 2 constraints, not 3"]),  # a rule lost
    ("select lo_unlink(oid) from pg_largeobject_metadata", ["there are 0 large objects, not 1"]),  # a file lost
    ("select lo_put(oid, 5, 'x') from pg_largeobject_metadata", ["the content of the large objects is another"]),  # a byte of it
]  # fmt: skip


# What is done to the copy with the same number of rows, wherever they lie, and whether its content is another.
LAID = [
    ("update permit.holder set name = name where id % 7 = 0", False),  # the same rows elsewhere in the file
    ("update permit.holder set name = name where id % 7 = 0; update permit.holder set name = 'x' where id = 9", True),
    ("update permit.holder set born = case id when 1 then date '1970-01-03' else date '1970-01-02' end where id < 3", True),  # swapped
    ("delete from permit.holder where id = 9; update permit.holder set id = 9 where id = 8; insert into permit.holder select 8, name, born from permit.holder where id = 9", True),
]  # fmt: skip


@dataclass
class Told:
    """What the system says of itself, and how the tables of a copy are read to be compared with it."""

    survey: Survey
    content: Callable[..., Content] = survey.content

    def again(self, dsn: str) -> Survey:
        """Survey a copy."""
        return survey.take(lambda: snapshot.connect(dsn, "test"), (), jobs=2, read=self.content)

    def differences(self, dsn: str) -> list[str]:
        """Compare a copy."""
        return compare.differences(self.survey, self.again(dsn))


@pytest.fixture(scope="module", params=["hashed by the server", "hashed as dumped"])
def told(
    request: pytest.FixtureRequest,
    servers: tuple[Server, Server],
    permits: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Told:
    """Return what the system says of itself."""
    dsn = servers[1].dsn(permits)
    return Told(_survey(dsn)) if request.param == "hashed by the server" else _dumped(dsn, tmp_path_factory)


def _dumped(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder, deadline = tmp_path_factory.mktemp("dumped"), time.monotonic() + 60
    with snapshot.held(dsn) as held:
        dump.take(dsn, held, (), folder, jobs=2, deadline=deadline)
        counted = survey.take(lambda: snapshot.connect(dsn, "test", held.id), (), jobs=2, read=copied.counted)
    files = dump.tables(folder, held, deadline=deadline)
    with pytest.raises(BackupFailed, match=r"the dump holds no rows of table permit\."):
        copied.hashed(counted, {}, folder / dump.FORMAT, jobs=2)
    found = copied.hashed(counted, files, folder / dump.FORMAT, jobs=2)
    return Told(found, copied.Copy(found, folder / dump.FORMAT).content)


@pytest.fixture
def copy(servers: tuple[Server, Server], permits: str) -> Iterator[str]:
    """Yield the address of a copy of the system."""
    name = f"c{uuid.uuid4().hex[:12]}"
    _do(servers[1].dsn(), f"create database {name} template {permits}")
    yield servers[1].dsn(name)
    _do(servers[1].dsn(), f"drop database {name} with (force)")


@pytest.mark.parametrize(("change", "faults"), CHANGES)
def test_whatever_differs_is_named(told: Told, copy: str, change: str, faults: list[str]) -> None:
    """Tables, columns, rows, cells, sequences, code, rules, files: each by name."""
    _do(copy, change)
    assert told.differences(copy) == faults


@pytest.mark.parametrize(("change", "another"), LAID)
def test_rows_may_lie_in_another_order_and_not_be_others(told: Told, copy: str, change: str, another: bool) -> None:
    """Loading a dump may lay rows elsewhere: that is the same table. A cell swapped between two rows is not."""
    _do(copy, "alter table permit.permit drop constraint permit_holder_fkey")
    _do(copy, change)
    others = [words for words in told.differences(copy) if words.startswith("table")]
    assert others == (["table permit.holder: the content of its 500 rows is another"] if another else [])


def test_a_right_that_is_lost_is_named(told: Told, copy: str) -> None:
    """Roles are of the server: one that may do less than it did is no copy."""
    there = told.again(copy)
    there.roles["postgres"] = "login"
    assert compare.differences(told.survey, there) == ["role postgres is not what it was"]
    assert compare.differences(told.survey, there, roles=False) == []


def test_wrong_answers_of_an_index_are_found(told: Told, copy: str) -> None:
    """A table that is right to whoever reads it and wrong to whoever trusts its index: only the index path tells."""
    _do(copy, "alter table permit.permit drop constraint permit_pkey; drop index permit.permit_by_plate")
    _do(copy, "create index stale on permit.permit (id) where id > 200")
    _do(copy, "update pg_index set indpred = null where indexrelid = 'permit.stale'::regclass")
    found = told.again(copy)
    assert found.tables["permit.permit"] == told.survey.tables["permit.permit"]
    faults, unchecked = compare.by_index(copy, told.survey, found)
    assert faults == ["table permit.permit has 1800 rows by its index, not 2000"]
    assert "permit.log_2025" in unchecked


def test_a_comparison_that_cannot_fail_is_a_fault(told: Told, copy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control reads a cell of the smallest table as empty, and says so when nobody notices."""
    made = _Made(told.survey)
    assert compare.control(copy, made, told.content) is None
    monkeypatch.setattr(compare, "one_table", lambda *_: iter(()))
    assert "went unnoticed" in str(compare.control(copy, made, told.content))
    _do(copy, """update permit."Mixed ""Name" set v = 'x' where v = '' """)
    assert "compares as changed" in str(compare.control(copy, made, told.content))


class _Made(Manifest):
    """A manifest of which only the survey is asked."""

    def __init__(self, told: Survey) -> None:
        object.__setattr__(self, "survey", told)


def _survey(dsn: str) -> Survey:
    return survey.take(lambda: snapshot.connect(dsn, "test"), (), jobs=2)


def _do(dsn: str, statement: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement)
