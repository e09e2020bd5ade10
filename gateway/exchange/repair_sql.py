"""The contract's repairs as SQL over a column, for whichever server computes the projection."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from psycopg2 import sql

_BLANKS = " \t\u3000"
REPAIRS: Mapping[str, Callable[[sql.Composable], sql.Composable]] = {
    "trim": lambda c: sql.SQL("rtrim({}, {})").format(c, sql.Literal(_BLANKS)),
    # A server that does not know its encoding would trim single bytes of a character: it is given an alternation.
    "trim_bytes": lambda c: sql.SQL("regexp_replace({}, {}, '')").format(c, sql.Literal(f"({'|'.join(_BLANKS)})+$")),
    "upper": lambda c: sql.SQL('upper({} collate "C")').format(c),
    # Written as a date or as eight digits; both spellings of "for ever" are in use.
    "open_end": lambda c: sql.SQL(
        "case when {0}::text in ('9999-12-31', '9999-09-09', '99991231', '99990909', '长期') then null else {0} end"
    ).format(c),
    "nullify": lambda c: sql.SQL("nullif({}, '')").format(c),
}


def repaired(column: sql.Composable, repairs: tuple[str, ...]) -> sql.Composable:
    """Return the SQL of a column after its repairs, in their order."""
    for repair in repairs:
        column = REPAIRS[repair](column)
    return column
