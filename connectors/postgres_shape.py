"""The shape of a table in a PostgreSQL database, as its server describes it."""

from __future__ import annotations

from typing import cast

from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.errors import SchemaMismatch
from gateway.model import Dataset
from gateway.ports import Shape
from gateway.sql import queries

_SQL = queries(__file__)


def described(connection: Connection, platform: str, table: str, hint: str) -> Shape:
    """Return the columns of a table (its name quoted as SQL needs it); SchemaMismatch, with the hint, without one."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL["columns"], {"table": table})
        columns = dict(cast("list[tuple[str, str]]", cursor.fetchall()))
    if not columns:
        shown = table.replace('"', "").removeprefix("public.")
        raise SchemaMismatch(f"platform {platform} has no table {shown} that we may see", hint)
    checked = connection.info.parameter_status("server_encoding") != "SQL_ASCII"
    return Shape(columns=columns, checked_text=checked)


def renamed_hint(dataset: Dataset) -> str:
    """Return what to do when the table that a contract names is not there."""
    return f"Ask the owner whether it was renamed; then change physicalName in the contract of {dataset.name}."


def stamp_of(connection: Connection, name: str) -> str:
    """Return what each change of a relation's columns moves; nothing when there is no such relation."""
    found = pg.one(connection, _SQL["stamp"], {"table": name})
    return str(found[0]) if found else ""
