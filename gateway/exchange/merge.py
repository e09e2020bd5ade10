"""Moves judged rows from landing into the hub, set-based; runs inside the transaction that decides a batch.

Only rows whose record hash differs are touched: `gw_batch` of an unchanged row stays true. Content sums are taken from
the rows as they were written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg2 import sql

from gateway import pg
from gateway.exchange import hub as hub_tables
from gateway.exchange.landing import Landing


@dataclass(slots=True)
class Moved:
    """What a batch did to the hub, the sum of the record hashes of the rows it wrote, and the newest cursor it saw.

    `oldest` is the oldest cursor among the rows that an upsert wrote: the row that waited longest.
    """

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    hash_sum: int = 0
    newest: datetime | None = None
    oldest: datetime | None = None

    @property
    def written(self) -> int:
        """Return the number of rows that now bear the batch's number."""
        return self.inserted + self.updated


def swap_in(landing: Landing) -> Moved:
    """Attach the finished `_ok` table as the source's partition; takes about a millisecond.

    A partition that is there already (the route was renamed) leaves tombstones of what the new one lacks.
    """
    dataset, name = landing.dataset, hub_tables.partition_name(landing.dataset, landing.source)
    if pg.one(landing.hub, "select to_regclass(%s) is not null", (f'{hub_tables.SCHEMA}."{name}"',))[0]:
        _bury_missing(landing)
        pg.run(landing.hub, sql.SQL("drop table {}").format(hub_tables.partition(dataset, landing.source)))
    pg.run(landing.hub, sql.SQL("alter table {} set schema hub").format(landing.name("_ok")))
    moved_name = sql.Identifier(hub_tables.SCHEMA, f"{dataset.hub_name}_b{landing.batch}_ok")
    pg.run(landing.hub, sql.SQL("alter table {} rename to {}").format(moved_name, sql.Identifier(name)))
    attach = sql.SQL("alter table {} attach partition {} for values in ({})")
    part = hub_tables.partition(dataset, landing.source)
    pg.run(landing.hub, attach.format(hub_tables.table(dataset), part, sql.Literal(landing.source)))
    return Moved()


def content(landing: Landing) -> Moved:
    """Return count, hash sum and newest cursor of `_ok`, for a first load; scans it once."""
    query = sql.SQL("select count(*), coalesce(sum({}), 0), {} from {} as _r_").format(
        hub_tables.record_hash(landing.dataset, "_r_"), _newest_cursor(landing), landing.name("_ok")
    )
    rows, total, newest = pg.one(landing.hub, query)
    return Moved(inserted=int(rows), hash_sum=int(total), newest=newest)


def newest(landing: Landing) -> datetime | None:
    """Return the newest cursor value among the good rows."""
    query = sql.SQL("select {} from {}").format(_newest_cursor(landing), landing.name("_ok"))
    found: datetime | None = pg.one(landing.hub, query)[0]
    return found


def _newest_cursor(landing: Landing) -> sql.Composable:
    """Return the newest cursor that can be a moment of the source's past; a stamp far ahead is nobody's clock."""
    if landing.dataset.cursor is None:
        return sql.SQL("max(null::timestamptz)")
    ahead = "(select clock_timestamp() + interval '1 day')"  # asked once: a clock for each row cost a fifth of the scan
    return sql.SQL("max({0}) filter (where {0} between '1900-01-01' and " + ahead + ")").format(
        sql.Identifier(landing.dataset.cursor)
    )


def _stamp(landing: Landing, alias: str) -> sql.Composable:
    """Return a row's cursor as a moment; stamps outside of this era are nobody's clock."""
    if landing.dataset.cursor is None:
        return sql.SQL("null::timestamptz")
    within = "case when {0} between '1900-01-01' and '2199-12-31' then {0}::timestamptz end"
    return sql.SQL(within).format(sql.Identifier(alias, landing.dataset.cursor))


def upsert(landing: Landing, *, source_is_truth: bool) -> Moved:
    """Update and insert the rows of `_ok` that differ from the hub.

    A window never overwrites a row whose cursor is newer (an older version that arrives late is left alone); a
    comparison takes what the source holds, for there the source is the truth even when its cursor went back.
    """
    dataset, part = landing.dataset, hub_tables.partition(landing.dataset, landing.source)
    hub_tables.ensure_partition(landing.hub, dataset, landing.source)
    before = landing.count("_ok")
    same_key = _same_key(landing)
    newer: sql.Composable = sql.SQL("true")
    if dataset.cursor and not source_is_truth:
        newer = sql.SQL("(t.{0} is null or s.{0} >= t.{0})").format(sql.Identifier(dataset.cursor))
    changes = sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(sql.Identifier(c)) for c in dataset.columns)
    parts = {
        "part": part, "ok": landing.name("_ok"), "same": same_key, "newer": newer, "changes": changes,
        "batch": sql.Literal(landing.batch), "source": sql.Literal(landing.source), "columns": landing.columns,
        "s_hash": hub_tables.record_hash(dataset, "s"), "t_hash": hub_tables.record_hash(dataset, "t"),
        "s_columns": pg.names(dataset.columns, "s"), "since": _since(landing),
        "s_stamp": _stamp(landing, "s"), "t_stamp": _stamp(landing, "t"),
    }  # fmt: skip
    updated, update_sum, updated_oldest = pg.one(
        landing.hub,
        sql.SQL(
            "with written as (update {part} t set {changes}, gw_batch = {batch} from {ok} s "
            "where {same} and {newer} and {s_hash} <> {t_hash} returning {s_hash} as h, {s_stamp} as at) "
            "select count(*), coalesce(sum(h), 0), min(at) from written"
        ).format(**parts),
    )
    inserted, insert_sum, inserted_oldest = pg.one(
        landing.hub,
        sql.SQL(
            "with written as (insert into {part} as t ({columns}, gw_source, gw_batch, gw_since) "
            "select {s_columns}, {source}, {batch}, {since} from {ok} s where not exists (select from {part} t where {same}) "
            "returning {t_hash} as h, {t_stamp} as at) select count(*), coalesce(sum(h), 0), min(at) from written"
        ).format(**parts),
    )
    if inserted:
        _forget_tombstones(landing)
    moved = Moved(
        inserted=int(inserted),
        updated=int(updated),
        hash_sum=int(update_sum) + int(insert_sum),
        newest=newest(landing),
        oldest=min((at for at in (updated_oldest, inserted_oldest) if at), default=None),
    )
    moved.unchanged = before - moved.written
    if moved.written:
        hub_tables.index_batches(landing.hub, dataset, landing.source)
    return moved


