"""The benchmark's lines for structures: a snapshot of a large catalogue, its comparison, and one table's fingerprint.

The limit of a snapshot is reading the columns alone, that of a comparison reading both documents, that of a fingerprint
one question to the server.
"""

from __future__ import annotations

import json
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg
from sandbox import meter
from schemas.diff.compare import compare
from schemas.diff.model import Policy
from schemas.snapshot import pg as snapshot
from schemas.snapshot.document import canonical

TABLES, COLUMNS = 500, 30
_MANY = 100
_NAMED = (
    "select c.oid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid) "
    "from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 "
    "left join pg_attrdef d on (d.adrelid, d.adnum) = (c.oid, a.attnum) where c.relnamespace = 'shapes'::regnamespace and c.relkind = 'r'"
)


def shapes(city: meter.Bench, pairs: int) -> list[dict[str, Any]]:
    """Return the lines `snapshot.500x30`, `diff.500x30` and `fingerprint.table`."""
    server = city.servers[1]
    server.create_database("shapes")
    connection = pg.connect(server.dsn("shapes"), name="bench", autocommit=True)
    try:
        _tables(connection)
        return [
            _snapshot(city, connection, pairs),
            _diff(city, connection, pairs),
            _fingerprint(city, connection, pairs),
        ]
    finally:
        connection.close()
        city.ask("drop database shapes", source=True)


def _tables(connection: Connection) -> None:
    wide = ", ".join(f"c{i} varchar({i + 10}) default 'x'" for i in range(COLUMNS - 3))
    pg.run(connection, "create schema shapes")
    for i in range(TABLES):
        columns = f"id bigint primary key, name varchar(20) not null unique, at timestamptz, {wide}"
        pg.run(connection, f"create table shapes.t{i} ({columns})")
    pg.run(connection, "analyze")


def _snapshot(city: meter.Bench, connection: Connection, pairs: int) -> dict[str, Any]:
    def ours() -> None:
        taken = snapshot.take(connection, ["shapes"])
        meter.check(sum(len(r["columns"]) for r in taken["relations"]) == TABLES * COLUMNS, "columns of the snapshot")

    def limit() -> None:
        with connection.cursor() as cursor:
            cursor.execute(_NAMED)
            meter.check(len(cursor.fetchall()) == TABLES * COLUMNS, "columns read")

    return city.pairs(f"snapshot.{TABLES}x{COLUMNS}", pairs, limit, ours, lambda: None)


def _diff(city: meter.Bench, connection: Connection, pairs: int) -> dict[str, Any]:
    """Compare two snapshots of which every table differs by one column."""
    texts = [canonical(snapshot.take(connection, ["shapes"]))]
    texts.append(texts[0].replace(b'"character varying(36)"', b'"character varying(20)"'))
    # Between two databases nothing is told by numbers: the longer way.
    texts[1] = texts[1].replace(b'"database_oid":', b'"database_oid":1')
    old, new = (json.loads(text) for text in texts)

    def ours() -> None:
        found = compare("pg", old, new, "both", Policy())
        meter.check(len(found.changes) == TABLES, "changes")

    def limit() -> None:
        meter.check(all(json.loads(text) for text in texts), "documents")

    return city.pairs(f"diff.{TABLES}x{COLUMNS}", pairs, limit, ours, lambda: None)


def _fingerprint(city: meter.Bench, connection: Connection, pairs: int) -> dict[str, Any]:
    def ours() -> None:
        found = {snapshot.relation_fingerprint(connection, "shapes", "t7")["shape"] for _ in range(_MANY)}
        meter.check(len(found) == 1, "fingerprint")

    def limit() -> None:
        for _ in range(_MANY):
            with connection.cursor() as cursor:
                cursor.execute(_NAMED + " and c.relname = 't7'")
                meter.check(len(cursor.fetchall()) == COLUMNS, "columns read")

    line = city.pairs("fingerprint.table", pairs, limit, ours, lambda: None)
    return line | {key: round(line[key] / _MANY, 4) for key in ("ours_cpu", "limit_cpu", "ours_wall", "limit_wall")}
