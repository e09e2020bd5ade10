"""Old-shape views on a real server: what readers and writers of the old shape meet after the change."""

from __future__ import annotations

import io
from typing import Any

import psycopg2
import pytest

from gateway.errors import ViewRefused
from schemas import compat, compat_sql
from schemas.diff.compare import compare
from schemas.diff.model import Policy
from tests.integration.schemas.unit_side import UnitSide

RENAME = "alter table ex.rk rename column addr to address"
DROP = "alter table ex.rk drop column alias"
RETYPE = "alter table ex.rk alter column cnt drop default, alter column cnt type bigint"
MOVE = "alter table ex.rk rename to person"
OLD = "insert into {} (id, idno, name, addr, cnt, alias) values (20, '130800199001010099', '张三', '双桥区', 7, '丙')"
FEW = "insert into {} (id, idno, name) values (21, '130800199001010098', '李四')"
UPSERT = "insert into {} (id, idno, name) values (1, '130800199001010011', '改名') on conflict (id) do update set name = excluded.name"
VIEW = "share_v1.rk"
READ = "select id, idno, name, addr, cnt, alias from {} order by id"


class Shared:
    """The table of the unit, what it was, and the view that is made after a change."""

    def __init__(self, side: UnitSide) -> None:
        self.side = side
        side.run("drop schema if exists share_v1 cascade")
        self.before = side.snapshot()
        self.relation = next(r for r in self.before["relations"] if r["name"] == "rk")
        self.rows = side.as_unit(READ.format("ex.rk"))

    def script(self, *, trigger: bool = False, **expressions: str) -> tuple[compat.OldShape, str]:
        """Return the view's shape and script after what changed by now."""
        changes = compare("pg", self.before, self.side.snapshot(), "both", Policy()).changes
        shape = compat.of(self.relation, changes, "share_v1", expressions)
        return shape, compat_sql.whole(compat_sql.make(shape, self.side.owner, trigger=trigger))

    def view(self, change: str, *, trigger: bool = False, **expressions: str) -> compat.OldShape:
        """Make the change and the view."""
        self.side.run(change)
        shape, script = self.script(trigger=trigger, **expressions)
        self.side.run(script)
        return shape

    def copy_in(self) -> list[Any] | str:
        """Load a line into the view as the unit does by COPY, and undo it."""
        self.side.run("begin; set local role unit")
        try:
            with self.side.owner.cursor() as cursor:
                line = io.StringIO("30\t13080019900101\t王五\t营子区\n")
                cursor.copy_expert(f"copy {VIEW} (id, idno, name, addr) from stdin", line)
                return [cursor.rowcount]
        except psycopg2.Error as error:
            return type(error).__name__
        finally:
            self.side.run("rollback")


@pytest.fixture
def shared(side: UnitSide) -> Shared:
    """Return the table before any change, without a view."""
    return Shared(side)


@pytest.mark.parametrize(
    "change",
    [
        RENAME,
        MOVE,  # the table itself
        RETYPE,  # read back through a cast
        "alter table ex.rk rename column addr to x; alter table ex.rk rename column name to addr; alter table ex.rk rename column x to name",  # names swapped
        "alter table ex.rk add column extra text",  # nothing that the old shape knows
        f"{RENAME}; {MOVE}",
    ],
)
def test_the_unit_reads_the_old_rows_under_the_old_names(shared: Shared, change: str) -> None:
    """Every column in the old order, by the role that read the table before."""
    shared.view(change)
    assert shared.side.as_unit(READ.format(VIEW)) == shared.rows
    names = [c["name"] for c in shared.relation["columns"]]
    shown = shared.side.run(
        "select attname from pg_attribute where attrelid = 'share_v1.rk'::regclass and attnum > 0 order by attnum"
    )
    assert [name for (name,) in shown] == names


