"""Makes and evolves hub tables from contracts, and loads what rules look up: code lists and the calendar.

A hub table is list-partitioned by `gw_source`; each source's partition comes from its first load and has its own primary
key: a key is unique per source, and an index without the constant source costs a fifth less. Beside the table stands
`<table>__gone`, the tombstones. Gateway columns are never part of the projection.
"""

from __future__ import annotations

from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.deployment import Deployment
from gateway.exchange import evolving
from gateway.exchange.evolving import Evolution, Opened
from gateway.ledger import resources
from gateway.model import Dataset, Field, Route
from gateway.sla import calendar
from gateway.sql import queries

_SQL = queries(__file__)
SCHEMA = "hub"
_FEW_STATISTICS = 10  # a tenth of what the server would take: 3,000 rows


def prepare(deployment: Deployment) -> None:
    """Bring the hub to what the catalog declares; may be called any time and changes only what differs."""
    hub = deployment.hub(name="gateway prepare")
    try:
        with pg.hub_errors("prepare hub tables"), hub:
            for dataset in deployment.catalog.datasets.values():
                ensure_table(hub, dataset)
            for route in deployment.catalog.routes.values():
                prepare_route(hub, route)
            for path in deployment.catalog.code_files:
                load_codes(hub, path)
            calendar.load(hub, calendar.Calendar.from_files(deployment.catalog.calendar_files))
            resources.enter(hub, deployment.catalog)
    finally:
        hub.close()


def prepare_route(hub: Connection, route: Route) -> None:
    """Bring the hub to what one route needs: its table and its state row; so a new route runs without a ceremony."""
    if not (route.outbound and _table_exists(hub, route.dataset)):
        ensure_table(hub, route.dataset)  # a delivery has no lock on the data set: who brings it in evolves its table
    if route.belongs_to is not None and not _table_exists(hub, route.belongs_to):
        ensure_table(hub, route.belongs_to)
    names = {"route": route.route, "dataset": route.dataset.name, "source": route.peer.platform}
    pg.run(hub, _SQL["know_route"], names)


def ensure_table(hub: Connection, dataset: Dataset, opened: Opened | None = None) -> Evolution | None:
    """Make the table of a data set, or bring it to its contract; return what that changed of a table that was there.

    `opened` holds the columns that a notice in effect announced. GateClosed for any other that would go or change its type.
    """
    found = table_columns(hub, dataset)
    if not found:
        _create(hub, dataset)
        return None
    made = evolving.between(dataset, found, opened or {})
    if made.harmful:
        evolving.refuse_new_key(dataset, _columns(hub, f'{SCHEMA}."{dataset.hub_name}__gone"', key=True), made)
    definitions = {f.name: column(f, in_key=False) for f in made.added}
    steps = evolving.statements(made, dataset, table(dataset), gone(dataset), definitions)
    for statement in steps:
        pg.run(hub, statement)
    if steps:
        why = "; ".join(f"{what} {', '.join(names)}" for what, names in made.as_dict().items() if names)
        pg.run(hub, _SQL["resync_dataset"], {"dataset": dataset.name, "why": f"contract {dataset.version}: {why}"})
    return made if steps else None


def table_columns(hub: Connection, dataset: Dataset) -> dict[str, str]:
    """Return the columns of a data set's table and their types in order; nothing when there is no table yet."""
    return _columns(hub, f'{SCHEMA}."{dataset.hub_name}"')


def _columns(hub: Connection, name: str, *, key: bool = False) -> dict[str, str]:
    """Return the columns of a table; of a table of tombstones with `key` those of the key alone."""
    with hub.cursor() as cursor:
        cursor.execute(_SQL["columns"], {"table": name})
        return {n: t for n, t in cursor.fetchall() if not key or (not n.startswith("gw_") and n != "gone_at")}


def _table_exists(hub: Connection, dataset: Dataset) -> bool:
    return bool(pg.one(hub, _SQL["table_exists"], {"table": f'{SCHEMA}."{dataset.hub_name}"'})[0])


def load_codes(hub: Connection, path: Path) -> None:
    """Replace the code lists that a CSV file holds (list, code, name, valid_from, valid_to, replaced_by, kind, source)."""
    pg.run(hub, _SQL["stage_codes"])
    with path.open("rb") as file, hub.cursor() as cursor:
        cursor.copy_expert("copy staged_code from stdin (format csv, header match)", file)
        cursor.execute(_SQL["take_codes"])
        cursor.execute(_SQL["insert_codes"])
        cursor.execute("drop table staged_code")


