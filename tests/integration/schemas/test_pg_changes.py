"""Every kind of change to a table on a real server: what is said of it, and what old readers and writers then meet."""

from __future__ import annotations

import pytest

from schemas.diff.compare import compare
from schemas.diff.model import Effect, Policy
from tests.integration.schemas.unit_side import UnitSide

# The change; its rule and effects; what the unit's SELECT by name, its INSERT of all columns, of the mandatory ones only,
# and without names met. "other rows" is silent: no error, but not the rows that it read before.
CHANGES = [
    ("alter table ex.rk add x text", "column.add", "info", "none", "ok", "ok", "ok", "ok"),  # add nullable column
    ("alter table ex.rk add x int not null default 1", "column.add.default", "info", "none", "ok", "ok", "ok", "ok"),  # constant default
    ("alter table ex.rk add x uuid not null default gen_random_uuid()", "column.add.rewrite", "info", "none", "ok", "ok", "ok", "ok"),  # volatile default
    ("alter table ex.rk add x int generated always as (cnt * 2) stored", "column.add.rewrite", "info", "none", "ok", "ok", "ok", "ok"),  # generated stored
    ("alter table ex.rk add x int; update ex.rk set x = 1; alter table ex.rk alter x set not null", "column.add.required", "info", "breaking", "ok", "NotNullViolation", "NotNullViolation", "NotNullViolation"),  # stepwise NOT NULL
    ("alter table ex.rk drop addr", "column.drop", "breaking", "breaking", "UndefinedColumn", "UndefinedColumn", "ok", "InvalidTextRepresentation"),  # drop column
    ("alter table ex.rk rename addr to address", "column.rename", "breaking", "breaking", "UndefinedColumn", "UndefinedColumn", "ok", "ok"),  # rename
    ("alter table ex.rk drop addr, add address varchar(50)", "column.drop", "breaking", "breaking", "UndefinedColumn", "UndefinedColumn", "ok", "InvalidTextRepresentation"),  # false rename
    ("alter table ex.rk drop addr, add addr varchar(50)", "column.recreated", "breaking", "info", "other rows", "ok", "ok", "InvalidTextRepresentation"),  # same name again
    ("alter table ex.rk rename addr to a_; alter table ex.rk rename alias to addr; alter table ex.rk rename a_ to alias", "column.swap", "breaking", "breaking", "other rows", "ok", "ok", "ok"),  # swap
    ("alter table ex.rk rename addr to address; alter table ex.rk add addr varchar(50)", "column.rename", "breaking", "breaking", "other rows", "ok", "ok", "ok"),  # rename and new one under old name
    ("alter table ex.rk alter name type varchar(40)", "type.widen", "warn", "none", "ok", "ok", "ok", "ok"),  # wider text
    ("alter table ex.rk alter name type text", "type.widen", "warn", "none", "ok", "ok", "ok", "ok"),  # to text
    ("alter table ex.rk alter addr type varchar(3)", "type.narrow", "none", "breaking", "ok", "ok", "ok", "ok"),  # narrower text
    ("alter table ex.rk alter addr type char(50)", "type.padding", "breaking", "warn", "other rows", "ok", "ok", "ok"),  # padded
    ("alter table ex.rk alter cnt type bigint", "type.widen", "warn", "none", "ok", "ok", "ok", "ok"),  # int to bigint
    ("alter table ex.rk alter price type numeric(7,1)", "type.widen", "warn", "none", "ok", "ok", "ok", "ok"),  # precision up
    ("alter table ex.rk alter price type numeric(4,1)", "type.narrow", "none", "breaking", "ok", "NumericValueOutOfRange", "ok", "NumericValueOutOfRange"),  # precision down
    ("alter table ex.rk alter big type int", "type.narrow", "none", "breaking", "ok", "NumericValueOutOfRange", "ok", "NumericValueOutOfRange"),  # bigint to int
    ("alter table ex.rk alter price type numeric(5,2)", "type.shift", "warn", "breaking", "ok", "NumericValueOutOfRange", "ok", "NumericValueOutOfRange"),  # scale up, same precision
    ("alter table ex.rk alter price type int", "type.shift", "breaking", "breaking", "other rows", "ok", "ok", "ok"),  # numeric to int
    ("alter table ex.rk alter price type double precision", "type.approximate", "warn", "none", "other rows", "ok", "ok", "ok"),  # numeric to double
    ("alter table ex.rk alter big type double precision", "type.approximate", "breaking", "breaking", "ok", "ok", "ok", "ok"),  # bigint to double
    ("alter table ex.rk alter day type timestamp", "type.temporal", "warn", "none", "other rows", "ok", "ok", "ok"),  # date to timestamp
    ("alter table ex.rk alter at type date", "type.temporal", "breaking", "breaking", "other rows", "ok", "ok", "ok"),  # timestamp to date
    ("alter table ex.rk alter at type timestamptz", "type.timezone", "warn", "warn", "other rows", "ok", "ok", "ok"),  # timestamp to timestamptz
    ("alter table ex.rk alter cnt drop default, drop constraint rk_cnt_check, alter cnt type text", "default.drop", "none", "breaking", "other rows", "ok", "NotNullViolation", "ok"),  # int to text, default goes
    ("alter table ex.rk alter big type text", "type.family", "breaking", "warn", "other rows", "ok", "ok", "ok"),  # bigint to text
    ("alter table ex.rk alter addr type int using 1", "type.family", "breaking", "breaking", "other rows", "InvalidTextRepresentation", "ok", "InvalidTextRepresentation"),  # text to int
    ("alter table ex.rk alter alias set not null", "null.forbid", "none", "breaking", "ok", "ok", "NotNullViolation", "ok"),  # set not null
    ("alter table ex.rk alter name drop not null", "null.allow", "breaking", "none", "ok", "ok", "ok", "ok"),  # drop not null
    ("alter table ex.rk alter cnt set default 5", "default.change", "none", "warn", "ok", "ok", "ok", "ok"),  # set default
    ("alter table ex.rk alter addr set default 'x'", "default.change", "none", "warn", "ok", "ok", "ok", "ok"),  # default of nullable
    ("alter table ex.rk alter cnt drop default", "default.drop", "none", "breaking", "ok", "ok", "NotNullViolation", "ok"),  # drop default of NOT NULL
    ("alter table ex.rk drop constraint rk_pkey, add primary key (id, idno)", "key.change", "breaking", "breaking", "ok", "ok", "ok", "ok"),  # key changed
    ("alter table ex.rk drop constraint rk_pkey", "key.drop", "breaking", "breaking", "ok", "ok", "ok", "ok"),  # key dropped
    ("alter table ex.rk drop constraint rk_idno_key", "unique.drop", "warn", "breaking", "ok", "ok", "ok", "ok"),  # unique dropped
    ("alter table ex.rk add unique (alias)", "unique.add", "none", "breaking", "ok", "ok", "ok", "ok"),  # unique added
    ("create unique index on ex.rk (alias)", "unique.add", "none", "breaking", "ok", "ok", "ok", "ok"),  # unique index added
    ("alter table ex.rk add unique (id, alias)", "unique.add", "none", "info", "ok", "ok", "ok", "ok"),  # unique by other column, implied
    ("alter table ex.rk add check (cnt < 7)", "check.add", "none", "breaking", "ok", "CheckViolation", "ok", "CheckViolation"),  # check added
    ("alter table ex.rk add check (cnt < 5) not valid", "check.add", "none", "breaking", "ok", "CheckViolation", "ok", "CheckViolation"),  # check added, not valid
    ("alter table ex.rk drop constraint rk_cnt_check", "check.drop", "warn", "none", "ok", "ok", "ok", "ok"),  # check dropped
    ("insert into ex.dept values (20); alter table ex.rk add foreign key (big) references ex.dept", "fk.add", "none", "breaking", "ok", "ForeignKeyViolation", "ok", "ForeignKeyViolation"),  # reference added
    ("alter table ex.rk drop constraint rk_fk_fkey", "fk.drop", "info", "none", "ok", "ok", "ok", "ok"),  # reference dropped
    ("alter type ex.state add value 'void'", "enum.add", "warn", "none", "ok", "ok", "ok", "ok"),  # enum value added
    ("alter type ex.state rename value 'new' to 'fresh'; alter type ex.state rename value 'paid' to 'settled'", "enum.rename", "breaking", "breaking", "other rows", "InvalidTextRepresentation", "ok", "InvalidTextRepresentation"),  # enum value renamed
    ("create type ex.state2 as enum ('done', 'paid'); alter table ex.rk alter state type ex.state2 using state::text::ex.state2; drop type ex.state; alter type ex.state2 rename to state", "enum.remove", "info", "breaking", "ok", "InvalidTextRepresentation", "ok", "InvalidTextRepresentation"),  # enum value removed
    ("alter domain ex.code add check (value < 'C')", "domain.check.add", "none", "breaking", "ok", "CheckViolation", "ok", "CheckViolation"),  # domain check
    ("alter table ex.rk rename to rk2", "table.rename", "breaking", "breaking", "UndefinedTable", "UndefinedTable", "UndefinedTable", "UndefinedTable"),  # table renamed
    ("alter table ex.rk set schema other", "table.move", "breaking", "breaking", "UndefinedTable", "UndefinedTable", "UndefinedTable", "UndefinedTable"),  # table moved
    ("drop table ex.rk", "table.drop", "breaking", "breaking", "UndefinedTable", "UndefinedTable", "UndefinedTable", "UndefinedTable"),  # table dropped
    ("alter table ex.rk rename to rk2; create view ex.rk as select * from ex.rk2", "acl.revoke", "none", "breaking", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege"),  # view under the old name, no grants
    ("alter table ex.rk rename to rk2; create view ex.rk as select * from ex.rk2; grant select, insert on ex.rk to unit", "view.compat", "none", "warn", "ok", "ok", "ok", "ok"),  # view with grants
    ("alter table ex.rk rename to rk2; create view ex.rk as select * from ex.rk2; alter table ex.rk2 rename addr to address; grant select, insert on ex.rk to unit", "view.compat", "none", "warn", "ok", "ok", "ok", "ok"),  # view over a renamed column
    ("alter table ex.rk rename to rk2; create view ex.rk as select * from ex.rk2 where id > 1; grant select, insert on ex.rk to unit", "view.compat.undecided", "warn", "warn", "other rows", "ok", "ok", "ok"),  # view that hides rows
    ("alter table ex.rk rename to rk2; create view ex.rk as select id, idno, name, alias as addr, cnt, price, day, at, state, code, fk, big, addr as alias, auto, no from ex.rk2; grant select, insert on ex.rk to unit", "view.compat.undecided", "warn", "warn", "other rows", "ok", "ok", "ok"),  # view that swaps
    ("alter table ex.rk rename to rk2; create view ex.rk as select id, idno, name, addr::text as addr, cnt, price, day, at, state, code, fk, big, alias, auto, no from ex.rk2; grant select, insert on ex.rk to unit", "view.readonly", "none", "breaking", "ok", "FeatureNotSupported", "ok", "FeatureNotSupported"),  # view that computes
    ("create table ex.n as table ex.rk; drop table ex.rk; alter table ex.n rename to rk", "table.recreated", "breaking", "breaking", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege"),  # copy of the table
    ("create table ex.n (like ex.rk including all); insert into ex.n table ex.rk; alter sequence ex.rk_no_seq owned by none; drop table ex.rk; alter table ex.n rename to rk; grant select, insert on ex.rk to unit", "table.recreated.undecided", "warn", "warn", "ok", "ok", "ok", "ok"),  # made again, granted again
    ("create table ex.n (like ex.rk including all); insert into ex.n table ex.rk; alter table ex.rk rename to rk_old; alter table ex.n rename to rk", "table.recreated", "breaking", "breaking", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege"),  # blue and green
    ("create table ex.tmp (like ex.rk including all); grant select, insert on ex.tmp to unit", "table.add", "info", "none", "ok", "ok", "ok", "ok"),  # table added
    ("alter table ex.rk rename to rk1; create table ex.rk (like ex.rk1 including defaults including constraints including identity) partition by list (id); alter table ex.rk add primary key (id); create table ex.rk_all partition of ex.rk default; insert into ex.rk table ex.rk1; alter sequence ex.rk_no_seq owned by none; drop table ex.rk1; grant select, insert on ex.rk to unit", "table.partitioned", "info", "info", "ok", "ok", "ok", "ok"),  # partitioned, granted again
    ("revoke usage on sequence ex.rk_no_seq from unit; alter table ex.rk rename to rk2; create view ex.rk as select * from ex.rk2; grant select, insert on ex.rk to unit", "acl.revoke", "none", "breaking", "ok", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege"),  # a view draws its numbers as who writes
    ("create table ex.n (like ex.rk including all); insert into ex.n table ex.rk; alter table ex.n rename addr to a_; alter table ex.n rename alias to addr; alter table ex.n rename a_ to alias; alter sequence ex.rk_no_seq owned by none; drop table ex.rk; alter table ex.n rename to rk; grant select, insert on ex.rk to unit", "column.swap.undecided", "warn", "warn", "other rows", "ok", "ok", "ok"),  # made again, two names swapped
    ("comment on column ex.rk.addr is '住址'", "comment", "info", "info", "ok", "ok", "ok", "ok"),  # comment
    ("create index on ex.rk (addr)", "index.add", "info", "info", "ok", "ok", "ok", "ok"),  # index
    ("create function ex.no() returns trigger language plpgsql as 'begin raise exception ''no''; end'; create trigger t before insert on ex.rk for each row execute function ex.no()", "trigger.change.undecided", "none", "warn", "ok", "RaiseException", "RaiseException", "RaiseException"),  # trigger that refuses
    ("alter table ex.rk enable row level security", "rls.on", "breaking", "breaking", "other rows", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege"),  # row security
    ("alter table ex.rk enable row level security; create policy p on ex.rk using (id > 1)", "rls.on", "breaking", "breaking", "other rows", "ok", "ok", "ok"),  # row security with a policy
    ("revoke select on ex.rk from unit", "acl.revoke", "breaking", "none", "InsufficientPrivilege", "ok", "ok", "ok"),  # select revoked
    ("revoke insert on ex.rk from unit", "acl.revoke", "none", "breaking", "ok", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege"),  # insert revoked
    ("revoke select on ex.rk from unit; grant select (id, idno, name) on ex.rk to unit", "acl.revoke", "breaking", "none", "InsufficientPrivilege", "ok", "ok", "ok"),  # right on some columns only
    ("revoke select on ex.rk from unit; grant select (id, idno, name, addr, cnt, price, day, at, state, code, fk, big, alias, auto, no) on ex.rk to unit", "", "none", "none", "ok", "ok", "ok", "ok"),  # right on every column
    ("revoke usage on schema ex from unit", "access.schema", "breaking", "breaking", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege"),  # schema closed
    ("grant update on ex.rk to unit", "acl.grant", "info", "none", "ok", "ok", "ok", "ok"),  # update granted
    ("alter table ex.rk alter auto set generated always", "identity.always", "none", "breaking", "ok", "ok", "ok", "ok"),  # identity always
    ("alter table ex.rk alter id add generated always as identity", "identity.always", "none", "breaking", "ok", "GeneratedAlways", "GeneratedAlways", "GeneratedAlways"),  # id becomes identity
    ("alter table ex.rk alter auto drop identity", "default.drop", "none", "breaking", "ok", "NotNullViolation", "NotNullViolation", "NotNullViolation"),  # identity dropped
    ('alter table ex.rk alter name type varchar(20) collate "C"', "collation", "warn", "none", "ok", "ok", "ok", "ok"),  # collation
    ("alter table ex.rk set unlogged", "unlogged", "warn", "warn", "ok", "ok", "ok", "ok"),  # unlogged
    ("alter table ex.rk replica identity full", "replica.identity", "warn", "none", "ok", "ok", "ok", "ok"),  # replica identity
    ("alter table ex.rk alter price type numeric(5,0)", "type.shift", "breaking", "breaking", "other rows", "ok", "ok", "ok"),  # fraction lost
    ("alter table ex.rk alter at type timestamp(0)", "type.narrow", "warn", "breaking", "ok", "ok", "ok", "ok"),  # timestamp cut to seconds
    ("alter table ex.rk alter code type ex.state using null::ex.state", "type.family", "breaking", "breaking", "other rows", "InvalidTextRepresentation", "ok", "InvalidTextRepresentation"),  # text to labels
    ("alter table ex.rk alter big type bigint[] using array[big]", "type.family", "breaking", "breaking", "other rows", "DatatypeMismatch", "ok", "DatatypeMismatch"),  # array
    ("create domain ex.name as varchar(20) not null; alter table ex.rk alter name type ex.name", "type.rename", "info", "warn", "ok", "ok", "ok", "ok"),  # domain instead of its base
    ("alter table ex.rk add x int unique", "column.add", "info", "none", "ok", "ok", "ok", "ok"),  # unique on a new column
    ("alter table ex.rk add x int check (x > 0)", "column.add", "info", "none", "ok", "ok", "ok", "ok"),  # check on a new column
    ("alter table ex.rk add x int; update ex.rk set x = 1; alter table ex.rk add check (x is not null)", "check.add", "none", "breaking", "ok", "CheckViolation", "CheckViolation", "CheckViolation"),  # check that wants a new column
    ("alter table ex.rk drop cnt, add cnt int generated always as (id * 2) stored", "generated.on", "warn", "breaking", "other rows", "GeneratedAlways", "ok", "DatatypeMismatch"),  # generated now
    ("alter table ex.rk enable row level security; create policy p on ex.rk for select using (id > 1); grant update on ex.rk to unit", "rls.on", "breaking", "breaking", "other rows", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege"),  # policy that hides
    ("create function ex.f() returns trigger language plpgsql as 'begin return new; end'; create trigger t before insert on ex.rk for each row execute function ex.f(); alter table ex.rk disable trigger t", "", "none", "none", "ok", "ok", "ok", "ok"),  # trigger switched off
    ("alter table ex.rk rename to rk2; create view ex.rk with (security_invoker = true) as select * from ex.rk2; grant select, insert on ex.rk to unit; revoke all on ex.rk2 from unit", "acl.revoke", "none", "breaking", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege"),  # view that reads with the reader's rights
    ("revoke usage on sequence ex.rk_no_seq from unit", "acl.revoke", "none", "breaking", "ok", "InsufficientPrivilege", "InsufficientPrivilege", "InsufficientPrivilege"),  # no numbers to draw
    ("create rule r as on insert to ex.rk do instead nothing", "trigger.change.undecided", "none", "warn", "ok", "ok", "ok", "ok"),  # rows vanish without an error
    ("alter role unit nologin", "access.login", "breaking", "breaking", "ok", "ok", "ok", "ok"),  # not met by a session that is open
]  # fmt: skip
# Rules that warn a reader although the values look otherwise: they say the same in another form.
FORM_ONLY = {"pg.type.temporal", "pg.type.timezone", "pg.type.approximate"}


@pytest.mark.parametrize(("change", "rule", "reader", "writer", "reads", "named", "mandatory", "positional"), CHANGES)
def test_a_change_is_judged_as_the_unit_meets_it(
    side: UnitSide,
    change: str,
    rule: str,
    reader: str,
    writer: str,
    reads: str,
    named: str,
    mandatory: str,
    positional: str,
) -> None:
    """Rule and both effects are right, the unit meets what it is said to meet, and nothing that fails is called compatible."""
    old = side.snapshot()
    seen, _, writers = side.seen(lambda: side.run(change))
    new = side.snapshot()
    assert (reads, named, mandatory, positional) == (seen, *writers.values())
    answers = {role: compare("pg", old, new, role, Policy()) for role in ("reader", "writer", "both")}
    told = {(c.rule, c.effect_reader.name, c.effect_writer.name) for c in answers["both"].changes}
    if rule:
        assert (f"pg.{rule}", reader, writer) in told
    else:
        assert answers["both"].level == Effect.none
    if seen != "ok":
        rules = {c.rule for c in answers["reader"].changes if c.effect_reader == Effect.warn}
        assert not answers["reader"].compatible or rules & FORM_ONLY
    if {named, mandatory} != {"ok"}:
        assert not answers["writer"].compatible


# Changes after which everything is as it was.
SILENT = [
    "select 1",  # nothing
    "insert into ex.rk select id + 100, 'n' || id, name from ex.rk; analyze ex.rk",  # rows come
    "update ex.rk set cnt = cnt + 1; delete from ex.rk where id = 1; vacuum full ex.rk",  # the file is another
    "grant update on ex.rk to unit; revoke update on ex.rk from unit",  # a right that came and went
    "grant select on ex.dept to club; revoke select on ex.dept from club",  # of a role that holds nothing else
    "alter table ex.rk add x int; alter table ex.rk drop x",  # a column that came and went
    "alter table ex.rk set (fillfactor = 70)",  # how the pages are filled
]


@pytest.mark.parametrize("change", SILENT)
def test_what_changes_no_structure_changes_no_fingerprint(side: UnitSide, change: str) -> None:
    """Both fingerprints stay, and no change is told."""
    old = side.snapshot()
    for statement in change.split("; "):
        side.run(statement)
    new = side.snapshot()
    assert old["fingerprint"] == new["fingerprint"]
    assert compare("pg", old, new, "both", Policy()).changes == ()


def test_every_change_of_the_table_changes_the_fingerprint(side: UnitSide) -> None:
    """The swap of two names, which leaves the set of names alone, included."""
    old = side.snapshot()["fingerprint"]
    side.run(
        "alter table ex.rk rename addr to a_; alter table ex.rk rename alias to addr; alter table ex.rk rename a_ to alias"
    )
    new = side.snapshot()["fingerprint"]
    assert old["identity"] != new["identity"]


def test_each_change_there_and_back_is_told_in_both_directions(side: UnitSide) -> None:
    """What narrows for one is what widens for the other."""
    old = side.snapshot()
    side.run("alter table ex.rk alter name type varchar(40)")
    new = side.snapshot()
    assert [c.rule for c in compare("pg", old, new, "both", Policy()).changes] == ["pg.type.widen"]
    assert [c.rule for c in compare("pg", new, old, "both", Policy()).changes] == ["pg.type.narrow"]
