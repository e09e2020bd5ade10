"""Snapshots of a real PostgreSQL: who sees what, what outlives a copy, and what only a second look can tell."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection
from typer.testing import CliRunner

from gateway import pg
from gateway.embedded import Server, pg_binary
from gateway.errors import NotFound, PlatformUnavailable, SchemaMismatch
from schemas.cli import group
from schemas.diff.compare import compare
from schemas.diff.model import Answer, Policy
from schemas.snapshot import document
from schemas.snapshot import pg as snapshot
from schemas.snapshot.document import canonical, fingerprint
from tests.integration.schemas.unit_side import TABLE, UnitSide, database


def shape(found: dict[str, Any]) -> dict[str, Any]:
    """Return what the fingerprint of a shape is made of, so that a failure tells what differs."""
    return {
        "relations": {r["name"]: document._shape(r) for r in found["relations"]},
        "schemas": found["schemas"],
        "access": [{key: value for key, value in role.items() if key != "member_of"} for role in found["access"]],
    }


def judged(old: Any, new: Any, renames: str = "suspect") -> Answer:
    """Compare two snapshots for both roles."""
    return compare("pg", old, new, "both", Policy.of({"renames": renames}))


def rules(answer: Answer) -> set[tuple[str, str]]:
    """Return rule and path of each change."""
    return {(c.rule, c.path) for c in answer.changes}


def test_a_role_without_rights_sees_what_the_owner_sees(side: UnitSide) -> None:
    """The catalogue is open to all: no right on any table is needed."""
    mine = side.snapshot()
    side.run("set role club")
    try:
        assert canonical(side.snapshot()) == canonical(mine)
    finally:
        side.run("reset role")


def test_the_same_structure_is_written_in_the_same_bytes(side: UnitSide) -> None:
    """Twice taken, twice the same; and JSON that reads back."""
    first, second = side.snapshot(), side.snapshot()
    assert canonical(first) == canonical(second)
    assert json.loads(canonical(first)) == first


def test_a_copy_in_another_database_has_the_shape_and_not_the_identity(
    side: UnitSide, owner: Connection, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    """Numbers of columns close up in a copy, so that they must not be compared."""
    side.run("alter table ex.rk drop day; alter table ex.rk add day date; create index on ex.rk (addr)")
    old = side.snapshot()
    with database(servers[0]) as (dsn, other):
        dump = [str(pg_binary("pg_dump")), "-Fc", "-f", str(tmp_path / "d"), servers[1].dsn(owner.info.dbname)]
        subprocess.run(dump, check=True)
        subprocess.run([str(pg_binary("pg_restore")), "-d", dsn, str(tmp_path / "d")], check=True)
        new = snapshot.take(other, ["ex", "other"])
    assert shape(old) == shape(new)
    assert old["fingerprint"]["shape"] == new["fingerprint"]["shape"]
    assert old["fingerprint"]["identity"] != new["fingerprint"]["identity"]
    assert judged(old, new).changes == ()


def test_a_rename_in_a_copy_is_only_suspected(side: UnitSide, servers: tuple[Server, Server]) -> None:
    """Its effects are those of a column that went and one that came."""
    old = side.snapshot()
    with database(servers[0]) as (_, other):
        with other.cursor() as cursor:
            cursor.execute(TABLE.replace("addr varchar", "address varchar"))
        new = snapshot.take(other, ["ex", "other"])
    found = judged(old, new)
    assert {("pg.column.drop", "ex.rk.addr"), ("pg.column.add", "ex.rk.address")} < rules(found)
    suspected = [c for c in found.changes if c.rule == "pg.column.rename.suspected"]
    assert [(c.before, c.after["name"]) for c in suspected] == [("addr", "address")]
    assert not any("suspected" in rule for rule, _ in rules(judged(old, new, "certain")))
    assert not found.compatible


def test_two_tables_that_swap_their_names_are_told(side: UnitSide) -> None:
    """Each name answers, with the other one's rows."""
    side.run("create table ex.twin (like ex.rk including all); grant select, insert on ex.twin to unit")
    old = side.snapshot()
    side.run("alter table ex.rk rename to x; alter table ex.twin rename to rk; alter table ex.x rename to twin")
    assert {("pg.table.swap", "ex.rk"), ("pg.table.swap", "ex.twin")} <= rules(judged(old, side.snapshot()))


