"""The contract's projection as a PostgreSQL source computes it: columns, repairs, zones, bounds and page ranges in SQL."""

from __future__ import annotations

from datetime import UTC, datetime

from psycopg2 import sql

from gateway.exchange.repair_sql import repaired
from gateway.model import Dataset, Field
from gateway.ports import UNDECODABLE, Window


def projected(field: Field, *, checked_text: bool = True) -> sql.Composable:
    """Return the SQL that computes a field of the projection from the source's column."""
    repairs = field.repairs if checked_text else tuple("trim_bytes" if r == "trim" else r for r in field.repairs)
    return repaired(original(field, checked_text=checked_text), repairs)


def original(field: Field, *, checked_text: bool = True) -> sql.Composable:
    """Return the SQL of a field before repairs; text of unknown encoding is passed only when it is valid UTF-8."""
    column: sql.Composable = sql.Identifier(field.name)
    if field.type.startswith("char("):
        column = sql.SQL("{}::text").format(column)
    if field.zone:
        column = sql.SQL("({} at time zone {})").format(column, sql.Literal(field.zone))
    if field.hub_type == "text" and not checked_text:
        column = sql.SQL("case when {hex} ~ {utf8} then {column} else {mark} || {hex} end").format(
            hex=sql.SQL("encode(convert_to({}, 'SQL_ASCII'), 'hex')").format(column),
            utf8=sql.Literal(_UTF8_IN_HEX), column=column, mark=sql.Literal(UNDECODABLE),
        )  # fmt: skip
    return column


def streamed(field: Field, *, checked_text: bool = True) -> sql.Composable:
    """Return a field of the projection for a binary stream, in which `char(n)` and text are the same bytes.

    The server's cast from `char(n)` walks over every character to trim it; only a value with a blank at its end needs that.
    """
    if not (field.type.startswith("char(") and checked_text) or field.repairs:
        return projected(field, checked_text=checked_text)
    return sql.SQL("case when {0} collate \"C\" like '% ' then {0}::text::bpchar else {0}::bpchar end").format(
        sql.Identifier(field.name)
    )


def hashed(field: Field, *, checked_text: bool = True) -> sql.Composable:
    """Return a field of the projection for a record hash: that of a `char(n)` leaves blanks at the end out by itself."""
    if not (field.type.startswith("char(") and checked_text) or field.repairs:
        return projected(field, checked_text=checked_text)
    return sql.Identifier(field.name)


# Unicode 15, table 3-7, over pairs of hex digits.
_TAIL = "[89ab][0-9a-f]"
_UTF8_IN_HEX = (
    f"^([0-7][0-9a-f]|(c[2-9a-f]|d[0-9a-f]){_TAIL}|e0[ab][0-9a-f]{_TAIL}|(e[1-9abcef]){_TAIL}{_TAIL}|ed[89][0-9a-f]{_TAIL}"
    f"|f0[9ab][0-9a-f]{_TAIL}{_TAIL}|f[123]{_TAIL}{_TAIL}{_TAIL}|f48[0-9a-f]{_TAIL}{_TAIL})*$"
)


def table(dataset: Dataset) -> sql.Identifier:
    """Return the data set's table at the source, in schema public unless the contract names another."""
    return (
        sql.Identifier(*dataset.table.split(".")) if "." in dataset.table else sql.Identifier("public", dataset.table)
    )


def quoted(dataset: Dataset) -> str:
    """Return the table's name for to_regclass, quoted by the same rule as an identifier."""
    parts = dataset.table.split(".") if "." in dataset.table else ["public", dataset.table]
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def bounds(dataset: Dataset, window: Window) -> list[sql.Composable]:
    """Compare the raw cursor column with bounds in its own zone, so that its index serves."""
    if dataset.cursor is None or (window.after is None and window.upto is None):
        return []
    field = dataset.field(dataset.cursor)
    column = sql.Identifier(field.name)

    def bound(moment: datetime) -> sql.Composable:
        literal = sql.SQL("timestamptz {}").format(sql.Literal(moment.astimezone(UTC).isoformat()))
        return sql.SQL("({} at time zone {})").format(literal, sql.Literal(field.zone)) if field.zone else literal

    found: list[sql.Composable] = []
    if window.after is not None:
        found.append(sql.SQL("{} > {}").format(column, bound(window.after)))
    if window.upto is not None:
        found.append(sql.SQL("{} <= {}").format(column, bound(window.upto)))
    return found


def page_range(pages: int, part: int, parts: int) -> sql.Composed:
    """Return the condition of one page range; the last is open, as the table may have grown."""
    low, high = pages * part // parts, pages * (part + 1) // parts
    at_least = sql.SQL("ctid >= {}::tid").format(sql.Literal(f"({low},0)"))
    if part == parts - 1:
        return sql.Composed([at_least])
    return at_least + sql.SQL(" and ctid < {}::tid").format(sql.Literal(f"({high},0)"))
