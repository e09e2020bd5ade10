"""The guard on a real server: what it refuses outside a window, what it lets through all the same, and who may open one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.embedded import Server
from gateway.errors import GuardRefused, NotFound
from schemas import guard

TABLES = """
create schema ex; create type ex.state as enum ('new', 'done');
create table ex.rk (id int primary key, name text, state ex.state);
create table ex.other (id int);
create view ex.shown as select id from ex.rk;
create function ex.touch() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger touch before update on ex.rk for each row execute function ex.touch();
create policy one on ex.rk using (true);
"""


@pytest.fixture(scope="module")
def guarded(servers: tuple[Server, Server]) -> Iterator[tuple[Connection, str]]:
    """Yield the superuser's session in a database that is guarded, and the role that opens windows."""
    name, writer = f"g{uuid.uuid4().hex[:10]}", f"w{uuid.uuid4().hex[:10]}"
    servers[1].create_database(name)
    owner = pg.connect(servers[1].dsn(name), name="test", autocommit=True)
    pg.run(
        owner, f"{TABLES}; create role {writer} login; create role own_{writer}; grant all on schema ex to own_{writer}"
    )
    pg.run(owner, f"alter table ex.other owner to own_{writer}")
    guard.install(owner, guard.script(owner, ["ex.rk"], writer, [f"own_{writer}"]))
    yield owner, writer
    guard.remove(owner)
    owner.close()
    with closing(psycopg2.connect(servers[1].dsn())) as admin:
        admin.autocommit = True
        pg.run(admin, f"drop database {name} with (force)")
        pg.run(admin, f"drop role {writer}, own_{writer}")


def tried(owner: Connection, statement: str, before: str = "") -> str:
    """Run a statement and undo it; return the name of what refused it, or ok."""
    pg.run(owner, f"begin; {before}")
    try:
        pg.run(owner, statement)
    except psycopg2.Error as error:
        return "vetoed" if "needs a notice in effect" in str(error) else type(error).__name__
    finally:
        pg.run(owner, "rollback")
    return "ok"


@pytest.mark.parametrize(
    "statement",
    [
        "alter table ex.rk add column extra int",
        "alter table ex.rk rename column name to full_name",
        "alter table ex.rk rename to person",
        "alter table ex.rk set schema public",
        "alter table ex.rk drop column name",
        "alter table ex.rk alter column name type varchar(10)",
        "alter table ex.rk enable row level security",
        "alter type ex.state add value 'paid'",
        "alter type ex.state rename value 'new' to 'fresh'",
        "create trigger more before update on ex.rk for each row execute function ex.touch()",
        "create policy two on ex.rk using (true)",
        "comment on column ex.rk.name is 'x'",
        "drop table ex.rk cascade",
        "drop schema ex cascade",
        "drop type ex.state cascade",  # takes the column along
    ],
)
def test_ddl_outside_a_window_is_refused(guarded: tuple[Connection, str], statement: str) -> None:
    """However it reaches the shared relation, with or without a number that somebody made up."""
    owner, _ = guarded
    assert tried(owner, statement) == "vetoed"
    assert tried(owner, statement, "set local gateway.notice = '〔2026〕第9号'") == "vetoed"


@pytest.mark.parametrize(
    ("statement", "limit"),
    [
        ("grant select on ex.rk to public", "GRANT and REVOKE"),
        ("revoke all on ex.rk from public", "GRANT and REVOKE"),
        ("drop trigger touch on ex.rk", "DROP TRIGGER and DROP POLICY"),
        ("drop policy one on ex.rk", "DROP TRIGGER and DROP POLICY"),
        ("create or replace function ex.touch() returns trigger language plpgsql as $$ begin return null; end $$", "a changed body of a trigger's function"),
        ("create index on ex.rk (name)", "CREATE INDEX and DROP INDEX"),
        ("truncate ex.rk", "TRUNCATE"),
        ("create or replace view ex.shown as select id from ex.rk where false", "views that are not listed"),
        ("set local event_triggers = off; alter table ex.rk add column extra int", "a superuser who turns event triggers off"),
    ],
)  # fmt: skip
def test_what_the_guard_lets_through_is_told(guarded: tuple[Connection, str], statement: str, limit: str) -> None:
    """Each is a limit that installing prints: a brake, never the detector."""
    assert tried(guarded[0], statement) == "ok"
    assert limit in guard.LIMITS