def test_what_is_gone_is_null_or_what_the_plan_makes_of_the_new_columns(shared: Shared) -> None:
    """In the old type."""
    split = "alter table ex.rk add column a text, add column b text; update ex.rk set a = left(addr, 1), b = substr(addr, 2); alter table ex.rk drop column addr"
    shared.view(f"{split}; {DROP}", addr="a || b")
    rows: Any = shared.side.as_unit(READ.format(VIEW))
    assert [(r[3], r[5]) for r in rows] == [("双桥区", None), (None, None)]
    assert shared.side.run(
        "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'share_v1.rk'::regclass and attname = 'addr'"
    ) == [("character varying(50)",)]


def test_grants_do_not_follow_a_view_and_are_given_again(shared: Shared) -> None:
    """Without them the unit is refused; making the view anew keeps them."""
    shared.view(RENAME)
    shared.side.run("revoke all on share_v1.rk from unit")
    assert shared.side.as_unit(READ.format(VIEW)) == "InsufficientPrivilege"
    for _ in range(2):
        shared.side.run(shared.script()[1])
        assert shared.side.as_unit(READ.format(VIEW)) == shared.rows


def test_a_right_on_some_columns_stays_one_on_some(shared: Shared) -> None:
    """The view opens no column that its reader could not see."""
    shared.side.run("revoke select on ex.rk from unit; grant select (id, addr) on ex.rk to unit")
    again = Shared(shared.side)
    again.view(RENAME)
    assert again.side.as_unit(f"select id, addr from {VIEW} order by id") == [(1, "双桥区"), (2, None)]
    assert again.side.as_unit(f"select name from {VIEW}") == "InsufficientPrivilege"


def test_row_security_is_not_bypassed(shared: Shared) -> None:
    """A plain view reads with its owner's rights, past the policy; ours asks for the reader's."""
    shared.side.run(
        "alter table ex.rk enable row level security; create policy one on ex.rk for select to unit using (id = 1)"
    )
    again = Shared(shared.side)
    shape = again.view(RENAME)
    again.side.run("create view share_v1.plain as select * from ex.rk; grant select on share_v1.plain to unit")
    assert [len(again.side.as_unit(f"select * from share_v1.{name}")) for name in ("rk", "plain")] == [1, 2]
    assert "row security" in " ".join(shape.lacking(trigger=False))


@pytest.mark.parametrize(
    ("change", "trigger", "named", "few", "upsert", "copied", "said"),
    [
        # plain columns: rows and upserts pass, COPY does not
        (RENAME, False, "ok", "ok", "ok", "WrongObjectType", "no COPY FROM"),
        # what is dropped or cast takes no value
        (f"{RENAME}; {DROP}", False, "FeatureNotSupported", "ok", "ok", "WrongObjectType", "name alias"),
        (RETYPE, False, "FeatureNotSupported", "NotNullViolation", "NotNullViolation", "WrongObjectType", "name cnt"),
        # a trigger cures both and COPY, and takes ON CONFLICT away
        (RENAME, True, "ok", "ok", "InvalidColumnReference", "ok", "no ON CONFLICT"),
        (f"{RENAME}; {DROP}; {RETYPE}", True, "ok", "ok", "InvalidColumnReference", "ok", "kept aside in share_v1.rk__kept"),
        # a new column that must be given harms every old writer; no view cures that
        ("alter table ex.rk add column must int; update ex.rk set must = 1; alter table ex.rk alter must set not null", True, "NotNullViolation", "NotNullViolation", "InvalidColumnReference", "NotNullViolation", "must must be given"),
    ],
)  # fmt: skip
def test_what_old_writers_can_do_is_what_the_view_says(
    shared: Shared, change: str, trigger: bool, named: str, few: str, upsert: str, copied: str, said: str
) -> None:
    """As the server answers: rows with all old columns, with the mandatory ones, upserts, COPY."""
    shared.side.run("grant update on ex.rk to unit")
    again = Shared(shared.side)
    shape = again.view(change, trigger=trigger)
    answers = [*(again.side.as_unit(s.format(VIEW)) for s in (OLD, FEW, UPSERT)), again.copy_in()]
    assert tuple(a if isinstance(a, str) else "ok" for a in answers) == (named, few, upsert, copied)
    assert said in " ".join(shape.lacking(trigger=trigger))


