"""Snapshots of MySQL and MariaDB, from what their information_schema shows to the account that asks.

It has no numbers of tables or columns, so that a rename can only be suspected later; and an account is told of other
accounts' rights only when it may see them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import groupby
from typing import Any

import pymysql

from gateway.errors import AccessDenied, NotFound, PlatformUnavailable
from gateway.mysql_address import Address
from gateway.sql import queries
from schemas.snapshot.document import document

_SQL = queries(__file__)
_LABEL = re.compile(r"'((?:[^']|'')*)'")
_Key = tuple[str, str]
_DENIED = {1044, 1045, 1142, 1143, 1698}


def take(address: Address, schemas: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the snapshot of some databases; of the one that the address names when none is named.

    NotFound for a database that does not exist or that the account may not see; AccessDenied, PlatformUnavailable.
    """
    wanted = list(schemas) if schemas else [address.database]
    try:
        connection = _connect(address)
        try:
            return _taken(connection, wanted)
        finally:
            connection.close()
    except pymysql.Error as error:  # the server's own words are not passed on: they may name accounts
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        where = f"{address.host}:{address.port}"
        if number in _DENIED:
            raise AccessDenied(
                f"unable to take a snapshot ({where}): error {number}",
                "Check user, password and rights of the account.",
            ) from None
        raise PlatformUnavailable(
            f"unable to take a snapshot ({where}): error {number}", "Check that the server is up and answers there."
        ) from None


def _connect(address: Address) -> pymysql.Connection[Any]:
    return pymysql.connect(
        host=address.host, port=address.port, user=address.user, password=address.password.encode(), charset="utf8mb4",
        connect_timeout=10, read_timeout=60, ssl=address.tls, ssl_disabled=address.tls is None,
    )  # fmt: skip


def _taken(connection: pymysql.Connection[Any], wanted: Sequence[str]) -> dict[str, Any]:
    _rows(connection, "set session transaction isolation level repeatable read")
    _rows(connection, "start transaction read only")
    ((version,),) = _rows(connection, _SQL["server"])
    asked = _Asked(connection, wanted, maria="MariaDB" in version)
    found = asked.schemas()
    if missing := sorted(set(wanted) - {s["name"] for s in found}):
        raise NotFound(f"there is no database {', '.join(missing)}", "Or the account may see nothing of it.")
    numbers = [int(n) for n in re.findall(r"\d+", version)[:2]]
    server = {"version": version, "version_num": numbers[0] * 100 + numbers[1]}
    return document("mysql", server, found, asked.relations(), [])