def test_without_renames_a_renamed_column_is_one_less_and_one_more_and_a_swap_is_still_told(side: UnitSide) -> None:
    """Policy `renames: off`."""
    old = side.snapshot()
    side.run("alter table ex.rk rename addr to address")
    assert rules(judged(old, side.snapshot(), "off")) == {
        ("pg.column.drop", "ex.rk.addr"),
        ("pg.column.add", "ex.rk.address"),
    }
    side.run(
        "alter table ex.rk rename address to addr; alter table ex.rk rename day to d_; alter table ex.rk rename at to day"
    )
    assert ("pg.column.swap", "ex.rk.day") in rules(judged(old, side.snapshot(), "off"))


def test_a_role_that_leaves_its_group_loses_what_the_group_may(side: UnitSide) -> None:
    """No list of the table changes; what the role can do does."""
    side.run("revoke all on ex.rk from unit; grant select, insert on ex.rk to club; grant club to unit")
    old = side.snapshot()
    side.run("revoke club from unit")
    found = judged(old, side.snapshot())
    assert ("pg.access.lost", "ex.rk") in rules(found)
    assert not found.compatible


def test_a_right_that_a_group_still_gives_is_no_loss(side: UnitSide) -> None:
    """The role's own grant goes, the group's stays."""
    side.run("grant select, insert on ex.rk to club; grant club to unit")
    old = side.snapshot(["unit"])
    side.run("revoke select on ex.rk from unit")
    found = judged(old, side.snapshot(["unit"]))
    assert {c.rule for c in found.changes} == {"pg.acl.revoke"}
    assert found.compatible
    side.run("revoke club from unit")


def test_policies_are_judged_by_what_they_hide(side: UnitSide) -> None:
    """One less that shows rows, or one more that hides them, leaves a reader with fewer."""
    side.run("alter table ex.rk enable row level security; create policy p on ex.rk using (true)")
    old = side.snapshot()
    side.run("create policy q on ex.rk as restrictive for select using (id > 1)")
    (found,) = judged(old, side.snapshot()).changes
    assert (found.effect_reader.name, found.effect_writer.name) == ("breaking", "none")
    side.run("drop policy q on ex.rk; alter policy p on ex.rk using (id > 1)")
    (found,) = judged(old, side.snapshot()).changes
    assert (found.effect_reader.name, found.effect_writer.name) == ("breaking", "breaking")
    side.run("alter policy p on ex.rk using (true); create policy r on ex.rk for select using (id = 1)")
    (found,) = judged(old, side.snapshot()).changes
    assert (found.effect_reader.name, found.effect_writer.name) == ("warn", "none")
    side.run("drop policy r on ex.rk; drop policy p on ex.rk")
    (found,) = judged(old, side.snapshot()).changes
    assert (found.effect_reader.name, found.effect_writer.name) == ("breaking", "breaking")


def test_a_view_is_judged_by_what_it_shows(side: UnitSide) -> None:
    """Redefined, it warns; read-only, it fails its writers; made again with its grants, it goes on."""
    side.run("create view ex.v as select id, idno, name from ex.rk; grant select, insert on ex.v to unit")
    old = side.snapshot()
    side.run("create or replace view ex.v as select id, idno, name from ex.rk where id > 1")
    assert rules(judged(old, side.snapshot())) == {("pg.view.redefine", "ex.v")}
    side.run("create or replace view ex.v as select distinct id, idno, name from ex.rk")
    assert ("pg.view.readonly", "ex.v") in rules(judged(old, side.snapshot()))
    side.run("drop view ex.v; create view ex.v as select id, idno, name from ex.rk")
    assert ("pg.acl.revoke", "ex.v") in rules(judged(old, side.snapshot()))
    side.run("grant select, insert on ex.v to unit")
    assert rules(judged(old, side.snapshot())) == {("pg.view.recreated", "ex.v")}


def test_the_fingerprint_of_one_relation_is_that_of_its_part_of_the_snapshot(side: UnitSide, owner: Connection) -> None:
    """So that what was stored answers the question before each batch."""
    whole = {r["name"]: fingerprint(r) for r in side.snapshot()["relations"]}
    assert whole["rk"] == snapshot.relation_fingerprint(owner, "ex", "rk")
    side.run("alter table ex.dept add x int")
    assert whole["rk"] == snapshot.relation_fingerprint(owner, "ex", "rk")
    assert whole["dept"] != snapshot.relation_fingerprint(owner, "ex", "dept")
    side.run("revoke select on ex.rk from unit")
    assert whole["rk"]["shape"] != snapshot.relation_fingerprint(owner, "ex", "rk")["shape"]
    with pytest.raises(SchemaMismatch, match=r"there is no relation ex\.gone"):
        snapshot.relation_fingerprint(owner, "ex", "gone")