def table(dataset: Dataset) -> sql.Identifier:
    """Return the hub table of a data set."""
    return sql.Identifier(SCHEMA, dataset.hub_name)


def partition(dataset: Dataset, source: str) -> sql.Identifier:
    """Return the partition that one source feeds."""
    return sql.Identifier(SCHEMA, partition_name(dataset, source))


def partition_name(dataset: Dataset, source: str) -> str:
    """Return the partition's bare name."""
    return f"{dataset.hub_name}__{source}"


def gone(dataset: Dataset) -> sql.Identifier:
    """Return the tombstone table of a data set."""
    return sql.Identifier(SCHEMA, f"{dataset.hub_name}__gone")


def column(field: Field, *, in_key: bool) -> sql.Composed:
    """Return a column definition; keys compare byte by byte, which is what equality needs and costs least."""
    collate = sql.SQL(' collate "C"') if in_key and field.hub_type == "text" else sql.SQL("")
    return sql.Identifier(field.name) + sql.SQL(" ") + sql.SQL(field.hub_type) + collate


def columns(dataset: Dataset) -> sql.Composed:
    """Return the definitions of the projection's columns, in its order."""
    return sql.SQL(", ").join(column(f, in_key=f.name in dataset.key) for f in dataset.fields)


def record_hash(dataset: Dataset, alias: str) -> sql.Composed:
    """Return the hash of the projection of a row; the alias is never one that a column may bear."""
    return sql.SQL("pg_catalog.hash_record_extended(row({}), 0)").format(pg.names(dataset.columns, alias))


def ensure_partition(hub: Connection, dataset: Dataset, source: str) -> None:
    """Make an empty partition for a source that never had a first load into it."""
    statement = sql.SQL("create table if not exists {} partition of {} (primary key ({})) for values in ({})")
    part, key = partition(dataset, source), pg.names(dataset.key)
    pg.run(hub, statement.format(part, table(dataset), key, sql.Literal(source)))


def glance(hub: Connection, dataset: Dataset, source: str) -> None:
    """Have the planner know a new partition from a few of its rows, since others may join it the next moment.

    As its columns are named, the server goes on counting it as never analyzed, and autovacuum looks at it thoroughly.
    """
    pg.run(hub, sql.SQL("set default_statistics_target = {}").format(sql.Literal(_FEW_STATISTICS)))
    statement = sql.SQL("analyze {} ({})")
    pg.run(hub, statement.format(partition(dataset, source), pg.names((*dataset.columns, "gw_batch", "gw_since"))))
    pg.run(hub, "reset default_statistics_target")


def index_batches(hub: Connection, dataset: Dataset, source: str) -> None:
    """Make the index by batch that a partition needs once it holds rows of more than the batch that first filled it."""
    name = f"{partition_name(dataset, source)}_batch"
    if pg.one(hub, _SQL["index_exists"], {"name": name})[0]:
        return  # asked first: `if not exists` would take its lock all the same and send an autovacuum away
    statement = sql.SQL("create index {} on {} using brin (gw_batch)")
    pg.run(hub, statement.format(sql.Identifier(name), partition(dataset, source)))


def _create(hub: Connection, dataset: Dataset) -> None:
    pg.run(
        hub,
        sql.SQL(
            'create table {} ({}, gw_source text collate "C" not null, gw_batch bigint not null, gw_since bigint) '
            "partition by list (gw_source)"
        ).format(table(dataset), columns(dataset)),
    )
    key = pg.names((*dataset.key, "gw_source"))
    keys = sql.SQL(", ").join(column(dataset.field(k), in_key=True) for k in dataset.key)
    pg.run(
        hub,
        sql.SQL(
            'create table {} ({}, gw_source text collate "C" not null, gw_batch bigint not null, gw_since bigint, '
            "gone_at timestamptz not null default clock_timestamp(), primary key ({}))"
        ).format(gone(dataset), keys, key),
    )
    comment = sql.SQL("comment on table {} is {}")
    pg.run(
        hub,
        comment.format(table(dataset), sql.Literal(f"{dataset.chinese} ({dataset.name} {dataset.version})")),
    )
