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
_DAY = "[0-9]{4}-(0[1-9]|1[0-2])-[0-9]{2}"
_TIME = "[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?"
_OFFSET = "(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
_WITH_OFFSET = f"{_TIME}{_OFFSET}$"
_FORMS = {
    **dict.fromkeys(("smallint", "integer", "bigint"), "^[+-]?[0-9]{1,19}$"),
    "numeric": "^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,4})?$",
    "date": "^([0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{8})$",
    "timestamptz": f"^{_DAY}({_TIME}{_OFFSET}?)?$",
    "boolean": "^(true|false|t|f|1|0)$",
    "jsonb": "^",
}
_ZONE = "Asia/Shanghai"


def misfit(field: Field, alias: str = "_r_") -> sql.Composable:
    """Return the condition that a text value is none of its field's type; a null fits every type."""
    if field.hub_type == "text":
        return sql.SQL("false")
    fits = sql.SQL("{column} ~ {form} and pg_catalog.pg_input_is_valid({column}, {type})").format(
        column=sql.Identifier(alias, field.name), form=sql.Literal(_FORMS[_base(field)]), type=sql.Literal(field.hub_type)
    )  # fmt: skip
    return sql.SQL("not coalesce({}, true)").format(fits)


def cast(field: Field, alias: str = "_r_") -> sql.Composable:
    """Return the typed value of a text value that fits, before repairs; a time without zone is its field's or China's."""
    column = sql.Identifier(alias, field.name)
    if _base(field) != "timestamptz":
        return sql.SQL("{}::{}").format(column, sql.SQL(field.hub_type))
    return sql.SQL("case when {0} ~ {1} then {0}::{2} else {0}::{3} at time zone {4} end").format(
        column, sql.Literal(_WITH_OFFSET), sql.SQL(field.hub_type),
        sql.SQL(field.hub_type.replace("timestamptz", "timestamp")), sql.Literal(field.zone or _ZONE),
    )  # fmt: skip


def typed(field: Field, alias: str = "_r_") -> sql.Composable:
    """Return the value of the projection: cast and repaired."""
    return repaired(cast(field, alias), field.repairs)


def _base(field: Field) -> str:
    sized = _SIZED.fullmatch(field.hub_type)
    return sized[1] if sized else field.hub_type
