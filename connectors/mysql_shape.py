"""The shape of a table in a MySQL or MariaDB database, in the words of a contract where the types hold the same values."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pymysql

from connectors import mysql_session as session
from gateway.errors import SchemaMismatch
from gateway.model import Dataset
from gateway.ports import Mark, Shape
from gateway.sql import queries

_SQL = queries(__file__)
_CHINA = "Asia/Shanghai"
_INTEGERS = {
    "tinyint": "smallint",
    "smallint": "smallint",
    "mediumint": "integer",
    "int": "integer",
    "bigint": "bigint",
}
_WIDER = {
    "tinyint": "smallint",
    "smallint": "integer",
    "mediumint": "integer",
    "int": "bigint",
    "bigint": "numeric(20,0)",
}
_TEXTS = ("tinytext", "text", "mediumtext", "longtext", "enum", "set")


@dataclass(frozen=True, slots=True)
class Column:
    """What the server says of a column; `most` counts characters, `most_bytes` bytes, `charset` is null for what is no text."""

    name: str
    kind: str
    full: str
    precision: str
    scale: str
    fraction: str
    needed: bool
    most: int | None
    most_bytes: int | None
    charset: str | None


def columns(connection: pymysql.Connection[Any], platform: str, table: str, hint: str) -> list[Column]:
    """Return the columns of a table; SchemaMismatch, with the hint, when there is none that we may see."""
    found = session.rows(connection, _SQL["columns"].format(table=session.literal(table)))
    if not found:
        with suppress(pymysql.ProgrammingError):  # there is none; one that may not be read raises another
            session.rows(connection, f"select 1 from {session.name(table)} limit 0")
        raise SchemaMismatch(f"platform {platform} has no table {table} that we may see", hint)
    return [_column(*row) for row in found]


def mark(connection: pymysql.Connection[Any], table: str) -> Mark:
    """Return the sign of all that a server says of a table, or of a view; of one that is not there, that it is not."""
    said = session.rows(connection, _SQL["mark"].format(table=session.literal(table)))
    ((database,),) = session.rows(connection, "select database()")
    return Mark(sha256(repr(said).encode()).hexdigest(), of=f"{database}.{table}")


def refuse_halves(connection: pymysql.Connection[Any], platform: str, table: str) -> None:
    """Raise SchemaMismatch when a reader of the table could see a part of a batch."""
    ((engine, transactions),) = session.rows(connection, _SQL["engine"].format(table=session.literal(table)))
    if transactions != "YES":
        raise SchemaMismatch(
            f"table {table} of platform {platform} is kept by {engine}, which shows a batch before it is whole",
            f"Ask the platform's owner for InnoDB: alter table {table} engine = InnoDB. Nothing was written.",
        )


def shape(dataset: Dataset, found: list[Column]) -> Shape:
    """Return the types of the columns as PostgreSQL calls them; the server's own name for what it has no like of."""
    return Shape(columns={column.name: _type(dataset, column) for column in found})


def _type(dataset: Dataset, column: Column) -> str:
    field = dataset.field(column.name) if column.name in dataset.columns else None
    declared, zone = (field.type, field.zone) if field else ("", None)
    kind = column.kind
    if kind in _INTEGERS:
        if declared == "boolean" and column.full.startswith("tinyint(1)"):
            return "boolean"
        return (_WIDER if "unsigned" in column.full else _INTEGERS)[kind]
    if kind in {"datetime", "timestamp"}:
        # a TIMESTAMP is a moment: a contract that reads it as another zone's wall clock is wrong
        moment = kind == "timestamp" and (declared.startswith("timestamptz") or zone not in {None, _CHINA})
        size = (
            "" if column.fraction == "6" and "(" not in declared else f"({column.fraction})"
        )  # six are PostgreSQL's default
        return f"timestamp{size} with{'' if moment else 'out'} time zone"
    if kind == "longtext" and declared == "jsonb":
        return "jsonb"  # what MariaDB makes of its type JSON
    others = {
        **dict.fromkeys(_TEXTS, "text"), "decimal": f"numeric({column.precision},{column.scale})", "date": "date",
        "varchar": f"character varying({column.most})", "char": f"character({column.most})", "json": "jsonb",
        "bit": "boolean" if column.precision == "1" else column.full,
    }  # fmt: skip
    return others.get(kind, column.full)


def _column(
    name: str, kind: str, full: str, precision: str, scale: str, fraction: str, nullable: str, most: str | None,
    most_bytes: str | None, charset: str | None,
) -> Column:  # fmt: skip
    needed = nullable == "NO"
    return Column(name, kind, full, precision, scale, fraction, needed, _number(most), _number(most_bytes), charset)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