def test_a_schema_or_a_role_that_does_not_exist_is_named(owner: Connection) -> None:
    """Nothing is compared that was not there."""
    with pytest.raises(NotFound, match="there is no schema nowhere"):
        snapshot.take(owner, ["public", "nowhere"])
    with pytest.raises(NotFound, match="there is no role nobody"):
        snapshot.take(owner, ["public"], ["nobody"])


def test_a_session_of_an_older_server_gives_the_same_shape(side: UnitSide, server16: Server) -> None:
    """What PostgreSQL 18 keeps otherwise (NOT NULL as a rule of its own) is no difference; numbers of another server are none."""
    old = side.snapshot()
    with database(server16) as (_, other):
        with other.cursor() as cursor:
            cursor.execute(TABLE)
        new = snapshot.take(other, ["ex", "other"])
    assert judged(new, old).changes == ()
    assert old["fingerprint"]["shape"] == new["fingerprint"]["shape"]


def test_the_command_writes_what_the_comparison_reads(
    side: UnitSide, owner: Connection, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    """From the server to the verdict by the command line alone."""
    runner, dsn = CliRunner(), servers[1].dsn(owner.info.dbname)
    files = [tmp_path / "old.json", tmp_path / "new.json"]
    for file in files:
        taken = runner.invoke(group, ["snapshot", "--dsn", dsn, "--schema", "ex", "--role", "unit"])
        assert taken.exit_code == 0, taken.output
        file.write_bytes(taken.stdout_bytes)
        side.run("alter table ex.rk rename addr to address" if file == files[0] else "select 1")
    diff = ["diff", "--kind", "pg", "--old", str(files[0]), "--new", str(files[1]), "--json", "--fail-on", "breaking"]
    found = runner.invoke(group, diff)
    assert found.exit_code == 1
    assert json.loads(found.stdout)["changes"] == [{
        "kind": "column_renamed", "path": "ex.rk.addr", "before": "addr", "after": "address",
        "effect_reader": "breaking", "effect_writer": "breaking", "rule": "pg.column.rename",
    }]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, ""),  # neither
        (["--dsn", "postgresql://u:s3cret@127.0.0.1:1/x"], 1, "GW-201"),  # nobody there
        (["--dsn", "postgresql://u:s3cret@x@127.0.0.1/x"], 1, "GW-102"),  # cannot be read
        (["--dsn", "mysql://u:s3cret@127.0.0.1:1/x"], 1, "GW-201"),
        (["--platform", "nowhere"], 1, "GW-406"),
        (["--platform", "pop"], 1, "GW-103"),  # not configured here
    ],
)
def test_what_keeps_the_command_from_a_snapshot_is_told_without_the_password(
    options: list[str], code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code, cause and hint; never a part of the address that is secret."""
    monkeypatch.setenv("GATEWAY_HUB_DSN", "postgresql://127.0.0.1:1/x")
    monkeypatch.delenv("GATEWAY_CONN_POP", raising=False)
    found = CliRunner().invoke(group, ["snapshot", *options])
    assert found.exit_code == code
    assert words in found.output
    assert "s3cret" not in found.output


def test_a_session_that_is_cut_in_the_middle_is_an_error_of_the_platform(
    side: UnitSide, owner: Connection, servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No half snapshot comes of it, and no other error hides it."""
    other = pg.connect(servers[1].dsn(owner.info.dbname), name="test", autocommit=True)
    columns = snapshot._columns

    def cut(*arguments: Any) -> Any:
        side.run(f"select pg_terminate_backend({other.info.backend_pid})")
        return columns(*arguments)

    monkeypatch.setattr(snapshot, "_columns", cut)
    with pytest.raises(PlatformUnavailable), pg.platform_errors("test", "take a snapshot"):
        snapshot.take(other, ["ex"])
    other.close()


def test_grants_in_another_order_are_the_same_grants(side: UnitSide) -> None:
    """A server keeps them as they came; a list that is not sorted would tell a change where there is none."""
    side.run("revoke all on ex.rk from unit, club; grant select on ex.rk to unit; grant select on ex.rk to club")
    old = side.snapshot()
    side.run("revoke all on ex.rk from unit, club; grant select on ex.rk to club; grant select on ex.rk to unit")
    assert side.snapshot()["fingerprint"] == old["fingerprint"]