class _Asked:
    """One transaction's answers about some databases."""

    def __init__(self, connection: pymysql.Connection[Any], wanted: Sequence[str], *, maria: bool) -> None:
        """Ask through a session whose view stands still."""
        self._connection, self._values, self._maria = connection, {"schemas": tuple(wanted)}, maria

    def schemas(self) -> list[dict[str, Any]]:
        """Return the databases with the rights that reach all of their tables."""
        rows = self._ask("schemas")
        return [
            {"name": name, "acl": [f"{who}:{right}" for _, who, right in group if who is not None]}
            for name, group in ((n, list(g)) for n, g in groupby(rows, key=lambda row: row[0]))
        ]

    def relations(self) -> list[dict[str, Any]]:
        """Return tables and views with all that belongs to them."""
        keys = ("schema", "name", "kind", "engine", "comment", "view", "updatable")
        relations = {(r[0], r[1]): _told(keys, r) | {"columns": []} for r in self._ask("relations")}
        for schema, table, *row in self._ask("columns"):
            if (schema, table) in relations:
                relations[schema, table]["columns"].append(self._column(row))
        parts: list[tuple[str, Iterator[tuple[_Key, dict[str, Any]]]]] = [
            ("constraints", self._keys(primary=True)), ("indexes", self._keys(primary=False)),
            ("constraints", self._references()), ("constraints", self._checks()), ("triggers", self._triggers()),
        ]  # fmt: skip
        for part, things in parts:
            for key, thing in things:
                if key in relations:
                    relations[key].setdefault(part, []).append(thing)
        self._grant(relations)
        return list(relations.values())

    def _column(self, row: Sequence[Any]) -> dict[str, Any]:
        name, kind, notnull, default, extra, collation, comment, expression = row
        if self._maria and default == "NULL":  # written out there, left empty by MySQL
            default = None
        column = _told(
            ("name", "type", "notnull", "default", "collation", "comment"),
            (name, kind, bool(notnull), expression or default, collation, comment),
        )
        if "auto_increment" in extra:
            column["identity"] = "d"
        if expression:
            column["generated"] = "s" if "stored" in extra or "persistent" in extra else "v"
        if "on update" in extra:
            column["default"] = f"{default} {extra.removeprefix('default_generated ')}"
        if kind.startswith("enum("):
            column["enum"] = [label.replace("''", "'") for label in _LABEL.findall(kind)]
        return column

    def _keys(self, *, primary: bool) -> Iterator[tuple[_Key, dict[str, Any]]]:
        for (schema, table, name), group in groupby(self._ask("indexes"), key=lambda row: row[:3]):
            rows = list(group)
            if (name == "PRIMARY") != primary:
                continue
            shown = ", ".join(f"{c or '(expression)'}{f'({part})' if part else ''}" for *_, c, part in rows)
            columns = [row[4] for row in rows]
            unique = not rows[0][3]
            if primary:
                yield (schema, table), {"type": "p", "name": name, "columns": columns, "def": f"PRIMARY KEY ({shown})"}
            else:
                thing = _told(("name", "unique"), (name, unique)) | {
                    "def": f"{'UNIQUE ' if unique else ''}INDEX ({shown})"
                }
                whole = all(row[4] and not row[5] for row in rows)
                yield (schema, table), thing | ({"columns": columns} if whole else {})

    def _references(self) -> Iterator[tuple[_Key, dict[str, Any]]]:
        for (schema, table, name), group in groupby(self._ask("references"), key=lambda row: row[:3]):
            rows = list(group)
            columns, there = [row[3] for row in rows], ", ".join(row[5] for row in rows)
            to, update, delete = rows[0][4], rows[0][6], rows[0][7]
            words = f"FOREIGN KEY ({', '.join(columns)}) REFERENCES {to}({there}) ON UPDATE {update} ON DELETE {delete}"
            yield (
                (schema, table),
                {"type": "f", "name": name, "columns": columns, "references": f"{to}({there})", "def": words},
            )

    def _checks(self) -> Iterator[tuple[_Key, dict[str, Any]]]:
        statement = _SQL["checks"].format(same_table="and c.table_name = t.table_name" if self._maria else "")
        for schema, table, name, clause in _rows(self._connection, statement, self._values):
            yield (schema, table), {"type": "c", "name": name, "def": f"CHECK ({clause})"}

    def _triggers(self) -> Iterator[tuple[_Key, dict[str, Any]]]:
        for schema, table, name, when, body in self._ask("triggers"):
            yield (schema, table), {"name": name, "def": when, "body": sha256(str(body).encode()).hexdigest()}

    def _grant(self, relations: dict[_Key, dict[str, Any]]) -> None:
        rights: defaultdict[tuple[str, str, str | None], list[str]] = defaultdict(list)
        for schema, table, column, who, right in self._ask("grants"):
            rights[schema, table, column].append(f"{who}:{right}")
        for (schema, table), relation in relations.items():
            for thing, column in [(relation, None), *((c, c["name"]) for c in relation["columns"])]:
                if held := rights.get((schema, table, column)):
                    thing["acl"] = held

    def _ask(self, name: str) -> Sequence[Any]:
        return _rows(self._connection, _SQL[name], self._values)


def _told(keys: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    return {key: value for key, value in zip(keys, row, strict=True) if value is not None and value is not False}


def _rows(connection: pymysql.Connection[Any], statement: str, values: Any = None) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
