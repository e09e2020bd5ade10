"""Changes of a table on a real MariaDB, told by name alone."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from gateway.errors import AccessDenied, NotFound, PlatformUnavailable
from gateway.mysql_address import address
from schemas.diff.compare import compare
from schemas.diff.model import Answer, Policy
from schemas.snapshot import mysql
from schemas.snapshot.document import canonical
from tests.conformance.mariadb import PASSWORD, MariaDb

pytestmark = pytest.mark.system
TABLE = """
drop database if exists shape;
create database shape character set utf8mb4;
use shape;
create table dept (id int primary key, name varchar(20));
create table rk (id int primary key, idno varchar(18) not null unique, name varchar(20) not null, addr varchar(50) comment '住址',
  cnt int unsigned not null default 0, price decimal(5,1), day date, at datetime, state enum('new', 'done'), big bigint,
  fk int, key rk_name (name), check (cnt < 1000000), constraint rk_dept foreign key (fk) references dept (id));
grant select, insert on shape.rk to unit@'%'
"""


class Side:
    """The table, and the account of a unit that knows nothing else."""

    def __init__(self, server: MariaDb) -> None:
        """Make the table afresh."""
        self._server = server
        self.run(f"create user if not exists unit@'%' identified by '{PASSWORD}'")
        self.run(TABLE)

    def run(self, statements: str) -> None:
        """Run statements as the server's owner."""
        with self._server.owner() as owner, owner.cursor() as cursor:
            for statement in statements.split(";\n"):
                if statement.strip():
                    cursor.execute(statement)

    def snapshot(self, user: str = "unit", password: str = PASSWORD, port: int = 0) -> dict[str, Any]:
        """Return the snapshot that an account takes."""
        where = f"mysql://{user}:{quote(password, safe='')}@127.0.0.1:{port or self._server.port}/shape"
        return mysql.take(address("test", where))

    def changed(self, statements: str) -> Answer:
        """Return what is told of a change."""
        old = self.snapshot()
        self.run("use shape;\n" + statements)
        return compare("mysql", old, self.snapshot(), "both", Policy())


@pytest.fixture
def side(mariadb: MariaDb) -> Side:
    """Return the table as it was before any change."""
    return Side(mariadb)


