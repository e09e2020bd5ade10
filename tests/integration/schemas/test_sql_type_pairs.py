"""Every pair of types against a real server: nothing is called safe for a writer whose values the new type refuses or changes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pymysql
import pytest
from psycopg2.extensions import connection as Connection

from schemas.diff import mysql_types, pg_types
from schemas.diff.model import UNDECIDED, Effect
from schemas.diff.sql_types import judge
from tests.conformance.mariadb import MariaDb

PG = """smallint|integer|bigint|numeric|numeric(5,0)|numeric(19,0)|numeric(5,2)|numeric(7,2)|numeric(5,-2)|real|double precision|text
|character varying(3)|character varying(40)|character(3)|character(10)|date|timestamp without time zone|timestamp(0) without time zone
|timestamp with time zone|timestamp(3) with time zone|time without time zone|time(0) without time zone|interval|boolean|uuid|json|jsonb
|bytea|inet|cidr|bit(3)|bit varying(3)|bit varying(5)|money|integer[]|bigint[]|text[]|int4range|numrange""".replace(
    "\n", ""
)
PG_VALUES = [*r"""0|1|-1|40000|-32768|3000000000|9223372036854775807|12345|99999|999.99|99999.99|1.5|0.0001|123400|1e10|16777217|NaN
|Infinity|abc|abcd|abc |{"a":1}|{"b":1,"a":2}|"\u0000"|12345678901|2026-01-31|infinity|2026-01-31 12:34:56.789123|0044-03-15 BC
|12:34:56.789|1 day 02:03:04.567|true|550e8400-e29b-41d4-a716-446655440000|\x00ff|10.0.0.1|10.0.0.0/8|101|1010|{1,2}|{3000000000}
|{abcd}|{NULL}|[1,5)|[1.5,2)|承德市|𠂇𠂇𠂇𠂇""".replace("\n", "").split("|"), "", "a" * 41]  # fmt: skip
MYSQL = """tinyint(4)|tinyint(3) unsigned|int(11)|int(10) unsigned|bigint(20)|bigint(20) unsigned|decimal(5,0)|decimal(5,2)|decimal(7,2)
|double|varchar(3)|varchar(40)|varchar(63)|varchar(64)|char(3)|char(40)|tinytext|text|date|datetime|datetime(3)|timestamp null
|timestamp(3) null|time|varbinary(3)|varbinary(10)""".replace("\n", "")
MYSQL_VALUES = ["0", "1", "-1", "200", "-128", "40000", "3000000000", "18446744073709551615", "12345", "999.99", "99999.99", "1.5",
    "abc", "abcd", "abc ", "a" * 41, "承德市", "承" * 63, "承" * 64, "a" * 255, "2026-01-31", "2026-01-31 12:34:56.789",
    "1969-12-31 00:00:00", "2200-01-01 00:00:00", "12:34:56", ""]  # fmt: skip
# What changes a value and is told as a warning: blanks at the end, seconds' fractions of what is undecided, an offset.
TOLD = {"type.padding", "type.timezone", "type.family"}
Taken = Mapping[tuple[str, str], Any]


class PgServer:
    """A table a type, and a function that tells what it keeps of a text."""

    def __init__(self, owner: Connection) -> None:
        self._owner, self.types = owner, PG.split("|")
        with owner.cursor() as cursor:
            for place, kind in enumerate(self.types):
                cursor.execute(f"create temp table kept_{place} (v {kind})")
            cursor.execute(
                "create function pg_temp.kept(place int, v text) returns text language plpgsql as $$ declare found text; begin "
                "execute format('insert into kept_%s values (%L) returning v::text', place, v) into found; return found; "
                "exception when others then return null; end $$"
            )

    def kept(self, values: list[str]) -> Taken:
        """Return what each type keeps of each value; None where it is refused."""
        with self._owner.cursor() as cursor:
            cursor.execute(
                "select t, v, pg_temp.kept(t, v) from generate_series(0, %s) as t, unnest(%s) as v",
                (len(self.types) - 1, values),
            )
            return {(self.types[place], value): found for place, value, found in cursor.fetchall()}


class MysqlServer:
    """The same on a server that refuses what does not fit, as MariaDB does unless it is told otherwise."""

    def __init__(self, owner: pymysql.Connection[Any]) -> None:
        self._cursor, self.types = owner.cursor(), MYSQL.split("|")
        self._cursor.execute("create or replace database kept character set utf8mb4")
        self._cursor.execute("use kept")
        self._cursor.execute("set sql_mode = 'STRICT_ALL_TABLES'")
        for place, kind in enumerate(self.types):
            self._cursor.execute(f"create table kept_{place} (v {kind})")

    def kept(self, values: list[str]) -> Taken:
        """Return what each type keeps of each value; None where it is refused."""
        return {(kind, v): self._one(place, v) for place, kind in enumerate(self.types) for v in values}

    def _one(self, place: int, value: str) -> str | None:
        try:
            self._cursor.execute(f"insert into kept_{place} values (%s)", (value,))
        except pymysql.Error:
            return None
        self._cursor.execute(f"select v from kept_{place}")
        ((found,),) = self._cursor.fetchall()
        self._cursor.execute(f"delete from kept_{place}")
        return found.decode() if isinstance(found, bytes) else str(found)


def wrong(server: PgServer | MysqlServer, parse: Any, values: list[str]) -> list[str]:
    """Return the pairs that are called safe for a writer whose value the new type refuses or changes."""
    first = server.kept(values)
    own = {kind: {v for v in (first[kind, value] for value in values) if v is not None} for kind in server.types}
    again = server.kept(sorted(set().union(*own.values())))
    found = []
    for old, new in permutations(server.types, 2):
        rule, _, writer = judge(parse(old.removesuffix(" null")), parse(new.removesuffix(" null"))) or (
            "same",
            0,
            Effect.none,
        )
        if writer == Effect.breaking or rule.endswith(UNDECIDED):
            continue
        for value in sorted(own[old]):
            kept = again[new, value]
            same = kept is not None and (again.get((old, kept)) in {value, None})
            if kept is None or not (same or rule in TOLD):
                found.append(f"{old} -> {new}: {rule} of {value!r}, kept as {kept!r}")
                break
    return found


def test_no_type_of_postgresql_is_called_safe_that_refuses_or_changes_what_writers_send(owner: Connection) -> None:
    """NaN, escaped nothing, fractions of seconds, digits and letters: the server's word against the judgement."""
    assert wrong(PgServer(owner), pg_types.parsed, PG_VALUES) == []


@pytest.mark.system
def test_no_type_of_mysql_is_called_safe_that_refuses_or_changes_what_writers_send(mariadb: MariaDb) -> None:
    """Moments before 1970, bytes that are not characters, signs: the server's word against the judgement."""
    with mariadb.owner() as owner:
        assert wrong(MysqlServer(owner), mysql_types.parsed, MYSQL_VALUES) == []