@pytest.mark.parametrize(
    "statement",
    ["alter table ex.other add column extra int", "create table ex.new (id int)", "create temp table t (id int)"],
)
def test_other_relations_are_nobodys_business(guarded: tuple[Connection, str], statement: str) -> None:
    """The guard knows the shared ones alone."""
    assert tried(guarded[0], statement) == "ok"


def test_the_window_of_a_notice_lets_that_notice_through_and_closes_by_itself(guarded: tuple[Connection, str]) -> None:
    """Another number, or none, is refused within it too."""
    owner, writer = guarded
    change = "alter table ex.rk add column extra int"
    number = "set local gateway.notice = '〔2026〕第1号'"
    pg.run(owner, f"set role {writer}")
    assert [guard.window(owner, "〔2026〕第1号", label) for label in ("ex.rk", "ex.rk", "ex.other")] == [1, 0, 0]
    pg.run(owner, "reset role")
    try:
        assert [tried(owner, change, before) for before in (number, "", number.replace("1号", "2号"))] == [
            "ok",
            "vetoed",
            "vetoed",
        ]
        assert [(s["label"], s["notices"]) for s in guard.status(owner)] == [("ex.rk", "〔2026〕第1号")]
        pg.run(
            owner,
            "update gateway_guard.ddl_window set opens = now() - interval '2 days', closes = now() - interval '1 minute'",
        )
        assert tried(owner, change, number) == "vetoed"
        assert guard.status(owner)[0]["notices"] is None
    finally:
        pg.run(owner, "delete from gateway_guard.ddl_window")


def test_only_the_gateways_account_opens_windows(guarded: tuple[Connection, str]) -> None:
    """Not even the owner of the relation, whose setting could say anything."""
    owner, writer = guarded
    pg.run(owner, f"set role own_{writer}")
    try:
        with pytest.raises(GuardRefused, match="may not open a window"):
            guard.window(owner, "〔2026〕第1号", "ex.rk")
    finally:
        pg.run(owner, "reset role")


def test_the_gateways_own_role_passes(guarded: tuple[Connection, str]) -> None:
    """In the hub its tables follow its own gate."""
    owner, writer = guarded
    assert tried(owner, "alter table ex.rk add column extra int", f"grant own_{writer} to current_user") == "vetoed"
    owned = f"set local event_triggers = off; alter table ex.rk owner to own_{writer}; set local event_triggers = on; set local role own_{writer}"
    assert tried(owner, "alter table ex.rk add column extra int", owned) == "ok"


def test_installing_again_takes_new_relations_and_a_guard_turned_off_is_told(guarded: tuple[Connection, str]) -> None:
    """Whoever disables it is seen, and what was made anew is guarded again."""
    owner, writer = guarded
    pg.run(owner, "alter event trigger gateway_guard_drop disable")
    with pytest.raises(GuardRefused, match="turned off"):
        guard.status(owner)
    pg.run(
        owner,
        "set event_triggers = off; drop table ex.rk cascade; create table ex.rk (id int, name text, state ex.state); set event_triggers = on",
    )
    guard.install(owner, guard.script(owner, ["ex.rk", "ex.gone"], writer))
    assert [(s["label"], s["there"]) for s in guard.status(owner)] == [("ex.rk", True)]
    assert tried(owner, "alter table ex.rk drop column name") == "vetoed"


def test_without_superuser_or_guard_it_says_so(servers: tuple[Server, Server], guarded: tuple[Connection, str]) -> None:
    """And where none stands, no window is opened and nothing is in the way."""
    owner, writer = guarded
    pg.run(owner, f"set role {writer}")
    try:
        for call in (lambda: guard.install(owner, ""), lambda: guard.remove(owner)):
            with pytest.raises(GuardRefused, match="only a superuser"):
                call()
    finally:
        pg.run(owner, "reset role")
    other = pg.connect(servers[1].dsn(), name="test", autocommit=True)
    with pytest.raises(NotFound, match="no guard"):
        guard.status(other)
    assert guard.window(other, "〔2026〕第1号", "ex.rk") == 0
    other.close()
