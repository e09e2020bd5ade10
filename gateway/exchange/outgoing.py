"""What of a hub row leaves on a route: its fields as they are, masked, or empty, and the hash of that."""

from __future__ import annotations

from psycopg2 import sql

from gateway.model import Field, Route

# The first three and the last two characters of a long text, the first of a short one; the rest are stars, and so is a
# single character: it would be all of the value.
_MASKED = (
    "case when char_length({0}) > 5 then left({0}, 3) || repeat('*', char_length({0}) - 5) || right({0}, 2) "
    "when char_length({0}) = 1 then '*' else left({0}, 1) || repeat('*', char_length({0}) - 1) end"
)


def columns(route: Route, alias: str, *, stored: bool = False) -> sql.Composed:
    """Return the values that leave, in the order of the projection, under the fields' names.

    `stored`: each moment as the wall clock of its field's zone.
    """

    def value(field: Field) -> sql.Composable:
        leaving = _value(route, field.name, alias)
        if not (stored and field.zone):
            return leaving
        return sql.SQL("({}) at time zone {}").format(leaving, sql.Literal(field.zone))

    return sql.SQL(", ").join(
        sql.SQL("{} as {}").format(value(f), sql.Identifier(f.name)) for f in route.dataset.fields
    )


def record_hash(route: Route, alias: str) -> sql.Composed:
    """Return the record hash of what leaves, which is what the target holds."""
    values = sql.SQL(", ").join(_value(route, f.name, alias) for f in route.dataset.fields)
    return sql.SQL("pg_catalog.hash_record_extended(row({}), 0)").format(values)


def _value(route: Route, name: str, alias: str) -> sql.Composable:
    column = sql.Identifier(alias, name)
    if name in route.withhold:
        return sql.SQL("null::{}").format(sql.SQL(route.dataset.field(name).hub_type))
    return sql.SQL(_MASKED).format(column) if name in route.mask else column