def test_the_trigger_fills_defaults_and_keeps_what_has_no_place(shared: Shared) -> None:
    """Numbers are drawn, the default stands behind the cast, the dropped value lies beside with its key."""
    shared.view(f"{RENAME}; {DROP}; {RETYPE}", trigger=True)
    shared.side.run(f"set role unit; {OLD.format(VIEW)}; {FEW.format(VIEW)}; reset role")
    assert shared.side.run("select id, address, cnt, auto is not null, no is not null from ex.rk where id >= 20 order by id") == [
        (20, "双桥区", 7, True, True), (21, None, 0, True, True),
    ]  # fmt: skip
    assert shared.side.run("select key, lost from share_v1.rk__kept") == [({"id": 20}, {"alias": "丙"})]
    assert shared.side.as_unit("select * from share_v1.rk__kept") == "InsufficientPrivilege"
    assert shared.side.as_unit("create temp table t (id int); create trigger x instead of insert on t for each row execute function share_v1.rk__insert()") in {"InsufficientPrivilege", "WrongObjectType"}  # fmt: skip


def test_the_view_holds_columns_of_its_table_and_lets_them_be_renamed(shared: Shared) -> None:
    """Whoever drops or retypes one is refused until the view is gone; its own name stays."""
    shared.view(RENAME)
    for statement in ("alter table ex.rk drop column address", "alter table ex.rk alter column address type text"):
        with pytest.raises((psycopg2.errors.DependentObjectsStillExist, psycopg2.errors.FeatureNotSupported)):
            shared.side.run(statement)
    shared.side.run("alter table ex.rk rename column address to whereabouts")
    assert shared.side.as_unit(READ.format(VIEW)) == shared.rows
    shared.side.run("; ".join(compat_sql.drop("share_v1", "rk", shared.side.owner)))
    shared.side.run("alter table ex.rk drop column whereabouts")


def test_a_script_that_fails_leaves_nothing(shared: Shared) -> None:
    """Neither view nor schema: it is one transaction."""
    shared.side.run(DROP)
    _, script = shared.script(alias="no_such_column")
    with pytest.raises(psycopg2.errors.UndefinedColumn):
        shared.side.run(script)
    shared.side.run("rollback")
    assert shared.side.run("select to_regnamespace('share_v1')") == [(None,)]


def test_the_server_counts_no_use_of_a_view(shared: Shared) -> None:
    """Which is why its use is proven otherwise."""
    shared.view(RENAME)
    shared.side.as_unit(READ.format(VIEW))
    assert shared.side.run("select count(*) from pg_stat_all_tables where schemaname = 'share_v1'") == [(0,)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("drop table ex.rk", "leaves nothing to read"),
        ("drop table ex.rk; create table ex.rk (id int)", "leaves nothing to read"),
    ],
)
def test_without_the_old_rows_there_is_no_view(shared: Shared, change: str, words: str) -> None:
    """It says so instead of showing none."""
    shared.side.run(change)
    with pytest.raises(ViewRefused, match=words):
        shared.script()


def test_an_expression_names_a_column_of_the_old_shape(shared: Shared) -> None:
    """Any other is a slip."""
    shared.side.run(DROP)
    with pytest.raises(ViewRefused, match="had no column nick"):
        shared.script(nick="1")


@pytest.mark.parametrize("name", ['Ad"dr', "地址", "select", "a$gateway$b", "a'b"])
def test_names_are_quoted_wherever_they_stand(shared: Shared, name: str) -> None:
    """In the view, its trigger and what is kept aside."""
    quoted = '"' + name.replace('"', '""') + '"'
    shared.side.run(f"alter table ex.rk rename column alias to {quoted}")
    again = Shared(shared.side)
    again.view(f"alter table ex.rk drop column {quoted}; {RENAME}", trigger=True)
    assert again.side.as_unit(f"insert into {VIEW} (id, idno, name, {quoted}) values (9, '1', 'x', '甲')") == []
