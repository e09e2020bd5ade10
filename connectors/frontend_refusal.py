"""Rows that a table of the front end would refuse, found before it does: what it needs, and how long a text may be there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway.errors import SchemaMismatch
from gateway.model import Field
from gateway.sql import queries

_SQL = queries(__file__)
_MOST = 10_000
_KINDS = {
    "required": "{}在对方表中不能为空 / {} must not be empty there",
    "length": "{}超过对方表允许的长度 / {} is too long for their table",
}


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
            statement.format(whens=sql.SQL(" ").join(whens), rows=rows, key=columns, most=sql.Literal(_MOST + 1))
        )
        found = [(tuple(values), fault, _words(named, fault)) for fault, *values in cursor.fetchall()]
    if len(found) > _MOST:
        raise SchemaMismatch(
            f"more than {_MOST} rows do not fit table {table} of platform {platform}",
            "Nothing was written. Compare the contract with their table: this is a change of structure, not bad rows.",
        )
    return found


def _whens(name: str, needed: bool, most: int | None) -> Iterator[sql.Composed]:  # noqa: FBT001 - a row of the catalog
    column = sql.Identifier(name)
    if needed:
        yield sql.SQL("when {} is null then {}").format(column, sql.Literal(f"{name}.required"))
    if most is not None:
        too_long = sql.SQL("when char_length({}::text) > {} then {}")
        yield too_long.format(column, sql.Literal(most), sql.Literal(f"{name}.length"))


def _words(fields: dict[str, Field], fault: str) -> str:
    name, _, kind = fault.rpartition(".")
    return _KINDS[kind].format(fields[name].chinese or name, name)
