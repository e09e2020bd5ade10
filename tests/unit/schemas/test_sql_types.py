"""What a change of type does, for both dialects: pairs of types and the verdict there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.diff import mysql_types, pg_types
from schemas.diff.model import Effect
from schemas.diff.sql_types import judge

N, I, W, B = Effect  # noqa: E741 - none, info, warn, breaking, as the columns of the table


@pytest.mark.parametrize(
    ("old", "new", "there", "back"),
    [
        ("smallint", "integer", ("type.widen", W, N), ("type.narrow", N, B)),
        ("integer", "numeric(10,0)", ("type.widen", W, N), ("type.shift", W, B)),  # ten digits hold more than an int
        ("smallint", "numeric(4,0)", ("type.shift", W, B), ("type.shift", W, B)),  # no integer is NaN
        ("numeric(10,2)", "numeric(12,2)", ("type.widen", W, N), ("type.narrow", N, B)),
        ("numeric(5,1)", "numeric(5,2)", ("type.shift", W, B), ("type.shift", B, B)),  # what looks wider is not
        ("numeric(6,2)", "numeric", ("type.widen", W, N), ("type.narrow", B, B)),
        ("numeric(12,2)", "integer", ("type.narrow", B, B), ("type.widen", W, N)),  # fractions are rounded in silence
        ("integer", "double precision", ("type.approximate", W, N), ("type.shift", W, B)),
        ("bigint", "real", ("type.approximate", B, B), ("type.shift", W, B)),
        ("real", "double precision", ("type.widen", W, N), ("type.narrow", W, B)),
        ("double precision", "numeric", ("type.shift", W, W), ("type.approximate", B, B)),
        ("character varying(10)", "text", ("type.widen", W, N), ("type.narrow", N, B)),
        ("character varying(10)", "character(10)", ("type.padding", B, W), ("type.padding", W, W)),
        ("date", "timestamp without time zone", ("type.temporal", W, N), ("type.temporal", B, B)),
        ("date", "timestamp with time zone", ("type.timezone", W, W), ("type.temporal", B, B)),
        ("timestamp(0) without time zone", "timestamp without time zone", ("type.widen", W, N), ("type.narrow", W, B)),
        ("bigint", "character varying(20)", ("type.family", B, W), ("type.family", B, B)),
        ("bigint", "character varying(10)", ("type.family", B, B), ("type.family", B, B)),  # too short for what is sent
        ("uuid", "text", ("type.family", B, W), ("type.family", B, B)),
        ("json", "jsonb", ("type.json", W, B), ("type.json", W, W)),
        ("integer[]", "bigint[]", ("type.widen", W, N), ("type.narrow", N, B)),
        ("integer", "integer[]", ("type.family", B, B), ("type.family", B, B)),
        ("integer[]", "text", ("type.family", B, B), ("type.family", B, B)),
        ("geometry(Point,4490)", "geometry(Point,4326)", ("type.change.undecided", W, W), ("type.change.undecided", W, W)),
        ("timestamp without time zone", "timestamp(0) with time zone", ("type.timezone", W, B), ("type.timezone", W, W)),
        ("time without time zone", "time with time zone", ("type.family", B, B), ("type.family", B, B)),
    ],
)  # fmt: skip
def test_a_type_of_postgresql_that_changes_is_judged_there_and_back(
    old: str, new: str, there: object, back: object
) -> None:
    """By what both can hold."""
    assert there == judge(pg_types.parsed(old), pg_types.parsed(new))
    assert back == judge(pg_types.parsed(new), pg_types.parsed(old))


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("int(11)", "int(10)", None),  # how wide it is shown
        ("int(11)", "int(11) unsigned", ("type.shift", W, B)),
        ("tinyint(3) unsigned", "smallint(6)", ("type.widen", W, N)),
        ("mediumtext", "text", ("type.narrow", N, B)),
        ("char(10)", "varchar(10)", ("type.padding", W, W)),  # blanks at the end stay now
        ("varchar(10)", "char(10)", ("type.padding", W, W)),
        ("varchar(63)", "tinytext", ("type.widen", W, N)),
        ("varchar(64)", "tinytext", ("type.shift", W, B)),  # 255 bytes are 63 characters
        ("text", "mediumtext", ("type.widen", W, N)),
        ("datetime", "datetime(3)", ("type.widen", W, N)),
        ("datetime", "timestamp", ("type.timezone", W, B)),  # nothing before 1970
        ("timestamp", "datetime", ("type.timezone", W, W)),
        ("set('a','b')", "set('a')", ("type.change.undecided", W, W)),
        ("decimal(10,0) unsigned", "decimal(10,0)", ("type.family", B, B)),
        ("varchar(255)", "longtext", ("type.widen", W, N)),
    ],
)
def test_a_type_of_mysql_that_changes_is_judged(old: str, new: str, verdict: object) -> None:
    """By what both can hold."""
    assert verdict == judge(mysql_types.parsed(old), mysql_types.parsed(new))


_DIGITS = st.tuples(st.integers(1, 30), st.integers(0, 15)).filter(lambda p: p[1] <= p[0])


@given(_DIGITS, _DIGITS)
def test_a_decimal_is_never_called_safe_for_writers_unless_it_holds_all_that_the_old_one_held(
    old: tuple[int, int], new: tuple[int, int]
) -> None:
    """Digits before and after the point are counted apart."""
    verdict = judge(pg_types.parsed(f"numeric({old[0]},{old[1]})"), pg_types.parsed(f"numeric({new[0]},{new[1]})"))
    holds = new[0] - new[1] >= old[0] - old[1] and new[1] >= old[1]
    assert holds == (verdict is None or verdict[2] < Effect.breaking)


@given(st.text(max_size=60))
def test_a_type_that_nobody_knows_is_read_as_itself(written: str) -> None:
    """Whatever it is called."""
    assert judge(pg_types.parsed(written), pg_types.parsed(written)) is None
    assert judge(mysql_types.parsed(written), mysql_types.parsed(written)) is None
