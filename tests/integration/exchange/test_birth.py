"""The day of birth in a citizen number is compared with every day there is."""

from __future__ import annotations

from datetime import date

import psycopg2
import pytest

from gateway.embedded import Server
from gateway.exchange.checks import CHECKS
from gateway.model import Dataset, Field, Rule

_ARGS = {"id": "id", "date": "born"}
_RULE = Rule("birth", "birth_matches", _ARGS, fields=("id", "born"))
_SURE = "^[0-9]{17}[0-9X]$"
_DAYS = 84_371  # from 1880 to 2110


def _wrong(pattern: str | None) -> str:
    """Return the check's SQL where the number's form is judged before, and where it is not."""
    number = Field("id", "varchar(18)", limits={"pattern": pattern} if pattern else {})
    dataset = Dataset(
        name="test.birth", chinese="", version="1.0.0", table="birth", owner="gaj", key=("id",), rules=(_RULE,),
        fields=(number, Field("born", "date")),
    )  # fmt: skip
    return CHECKS["birth_matches"].sql(dataset, _ARGS, date(2026, 11, 26))


@pytest.mark.parametrize("pattern", [_SURE, None])
@pytest.mark.parametrize(
    ("born", "wrong"),
    [
        ("day", 0),
        ("day + 1", _DAYS),  # the day after is never the same
        ("day + 1461", _DAYS),  # nor is the same day four years later
        ("'infinity'::date", 0),  # it has no month to compare; nothing is raised
        ("'-infinity'::date", 0),
        ("day - 1400000", _DAYS),  # before Christ
        ("null::date", 0),  # that it is there is another rule's business
    ],
)
def test_every_day_is_told_from_every_other(
    servers: tuple[Server, Server], pattern: str | None, born: str, wrong: int
) -> None:
    """A number agrees with its own day and with no other, in leap years and out, before 1900 and after 2100."""
    days = "select d::date as day from generate_series(timestamp '1880-01-01', '2110-12-31', '1 day') d"
    rows = f"select '130802' || to_char(day, 'YYYYMMDD') || '0019' as id, {born} as born from ({days}) x"
    connection = psycopg2.connect(servers[0].dsn())
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"select count(*), count(*) filter (where {_wrong(pattern)}) from ({rows}) r")
            found = cursor.fetchall()
    finally:
        connection.close()
    assert found == [(_DAYS, wrong)]


@pytest.mark.parametrize("day", ["0001-01-01", "0987-06-05", "9999-12-31"])
def test_days_far_away_are_compared_too(servers: tuple[Server, Server], day: str) -> None:
    """A day outside of the table agrees with its own number as any other."""
    connection = psycopg2.connect(servers[0].dsn())
    number = f"130802{day.replace('-', '')}0019"
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"select {_wrong(_SURE)} from (select '{number}' as id, date '{day}' as born) r")
            assert cursor.fetchall() == [(False,)]
            cursor.execute(f"select {_wrong(_SURE)} from (select '{number}' as id, date '{day}' - 1 as born) r")
            assert cursor.fetchall() == [(True,)]
    finally:
        connection.close()
