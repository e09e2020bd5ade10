"""Snapshots of PostgreSQL: every relation of some schemas as the catalogue has it, in one read-only transaction.

Nothing but the catalogue is read, so that a role without any right on the tables sees the same as their owner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.errors import NotFound, SchemaMismatch
from gateway.sql import queries
from schemas.snapshot.document import document, fingerprint

_SQL = queries(__file__)
_RELATION = (
    "oid", "schema", "name", "kind", "persistence", "replica", "rls", "force_rls", "partition_key", "parent", "bound",
    "view", "options", "comment", "owner", "updatable", "acl",
)  # fmt: skip
_COLUMN = (
    "attnum", "name", "type", "notnull", "default", "identity", "generated", "collation", "comment", "made_of", "acl",
    "writable",
)  # fmt: skip
_PARTS: Mapping[str, tuple[str, ...]] = {
    "constraints": ("type", "name", "columns", "def", "deferrable", "valid", "references"),
    "triggers": ("name", "enabled", "def", "body"),
    "sequences": ("column", "acl"),
    "policies": ("name", "cmd", "permissive", "using", "check", "roles"),
    "indexes": ("name", "def", "unique", "columns"),
}


def take(
    connection: Connection, schemas: Sequence[str] | None = None, roles: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return the snapshot of some schemas (all but the server's own when none is named) and what roles may do there.

    The connection commits by itself. Roles are those that hold rights there when none is named.
    NotFound for a schema or a role that does not exist.
    """
    with _view(connection):
        found, names = _schemas(connection, schemas)
        values = {"schemas": names, "relation": None}
        relations = _relations(connection, values)
        return document("pg", _server(connection), found, relations, _access(connection, values, roles))


def relation(connection: Connection, schema: str, name: str) -> dict[str, Any]:
    """Return one relation as a snapshot holds it; SchemaMismatch when there is none of that name."""
    with _view(connection):
        oid = pg.one(connection, "select to_regclass(format('%%I.%%I', %s::text, %s::text))::oid::int8", (schema, name))
        found = _relations(connection, {"schemas": [schema], "relation": oid[0]}) if oid[0] is not None else []
    if not found:
        raise SchemaMismatch(f"there is no relation {schema}.{name}", "It was dropped, renamed or moved.")
    return found[0]


def relation_fingerprint(connection: Connection, schema: str, name: str) -> dict[str, str]:
    """Return both fingerprints of one relation, equal to those of its part of a snapshot; cheap enough for each batch."""
    return fingerprint(relation(connection, schema, name))


def present(connection: Connection, name: str) -> tuple[str, dict[str, str]] | None:
    """Return what a quoted name stands for, and both fingerprints of it; None when it stands for nothing."""
    with _view(connection):
        found = _named(connection, name, None)
    return (f"{found[0]['schema']}.{found[0]['name']}", fingerprint(found[0])) if found else None


def of_relation(connection: Connection, name: str, number: int | None = None) -> dict[str, Any]:
    """Return the snapshot of what answers to a quoted name, of what bears a number, and of what the asking account may do.

    Either may be gone: a snapshot without relations tells so.
    """
    with _view(connection):
        relations = _named(connection, name, number)
        schemas = sorted({str(relation["schema"]) for relation in relations})
        found = _schemas(connection, schemas)[0] if schemas else []
        values = {"schemas": schemas, "relation": relations[0]["oid"] if relations else 0}
        role = str(pg.one(connection, "select current_user")[0])
        return document("pg", _server(connection), found, relations, _access(connection, values, [role]))


def _named(connection: Connection, name: str, number: int | None) -> list[dict[str, Any]]:
    """Return the relation of a name first, then the one of a number if that is another."""
    found: list[dict[str, Any]] = []
    for oid, schema in _rows(connection, "named", {"name": name, "number": number}):
        found += _relations(connection, {"schemas": [schema], "relation": oid})
    return found


