"""A small up table on MariaDB, and batches for it as the hub streams them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from connectors.frontend_mysql_target import MysqlFrontendTarget
from gateway.model import Dataset, Field, Platform
from gateway.ports import Outgoing
from tests.conformance.mariadb import ENVELOPE, OPTIONS, MysqlPeer

PERSON = Dataset(
    name="test.person", chinese="", version="1.0.0", table="person", owner="gxj", rules=(), key=("id",), cursor="cd_time",
    fields=(
        Field("id", "varchar(60)", required=True),
        Field("name", "varchar(6)", "姓名"),
        Field("seen", "timestamp(0)", zone="Asia/Shanghai"),
    ),
)  # fmt: skip
COLUMNS = f"id varchar(60) not null, name varchar(6), seen datetime, {ENVELOPE}"
LEFT = datetime(2026, 11, 24, 4, tzinfo=UTC)
Line = Sequence[str | None]


class Front(MysqlPeer):
    """The peer, with a table of persons."""

    def table(self, columns: str = COLUMNS, more: str = "engine=InnoDB") -> None:
        """Make the up table anew."""
        self.run("drop table if exists up_person")
        self.run(f"create table up_person ({columns}) {more}")

    def persons(self) -> list[Any]:
        """Return id, name and operation of what is in it, in order."""
        return self.run("select id, name, cd_operation from up_person order by cd_time, cast(id as binary)")

    def up(self, port: int | None = None) -> MysqlFrontendTarget:
        """Return the connector."""
        return MysqlFrontendTarget(self.persons_platform, self.dsn(port=port))

    @property
    def persons_platform(self) -> Platform:
        """Return the platform as a catalog declares it."""
        resources = {"test.person": {"up": "up_person", "code": "0101", "row_key": "id"}}
        return Platform("peer", "前置库", "frontend", "PEER", "gxj", options={**OPTIONS, "resources": resources})


def batch(number: int, rows: Iterable[Line], gone: Iterable[Line] = ()) -> Outgoing:
    """Return a batch as the hub streams it."""
    left = LEFT + timedelta(seconds=number)
    return Outgoing("a hub", number, left, lambda out: _written(out, rows), lambda out: _written(out, gone))


def person(key: str, name: str | None = "王小明", seen: str | None = "2026-11-24 04:00:00+00") -> Line:
    """Return a row."""
    return (key, name, seen)


def many(count: int) -> list[Line]:
    """Return rows with keys in order."""
    return [person(f"P{n:06}") for n in range(count)]


def _written(out: BinaryIO, rows: Iterable[Line]) -> int:
    lines = (("\t".join(r"\N" if v is None else v for v in row) + "\n").encode() for row in rows)
    return sum(1 for line in lines if out.write(line))
