"""What a drill compares: whatever differs between a restored database and its manifest is named."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from backup import compare, snapshot, survey
from backup.manifest import Manifest
from backup.survey import Survey
from gateway.embedded import Server

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


@pytest.fixture(scope="module")
def told(servers: tuple[Server, Server], permits: str) -> Survey:
    """Return what the system says of itself."""
    return _survey(servers[1].dsn(permits))


@pytest.fixture
def copy(servers: tuple[Server, Server], permits: str) -> Iterator[str]:
    """Yield the address of a copy of the system."""
    name = f"c{uuid.uuid4().hex[:12]}"
    _do(servers[1].dsn(), f"create database {name} template {permits}")
    yield servers[1].dsn(name)
    _do(servers[1].dsn(), f"drop database {name} with (force)")


@pytest.mark.parametrize(("change", "faults"), CHANGES)
def test_whatever_differs_is_named(told: Survey, copy: str, change: str, faults: list[str]) -> None:
    """Tables, columns, rows, cells, sequences, code, rules, files: each by name."""
    _do(copy, change)
    assert compare.differences(told, _survey(copy)) == faults


def test_a_right_that_is_lost_is_named(told: Survey, copy: str) -> None:
    """Roles are of the server: one that may do less than it did is no copy."""
    there = _survey(copy)
    there.roles["postgres"] = "login"
    assert compare.differences(told, there) == ["role postgres is not what it was"]
    assert compare.differences(told, there, roles=False) == []


def test_wrong_answers_of_an_index_are_found(told: Survey, copy: str) -> None:
    """A table that is right to whoever reads it and wrong to whoever trusts its index: only the index path tells."""
    _do(copy, "alter table permit.permit drop constraint permit_pkey; drop index permit.permit_by_plate")
    _do(copy, "create index stale on permit.permit (id) where id > 200")
    _do(copy, "update pg_index set indpred = null where indexrelid = 'permit.stale'::regclass")
    found = _survey(copy)
    assert found.tables["permit.permit"] == told.tables["permit.permit"]
    faults, unchecked = compare.by_index(copy, told, found)
    assert faults == ["table permit.permit has 1800 rows by its index, not 2000"]
    assert "permit.log_2025" in unchecked


def test_a_comparison_that_cannot_fail_is_a_fault(told: Survey, copy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control reads a cell of the smallest table as empty, and says so when nobody notices."""
    made = _Made(told)
    assert compare.control(copy, made) is None
    monkeypatch.setattr(compare, "one_table", lambda *_: iter(()))
    assert "went unnoticed" in str(compare.control(copy, made))
    _do(copy, """update permit."Mixed ""Name" set v = 'x' where v = '' """)
    assert "compares as changed" in str(compare.control(copy, made))


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