@pytest.mark.parametrize(
    ("change", "rule", "path", "reader", "writer"),
    [
        ("alter table rk add x text", "column.add", "shape.rk.x", "info", "none"),
        ("alter table rk add x int not null", "column.add.required", "shape.rk.x", "info", "breaking"),
        ("alter table rk add x int not null default 1", "column.add.default", "shape.rk.x", "info", "none"),
        ("alter table rk drop addr", "column.drop", "shape.rk.addr", "breaking", "breaking"),
        ("alter table rk rename column addr to address", "column.drop", "shape.rk.addr", "breaking", "breaking"),
        ("alter table rk rename column addr to address", "column.rename.suspected", "shape.rk.addr", "info", "info"),
        ("alter table rk modify addr varchar(50) comment '住址' first", "column.move", "shape.rk", "warn", "warn"),
        ("alter table rk modify name varchar(40) not null", "type.widen", "shape.rk.name", "warn", "none"),
        ("alter table rk modify name varchar(10) not null", "type.narrow", "shape.rk.name", "none", "breaking"),
        ("alter table rk modify name text not null, drop key rk_name", "type.widen", "shape.rk.name", "warn", "none"),
        ("alter table rk modify cnt int not null default 0", "type.shift", "shape.rk.cnt", "warn", "breaking"),
        ("alter table rk modify cnt bigint unsigned not null default 0", "type.widen", "shape.rk.cnt", "warn", "none"),
        ("alter table rk modify price decimal(5,2)", "type.shift", "shape.rk.price", "warn", "breaking"),
        ("alter table rk modify day datetime", "type.temporal", "shape.rk.day", "warn", "none"),
        ("alter table rk modify at timestamp null", "type.timezone", "shape.rk.at", "warn", "breaking"),
        ("alter table rk modify big varchar(30)", "type.family", "shape.rk.big", "breaking", "warn"),
        ("alter table rk modify addr varchar(50) not null comment '住址'", "null.forbid", "shape.rk.addr", "none", "breaking"),
        ("alter table rk modify name varchar(20)", "null.allow", "shape.rk.name", "breaking", "none"),
        ("alter table rk alter cnt set default 5", "default.change", "shape.rk.cnt", "none", "warn"),
        ("alter table rk alter cnt drop default", "default.drop", "shape.rk.cnt", "none", "breaking"),
        ("alter table rk modify state enum('new', 'done', 'void')", "enum.add", "shape.rk.state", "warn", "none"),
        ("alter table rk modify state enum('new')", "enum.remove", "shape.rk.state", "info", "breaking"),
        ("alter table rk drop primary key, add primary key (id, idno)", "key.change", "shape.rk", "breaking", "breaking"),
        ("alter table rk drop primary key", "key.drop", "shape.rk", "breaking", "breaking"),
        ("alter table rk drop index idno", "unique.drop", "shape.rk", "warn", "breaking"),
        ("alter table rk add unique (big)", "unique.add", "shape.rk", "none", "breaking"),
        ("alter table rk drop key rk_name", "index.drop", "shape.rk", "info", "info"),
        ("alter table rk modify name varchar(20) character set gbk not null", "charset", "shape.rk.name", "warn", "breaking"),
        ("alter table rk modify name varchar(20) collate utf8mb4_bin not null", "collation", "shape.rk.name", "warn", "none"),
        ("alter table rk modify addr varchar(50) comment '地址'", "comment", "shape.rk.addr", "info", "info"),
        ("rename table rk to rk2;\ngrant select on shape.rk2 to unit@'%'", "table.drop", "shape.rk", "breaking", "breaking"),
        ("rename table rk to rk2;\ngrant select on shape.rk2 to unit@'%'", "table.rename.suspected", "shape.rk", "info", "info"),
        ("revoke insert on shape.rk from unit@'%'", "acl.revoke", "shape.rk", "none", "breaking"),
        ("rename table rk to rk2;\ncreate view rk as select * from rk2", "view.compat.undecided", "shape.rk", "warn", "warn"),
    ],
)  # fmt: skip
def test_a_change_is_told_to_the_account_of_the_unit(
    side: Side, change: str, rule: str, path: str, reader: str, writer: str
) -> None:
    """Rule, place and both effects."""
    told = {(c.rule, c.path, c.effect_reader.name, c.effect_writer.name) for c in side.changed(change).changes}
    assert (f"mysql.{rule}", path, reader, writer) in told


def test_rows_and_a_second_look_change_nothing(side: Side) -> None:
    """Both fingerprints stay."""
    old = side.snapshot()
    side.run("use shape;\ninsert into rk (id, idno, name) values (1, 'a', 'b');\nanalyze table rk")
    assert canonical(old) == canonical(side.snapshot())


@pytest.mark.parametrize(
    ("change", "rule", "reader", "writer"),
    [
        (
            "create trigger t before insert on rk for each row set new.cnt = 7",
            "trigger.change.undecided",
            "none",
            "warn",
        ),
        ("alter table rk add check (big > 0)", "check.add", "none", "breaking"),
        ("alter table rk add foreign key (big) references dept2 (id)", "fk.add", "none", "breaking"),
        ("alter table rk drop foreign key rk_dept", "fk.drop", "info", "none"),
    ],
)
def test_rules_and_triggers_are_told_to_an_account_that_may_see_them(
    side: Side, change: str, rule: str, reader: str, writer: str
) -> None:
    """The server hides them from an account that may only read and insert."""
    side.run("grant all on shape.* to unit@'%';\nuse shape;\ncreate table dept2 (id bigint primary key)")
    try:
        told = {(c.rule, c.effect_reader.name, c.effect_writer.name) for c in side.changed(change).changes}
        assert (f"mysql.{rule}", reader, writer) in told
    finally:
        side.run("revoke all on shape.* from unit@'%'")


def test_what_keeps_a_snapshot_from_being_taken_is_told_without_a_secret(side: Side) -> None:
    """Refused, away, or nothing to see."""
    with pytest.raises(AccessDenied) as refused:
        side.snapshot(password="a wrong one")
    with pytest.raises(PlatformUnavailable):
        side.snapshot(port=1)
    with pytest.raises(NotFound, match="there is no database nowhere"):
        mysql.take(
            address("test", f"mysql://unit:{quote(PASSWORD, safe='')}@127.0.0.1:{side._server.port}/shape"), ["nowhere"]
        )
    assert "wrong one" not in str(refused.value)
