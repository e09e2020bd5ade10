"""Text values of an untyped source: SQL that tells whether PostgreSQL's type can hold one, and SQL that makes it so.

What is accepted is what `values.stored` accepts of a JSON value, written as text: PostgreSQL alone would take more
spellings (`today`, `0x1F`, ` 12 `) than a peer is allowed to send.
"""

from __future__ import annotations

import re

from psycopg2 import sql

from gateway.exchange.repair_sql import repaired
from gateway.model import Field

_SIZED = re.compile(r"(numeric|timestamptz|timestamp)(\(.*\))?")
# The shape before the server's own parser: without blanks, words and other bases. No regular expression: they were half
# of the cost of a load. No `like` either: its percent sign is a parameter's in some of the statements.
_FORMS = {
    **dict.fromkeys(("smallint", "integer", "bigint"), "translate({0}, '0123456789+-', '') = ''"),
    "numeric": "translate({0}, '0123456789+-.eE', '') = ''",
    "date": "translate({0}, '0123456789-', '') = '' "
    "and (strpos({0}, '-') = 5 or (length({0}) = 8 and strpos({0}, '-') = 0))",
    "timestamptz": "strpos({0}, '-') = 5 and substr({0}, 8, 1) = '-' and translate({0}, '0123456789-:+.TZ ', '') = ''",
    "boolean": "{0} in ('true', 'false', 't', 'f', '1', '0')",
    "jsonb": "true",
}
_WITH_OFFSET = "translate(substr({0}, 11), '+-Z', '') <> substr({0}, 11)"
ZONE = "Asia/Shanghai"


def misfit(field: Field, alias: str = "_r_") -> sql.Composable:
    """Return the condition that a text value is none of its field's type; a null fits every type."""
    if field.hub_type == "text":
        return sql.SQL("false")
    column = sql.Identifier(alias, field.name)
    fits = sql.SQL("{form} and pg_catalog.pg_input_is_valid({column}, {type})").format(
        form=sql.SQL(_FORMS[base(field)]).format(column), column=column, type=sql.Literal(field.hub_type)
    )
    return sql.SQL("not coalesce({}, true)").format(fits)


def cast(field: Field, alias: str = "_r_") -> sql.Composable:
    """Return the typed value of a text value that fits, before repairs; a time without zone is its field's or China's."""
    column = sql.Identifier(alias, field.name)
    if base(field) != "timestamptz":
        return sql.SQL("{}::{}").format(column, sql.SQL(field.hub_type))
    return sql.SQL("case when {1} then {0}::{2} else {0}::{3} at time zone {4} end").format(
        column, sql.SQL(_WITH_OFFSET).format(column), sql.SQL(field.hub_type),
        sql.SQL(field.hub_type.replace("timestamptz", "timestamp")), sql.Literal(field.zone or ZONE),
    )  # fmt: skip


def typed(field: Field, alias: str = "_r_") -> sql.Composable:
    """Return the value of the projection: cast and repaired."""
    return repaired(cast(field, alias), field.repairs)


def cast_or_null(field: Field, alias: str = "_r_") -> sql.Composable:
    """Return the typed value of any text value before repairs; null for one that does not fit."""
    return sql.SQL("case when {} then null else {} end").format(misfit(field, alias), cast(field, alias))


def typed_or_null(field: Field, alias: str = "_r_") -> sql.Composable:
    """Return the value of the projection of any text value; null for one that does not fit."""
    return sql.SQL("case when {} then null else {} end").format(misfit(field, alias), typed(field, alias))


def base(field: Field) -> str:
    """Return the type of a field in the hub without its size."""
    sized = _SIZED.fullmatch(field.hub_type)
    return sized[1] if sized else field.hub_type
