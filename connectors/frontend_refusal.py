"""Rows that a table of the front end would refuse, found before it does: what it needs, and how long a text may be there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from connectors import frontend_format
from connectors.frontend_format import MOST_REFUSED
from gateway.model import Field
from gateway.sql import queries

_SQL = queries(__file__)


def taken_out(
    connection: Connection, rows: sql.Identifier, table: str, fields: Sequence[Field], key: Sequence[str], platform: str
) -> list[tuple[tuple[Any, ...], str, str]]:
    """Delete from `rows` what `table` would refuse; return (key, fault, words) of each.

    SchemaMismatch when these are more than 10,000: then the table has changed, not the rows.
    """
    named = {f.name: f for f in fields}
    with connection.cursor() as cursor:
        cursor.execute(_SQL["limits"], {"table": f'public."{table}"'})
        whens = [when for name, *limits in cursor.fetchall() if name in named for when in _whens(name, *limits)]
        if not whens:
            return []
        statement = sql.SQL(
            "with judged as (select ctid as at, case {whens} end as fault from {rows}), "
            "out as (delete from {rows} r using judged j where r.ctid = j.at and j.fault is not null "
            "returning j.fault, {key}) select * from out limit {most}"
        )
        columns = sql.SQL(", ").join(sql.Identifier("r", k) for k in key)
        cursor.execute(
            statement.format(whens=sql.SQL(" ").join(whens), rows=rows, key=columns, most=sql.Literal(MOST_REFUSED + 1))
        )
        found = [(tuple(values), fault, _words(named, fault)) for fault, *values in cursor.fetchall()]
    if len(found) > MOST_REFUSED:
        raise frontend_format.too_many(table, platform)
    return found


def _whens(name: str, needed: bool, most: int | None) -> Iterator[sql.Composed]:  # noqa: FBT001 - a row of the catalog
    column = sql.Identifier(name)
    if needed:
        yield sql.SQL("when {} is null then {}").format(column, sql.Literal(f"{name}.required"))
    if most is not None:
        # bytes first: they are known without a look at the text, and there are never fewer of them than characters
        too_long = sql.SQL("when octet_length({0}::text) > {1} and char_length({0}::text) > {1} then {2}")
        yield too_long.format(column, sql.Literal(most), sql.Literal(f"{name}.length"))


def _words(fields: dict[str, Field], fault: str) -> str:
    name, _, kind = fault.rpartition(".")
    return frontend_format.words(fields[name], kind)
