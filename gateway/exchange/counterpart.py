"""Compares what a platform holds of a data set with the hub that delivers to it.

Exact, by key and record hash, where the platform can tell: what newer batches of the hub changed is still to be delivered,
such rows are pending and no difference. Where a platform only collects, what was sent is counted there batch by batch.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2 import sql

from gateway import pg
from gateway.exchange import gate, outgoing
from gateway.exchange import hub as hub_tables
from gateway.exchange.attempt import Attempt
from gateway.exchange.compare import Difference
from gateway.exchange.pipe import pipe_copy
from gateway.ledger import deliveries
from gateway.ports import Counting, Hashing

_HELD = sql.Identifier("gateway_held")


def compare(attempt: Attempt, snapshot: Hashing, upto: int) -> tuple[Difference, int, str]:
    """Return how the platform differs from the hub as of batch `upto`, the rows pending, and the method.

    Rows that must not leave are counted as quarantined.
    """
    dataset, hub = attempt.dataset, attempt.hub
    rows, total = snapshot.totals(dataset)
    hub_rows, hub_total, marked = pg.one(
        hub,
        sql.SQL(
            "select count(*), coalesce(sum(hash) filter (where not marked), 0), count(*) filter (where marked) "
            "from (select {} as hash, {} as marked from {} as t where {}) judged"
        ).format(
            outgoing.record_hash(attempt.route, "t"),
            _stopped(attempt),
            hub_tables.table(dataset),
            gate.meant_for_it(attempt.route, "t"),
        ),
    )
    if (rows, total) == (hub_rows - marked, hub_total):
        return Difference(rows, int(hub_rows), 0, 0, 0, int(marked)), 0, "totals"
    keys = sql.SQL(", ").join(hub_tables.column(dataset.field(k), in_key=True) for k in dataset.key)
    pg.run(hub, sql.SQL("create temp table {} ({}, gw_hash bigint)").format(_HELD, keys))
    try:
        copy_in = sql.SQL("copy {} from stdin (format binary)").format(_HELD)
        held = pipe_copy(lambda out: snapshot.copy_hashes(dataset, out), hub, copy_in)
        missing, extra, different, pending, stopped = map(int, pg.one(hub, _unlike(attempt, upto)))
    finally:
        pg.run(hub, sql.SQL("drop table {}").format(_HELD))
    return Difference(held, int(hub_rows), missing, extra, different, stopped), pending, "key hashes"


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What became of the batches that were read back: rows there and sent, batches put away, and the newest proven one.

    `missing` and `extra` are summed over batches: what one has too much does not make up for what another lacks.
    """

    held: int
    sent: int
    missing: int
    extra: int
    put_away: int
    upto: int | None
    passed: bool


def read_back(attempt: Attempt, target: Counting) -> ReadBack:
    """Count every batch that was not read back before, in order, up to the first that is not whole."""
    route, sender = attempt.route.route, deliveries.sender(attempt.notes)
    held = sent = missing = extra = put_away = 0
    whole: list[deliveries.Sent] = []
    passed = True
    for batch in deliveries.unread(attempt.notes, route):
        count = target.count(attempt.dataset, sender, batch.number, batch.left)
        put_away += count is None
        there = batch.counted if count is None else count
        held, sent = held + there, sent + batch.counted
        missing, extra = missing + max(batch.counted - there, 0), extra + max(there - batch.counted, 0)
        passed = passed and count in (None, batch.counted)
        if passed:
            whole.append(batch)
    deliveries.note_read(attempt.notes, [batch.number for batch in whole])
    newest = max((batch.upto for batch in whole), default=None)
    return ReadBack(held, sent, missing, extra, put_away, newest, passed)


def _unlike(attempt: Attempt, upto: int) -> sql.Composed:
    """Return the query that counts rows only in the hub, only at the platform, unlike, pending, and stopped."""
    dataset = attempt.dataset
    return sql.SQL(
        "select count(*) filter (where not newer and there is null), count(*) filter (where not newer and here is null), "
        "count(*) filter (where not newer and there is not null and here is not null), count(*) filter (where newer), "
        "(select count(*) from {table} t where {marked} and {others}) "
        "from (select s.gw_hash as there, t.gw_hash as here, coalesce(t.gw_batch > {upto}, exists (select from {gone} g "
        "where {gone_same} and g.gw_batch > {upto})) as newer "
        "from {held} s full join (select {key}, gw_batch, {hash} as gw_hash, {marked} as gw_marked from {table} t "
        "where {others}) t on {same} "
        "where s.gw_hash is distinct from t.gw_hash and t.gw_marked is not true) unlike"
    ).format(
        others=gate.meant_for_it(attempt.route, "t"),
        upto=sql.Literal(upto), held=_HELD, table=hub_tables.table(dataset), gone=hub_tables.gone(dataset),
        key=pg.names(dataset.key), hash=outgoing.record_hash(attempt.route, "t"), marked=_stopped(attempt),
        same=_same(dataset.key, "t"), gone_same=_same(dataset.key, "g"),
    )  # fmt: skip


def _stopped(attempt: Attempt) -> sql.Composed:
    """Return the condition that a row must not leave."""
    return sql.SQL("({} is not null)").format(gate.reason(attempt.route, "t"))


def _same(key: tuple[str, ...], alias: str) -> sql.Composed:
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(alias, k), sql.Identifier("s", k)) for k in key
    )