def delete_missing(landing: Landing) -> int:
    """Delete the hub rows that `_diff` marks as gone from the source, leaving tombstones; return their number."""
    dataset = landing.dataset
    statement = sql.SQL(
        "with removed as (delete from {part} t using {diff} s where s.gw_op = 'D' and {same} returning {t_key}, t.gw_since) "
        "insert into {gone} ({key}, gw_source, gw_batch, gw_since) select {key}, {source}, {batch}, gw_since from removed "
        "on conflict ({key}, gw_source) do update set gw_batch = excluded.gw_batch, gone_at = clock_timestamp()"
    ).format(
        part=hub_tables.partition(dataset, landing.source), diff=landing.name("_diff"), same=_same_key(landing),
        t_key=pg.names(dataset.key, "t"), key=pg.names(dataset.key), gone=hub_tables.gone(dataset),
        source=sql.Literal(landing.source), batch=sql.Literal(landing.batch),
    )  # fmt: skip
    return pg.run(landing.hub, statement)


def journal_repairs(landing: Landing) -> dict[str, int]:
    """Keep the originals of repaired values of the rows that this batch wrote; return how many by field."""
    statement = sql.SQL(
        "with kept as (insert into gateway.repair (batch_id, dataset, key, field, original) "
        "select {batch}, {dataset}, jsonb_build_object({pairs}), s.gw_field, s.gw_original "
        "from {fix} s join {part} t on {same} and t.gw_batch = {batch} returning field) "
        "select field, count(*) from kept group by field order by field"
    ).format(
        batch=sql.Literal(landing.batch), dataset=sql.Literal(landing.dataset.name), fix=landing.name("_fix"),
        part=hub_tables.partition(landing.dataset, landing.source), same=_same_key(landing),
        pairs=sql.SQL(", ").join(
            sql.SQL("{}, s.{}").format(sql.Literal(k), sql.Identifier(k)) for k in landing.dataset.key
        ),
    )  # fmt: skip
    with landing.hub.cursor() as cursor:
        cursor.execute(statement)
        return {field: int(count) for field, count in cursor.fetchall()}


def hub_rows(landing: Landing) -> int:
    """Return the number of rows the source has in the hub."""
    query = sql.SQL("select count(*) from {} where gw_source = {}")
    return int(pg.one(landing.hub, query.format(hub_tables.table(landing.dataset), sql.Literal(landing.source)))[0])


def _bury_missing(landing: Landing) -> None:
    statement = sql.SQL(
        "insert into {gone} ({key}, gw_source, gw_batch, gw_since) select {t_key}, {source}, {batch}, t.gw_since from {part} t "
        "where not exists (select from {ok} s where {same}) "
        "on conflict ({key}, gw_source) do update set gw_batch = excluded.gw_batch, gone_at = clock_timestamp()"
    ).format(
        gone=hub_tables.gone(landing.dataset), key=pg.names(landing.dataset.key), ok=landing.name("_ok"),
        t_key=pg.names(landing.dataset.key, "t"), part=hub_tables.partition(landing.dataset, landing.source),
        same=_same_key(landing), source=sql.Literal(landing.source), batch=sql.Literal(landing.batch),
    )  # fmt: skip
    pg.run(landing.hub, statement)


def _since(landing: Landing) -> sql.Composed:
    """Return the batch in which the key of a row `s` came: this one, unless the key was here before, from whatever source."""
    same = sql.SQL(" and ").join(sql.SQL("g.{0} = s.{0}").format(sql.Identifier(k)) for k in landing.dataset.key)
    return sql.SQL("coalesce((select min(coalesce(g.gw_since, 0)) from {} g where {}), {})").format(
        hub_tables.gone(landing.dataset), same, sql.Literal(landing.batch)
    )


def _forget_tombstones(landing: Landing) -> None:
    statement = sql.SQL("delete from {gone} t using {ok} s where t.gw_source = {source} and {same}").format(
        gone=hub_tables.gone(landing.dataset), ok=landing.name("_ok"),
        source=sql.Literal(landing.source), same=_same_key(landing),
    )  # fmt: skip
    pg.run(landing.hub, statement)


def _same_key(landing: Landing) -> sql.Composed:
    return sql.SQL(" and ").join(sql.SQL("t.{0} = s.{0}").format(sql.Identifier(k)) for k in landing.dataset.key)