@contextmanager
def _view(connection: Connection) -> Iterator[None]:
    """Open one view of the catalogue in which every name is written in full."""
    pg.run(connection, "begin isolation level repeatable read, read only")
    try:
        pg.run(connection, "set local search_path = pg_catalog")
        yield
    finally:
        if not connection.closed:
            pg.run(connection, "rollback")


def _server(connection: Connection) -> dict[str, Any]:
    return dict(
        zip(("system_identifier", "database_oid", "version_num"), pg.one(connection, _SQL["server"]), strict=True)
    )


def _schemas(connection: Connection, wanted: Sequence[str] | None) -> tuple[list[dict[str, Any]], list[str]]:
    rows = _rows(connection, "schemas", {"schemas": list(wanted) if wanted else None})
    names = [str(row[0]) for row in rows]
    if missing := sorted(set(wanted or ()) - set(names)):
        raise NotFound(f"there is no schema {', '.join(missing)}", "Name schemas as the server writes them.")
    return [{"name": name, "acl": acl or []} for name, acl in rows], names


def _relations(connection: Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    relations = [_told(_RELATION, row) for row in _rows(connection, "relations", values)]
    columns = _columns(connection, values)
    parts = {part: _grouped(connection, part, keys, values) for part, keys in _PARTS.items()}
    for relation in relations:
        relation["columns"] = columns.get(relation["oid"], [])
        for part, grouped in parts.items():
            if relation["oid"] in grouped:
                relation[part] = grouped[relation["oid"]]
    return relations


def _columns(connection: Connection, values: Mapping[str, Any]) -> Mapping[int, list[dict[str, Any]]]:
    made_of = _made_of(connection)
    columns: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for oid, *row in _rows(connection, "columns", values):
        column = _told(_COLUMN, row)
        column.update(made_of.get(column.pop("made_of", None), {}))
        columns[oid].append(column)
    return columns


def _made_of(connection: Connection) -> dict[int | None, dict[str, Any]]:
    """Return what types of the database add to a column's own facts, by the type's number."""
    found: dict[int | None, dict[str, Any]] = {}
    for oid, labels, numbers in _rows(connection, "enums"):
        found[oid] = {"enum": labels, "enum_ids": numbers}
    for oid, base, notnull, default, checks in _rows(connection, "domains"):
        found[oid] = {"domain": {"base": base, "notnull": notnull, "default": default, "checks": checks or []}}
    for oid, fields in _rows(connection, "composites"):
        found[oid] = {"composite": fields}
    return found


def _grouped(
    connection: Connection, part: str, keys: tuple[str, ...], values: Mapping[str, Any]
) -> Mapping[int, list[dict[str, Any]]]:
    grouped: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for oid, *row in _rows(connection, part, values):
        grouped[oid].append(_told(keys, row))
    return grouped


def _access(connection: Connection, values: Mapping[str, Any], wanted: Sequence[str] | None) -> list[dict[str, Any]]:
    rows = _rows(connection, "roles", {**values, "roles": list(wanted) if wanted else None})
    if missing := sorted(set(wanted or ()) - {row[0] for row in rows}):
        raise NotFound(f"there is no role {', '.join(missing)}", "Name the role that a unit logs in with.")
    keys = ("role", "superuser", "bypass_rls", "login", "member_of")
    roles = {row[0]: {**_told(keys, row), "schemas": [], "rights": {}} for row in rows}
    values = {**values, "roles": list(roles)}
    for name, schema in _rows(connection, "usage", values):
        roles[name]["schemas"].append(schema)
    for name, relation, privilege, columns in _rows(connection, "rights", values):
        roles[name]["rights"].setdefault(relation, {})[privilege] = True if columns is None else columns
    return list(roles.values())


def _told(keys: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """Return the facts of a row that say something: an absent key is what is empty, false or unknown."""
    return {key: value for key, value in zip(keys, row, strict=True) if value is not None and value is not False}


def _rows(connection: Connection, name: str, values: Mapping[str, Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(_SQL[name], values)
        return cursor.fetchall()
