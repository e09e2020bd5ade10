"""Compares what a platform holds of a data set with the hub that delivers to it: exact, by key and record hash.

What newer batches of the hub changed is still to be delivered: such rows are pending and no difference.
"""

from __future__ import annotations

from psycopg2 import sql

from gateway import pg
from gateway.exchange import hub as hub_tables
from gateway.exchange.attempt import Attempt
from gateway.exchange.compare import Difference
from gateway.exchange.pipe import pipe_copy
from gateway.ports import Hashing

_HELD = sql.Identifier("gateway_held")


def compare(attempt: Attempt, snapshot: Hashing, upto: int) -> tuple[Difference, int, str]:
    """Return how the platform differs from the hub as of batch `upto`, the rows pending, and the method."""
    dataset, hub = attempt.dataset, attempt.hub
    rows, total = snapshot.totals(dataset)
    hub_rows, hub_total = pg.one(
        hub,
        sql.SQL("select count(*), coalesce(sum({}), 0) from {} as t").format(
            hub_tables.record_hash(dataset, "t"), hub_tables.table(dataset)
        ),
    )
    if (rows, total) == (hub_rows, hub_total):
        return Difference(rows, int(hub_rows), 0, 0, 0, 0), 0, "totals"
    keys = sql.SQL(", ").join(hub_tables.column(dataset.field(k), in_key=True) for k in dataset.key)
    pg.run(hub, sql.SQL("create temp table {} ({}, gw_hash bigint)").format(_HELD, keys))
    try:
        copy_in = sql.SQL("copy {} from stdin (format binary)").format(_HELD)
        held = pipe_copy(lambda out: snapshot.copy_hashes(dataset, out), hub, copy_in)
        missing, extra, different, pending = pg.one(hub, _unlike(attempt, upto))
    finally:
        pg.run(hub, sql.SQL("drop table {}").format(_HELD))
    return Difference(held, int(hub_rows), int(missing), int(extra), int(different), 0), int(pending), "key hashes"


def _unlike(attempt: Attempt, upto: int) -> sql.Composed:
    """Return the query that counts rows only in the hub, only at the platform, unlike, and pending."""
    dataset = attempt.dataset
    return sql.SQL(
        "select count(*) filter (where not newer and there is null), count(*) filter (where not newer and here is null), "
        "count(*) filter (where not newer and there is not null and here is not null), count(*) filter (where newer) "
        "from (select s.gw_hash as there, t.gw_hash as here, coalesce(t.gw_batch > {upto}, exists (select from {gone} g "
        "where {gone_same} and g.gw_batch > {upto})) as newer "
        "from {held} s full join (select {key}, gw_batch, {hash} as gw_hash from {table} _r_) t on {same} "
        "where s.gw_hash is distinct from t.gw_hash) unlike"
    ).format(
        upto=sql.Literal(upto), held=_HELD, table=hub_tables.table(dataset), gone=hub_tables.gone(dataset),
        key=pg.names(dataset.key), hash=hub_tables.record_hash(dataset, "_r_"),
        same=_same(dataset.key, "t"), gone_same=_same(dataset.key, "g"),
    )  # fmt: skip


def _same(key: tuple[str, ...], alias: str) -> sql.Composed:
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(alias, k), sql.Identifier("s", k)) for k in key
    )
