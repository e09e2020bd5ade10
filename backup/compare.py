"""Is a restored database what the manifest says of the source? Every difference in words, none of them a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import psycopg2
from psycopg2 import sql

from backup import snapshot, survey
from backup.manifest import Manifest
from backup.survey import Content, Survey, Table
from gateway import pg

OTHER = "is another"
_CONTROLLED = 10_000  # rows among which the negative control empties a cell
_INDEX_ONLY = "set enable_seqscan = off; set enable_bitmapscan = off; set max_parallel_workers_per_gather = 0"


def differences(told: Survey, found: Survey, *, roles: bool = True) -> list[str]:
    """Return how a restored database differs from what its manifest tells."""
    return [
        *_table_differences(told, found),
        *_sequence_differences(told, found),
        *(
            f"there are {found.objects.get(k, 0)} {k}, not {n}"
            for k, n in told.objects.items()
            if found.objects.get(k, 0) != n
        ),
        *(f"there are {n} {k}, the source had none" for k, n in found.objects.items() if k not in told.objects),
        *_large_object_differences(told, found),
        *(
            f"role {name} is not what it was"
            for name, rights in told.roles.items()
            if roles and found.roles.get(name) != rights
        ),
    ]


def one_table(table: Table, told: Content, there: Table | None, found: Content | None) -> Iterator[str]:
    """Yield how one table differs."""
    if there is None or found is None:
        yield f"table {table.full} is missing"
        return
    if there.columns != table.columns:
        changed = dict(table.columns).items() ^ dict(there.columns).items()
        yield f"table {table.full}: columns differ: {', '.join(sorted({name for name, _ in changed})) or 'their order'}"
    if found.rows != told.rows:
        yield f"table {table.full} has {found.rows} rows, not {told.rows}"
    elif found.sums != told.sums:
        yield f"table {table.full}: the content of its {told.rows} rows {OTHER}"


def settle(dsn: str) -> None:
    """Mark the pages of a loaded database as seen by all: an index then answers without a look at its table.

    A page at a time, in the table's order; looked up from an index, row after row, they take thirty times as long.
    """
    with closing(pg.connect(dsn, name="gateway drill settle", autocommit=True)) as connection:
        pg.run(connection, "vacuum (index_cleanup off, truncate off)")


def by_index(dsn: str, told: Survey, found: Survey) -> tuple[list[str], list[str]]:
    """Count each table that is there once more by an index alone; return what is wrong, and the tables no index counts.

    A copy may be right to whoever reads its tables and wrong to whoever trusts its indexes.
    """
    faults, unchecked = [], []
    with closing(snapshot.connect(dsn, "gateway drill index")) as connection:
        pg.run(connection, _INDEX_ONLY)
        for table, content in (pair for name, pair in told.tables.items() if name in found.tables):
            query = sql.SQL("select count(*) from only {}").format(table.identifier)
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("explain (costs off) ") + query)
                planned = " ".join(line for (line,) in cursor.fetchall())
            if "Index Only Scan" not in planned:
                unchecked.append(table.full)
            elif (rows := int(pg.one(connection, query)[0])) != content.rows:
                faults.append(f"table {table.full} has {rows} rows by its index, not {content.rows}")
    return faults, unchecked


def indexes(dsn: str) -> tuple[list[str], bool]:
    """Check every B-tree index against its table by amcheck; return what is wrong, and whether amcheck is there."""
    with closing(pg.connect(dsn, name="gateway drill amcheck", autocommit=True)) as connection:
        if not pg.one(connection, "select count(*) from pg_available_extensions where name = 'amcheck'")[0]:
            return [], False
        pg.run(connection, "create extension if not exists amcheck")
        with connection.cursor() as cursor:
            cursor.execute(
                "select c.oid, c.oid::regclass::text from pg_class c join pg_index i on i.indexrelid = c.oid "
                "join pg_am a on a.oid = c.relam where a.amname = 'btree' and c.relkind = 'i' and i.indisvalid and c.oid >= 16384"
            )
            wanted = cursor.fetchall()
        faults = []
        for oid, name in wanted:
            try:
                pg.run(connection, "select bt_index_check(%s::oid::regclass, true)", (oid,))
            except psycopg2.Error as error:
                faults.append(f"index {name}: amcheck finds it damaged ({error.pgcode})")
        return faults, True


def control(dsn: str, manifest: Manifest, content: Callable[..., Content] = survey.content) -> str | None:
    """Read the begin of the smallest table as if one cell were empty: return why the comparison proves nothing, or None."""
    filled = [(t, c) for t, c in manifest.survey.tables.values() if c.rows and t.columns]
    if not filled:
        return "no table has a row: there is nothing to change"
    table, told = min(filled, key=lambda pair: pair[1].rows)
    cells = [sql.Identifier(name) for name, _ in table.columns]
    begin = sql.SQL("(select {} from only {} limit {})")
    with closing(snapshot.connect(dsn, "gateway drill control")) as connection:
        pg.run(connection, "set synchronize_seqscans = off")  # every reading begins with the same row

        def read(cells: Sequence[sql.Composable]) -> Content:
            shown = begin.format(sql.SQL(", ").join(cells), table.identifier, sql.Literal(_CONTROLLED))
            return content(connection, table, shown)

        unchanged = read(cells)
        if told.rows <= _CONTROLLED and unchanged != told:
            return f"{table.full} compares as changed where it is not"
        for place, (name, _) in enumerate(table.columns):
            first = sql.SQL(
                "select ctid::text from (select ctid, * from only {} limit {}) as begin where {} is not null limit 1"
            )
            if row := pg.one(
                connection, first.format(table.identifier, sql.Literal(_CONTROLLED), sql.Identifier(name))
            ):
                emptied = sql.SQL("case when ctid = {}::tid then null else {c} end as {c}")
                changed = [*cells[:place], emptied.format(sql.Literal(row[0]), c=cells[place]), *cells[place + 1 :]]
                seen = list(one_table(table, unchanged, table, read(changed)))
                return None if seen else f"a changed cell of {table.full} went unnoticed"
    return f"every cell of {table.full} is empty: there is nothing to change"


def _table_differences(told: Survey, found: Survey) -> Iterator[str]:
    for name, (table, content) in told.tables.items():
        there, rows = found.tables.get(name, (None, None))
        yield from one_table(table, content, there, rows)
    for name in found.tables.keys() - told.tables.keys():
        yield f"table {name} is there, the source had none of that name"


def _sequence_differences(told: Survey, found: Survey) -> Iterator[str]:
    """Yield the sequences that would give a number twice."""
    for name, (value, up) in told.sequences.items():
        if name not in found.sequences:
            yield f"sequence {name} is missing"
        elif value is not None:
            there = found.sequences[name][0]
            if there is None or (there < value if up else there > value):
                yield f"sequence {name} stands at {there}, not at {value} or beyond"


def _large_object_differences(told: Survey, found: Survey) -> Iterator[str]:
    if told.large_objects[0] != found.large_objects[0]:
        yield f"there are {found.large_objects[0]} large objects, not {told.large_objects[0]}"
    elif told.large_objects[1] != found.large_objects[1]:
        yield f"the content of the large objects {OTHER}"
