"""Exact comparison of a source with the hub: a stream of (key, record hash) joined with the hub's own.

The sums of both sides tell whether a closer look is needed at all; rows in quarantine are accounted for by their hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.exchange import hub as hub_tables
from gateway.exchange.landing import Landing
from gateway.exchange.pipe import pipe_copy
from gateway.ports import Hashing
from gateway.sql import queries

SLICE = 10_000
_SQL = queries(__file__)
# Rows of the source that are rightly not in the hub; a corrected one is there with the values a person gave it.
_ABSENT = "state in ('open', 'waiting', 'discarded')"
_KNOWN = "state in ('open', 'waiting', 'discarded', 'corrected')"


@dataclass(frozen=True, slots=True)
class Difference:
    """How a source and the hub differ: rows only there, only here, and unlike; quarantined rows are not among them."""

    source_rows: int
    hub_rows: int
    missing: int
    extra: int
    different: int
    quarantined: int

    @property
    def equal(self) -> bool:
        """Tell whether every row of the source is in the hub or in quarantine, and nothing else is."""
        return not (self.missing or self.extra or self.different)


def totals_agree(landing: Landing, snapshot: Hashing) -> Difference | None:
    """Return a difference of nothing when count and hash sum prove equality, else None: then look closer."""
    source_rows, source_sum = snapshot.totals(landing.dataset)
    hub_rows, hub_sum = hub_totals(landing)
    held, held_sum = pg.one(
        landing.hub,
        f"select count(*), coalesce(sum(row_hash), 0) from gateway.quarantine where {_ABSENT} "
        "and dataset = %s and source = %s",
        (landing.dataset.name, landing.source),
    )
    if source_rows != hub_rows + held or source_sum != hub_sum + held_sum:
        return None
    return Difference(int(source_rows), int(hub_rows), 0, 0, 0, int(held))


def hub_totals(landing: Landing) -> tuple[int, int]:
    """Return count and sum of record hashes of what the source has in the hub."""
    hub_tables.ensure_partition(landing.hub, landing.dataset, landing.source)
    query = sql.SQL("select count(*), coalesce(sum({}), 0) from {} as _r_").format(
        hub_tables.record_hash(landing.dataset, "_r_"), hub_tables.partition(landing.dataset, landing.source)
    )
    rows, total = pg.one(landing.hub, query)
    return int(rows), int(total)


def stream(landing: Landing, snapshot: Hashing) -> Difference:
    """Fill `_kh` from the source and `_diff` with what differs: gw_op I (only there), D (only here), U (unlike)."""
    dataset = landing.dataset
    _make_hashes(landing)
    copy_in = sql.SQL("copy {} from stdin (format binary)").format(landing.name("_kh"))
    source_rows = pipe_copy(lambda out: snapshot.copy_hashes(dataset, out), landing.hub, copy_in)
    return join(landing, source_rows)


def landed(landing: Landing) -> Difference:
    """Fill `_kh` and `_diff` from a copy of the whole set that lies in the landing tables of an untyped source."""
    _make_hashes(landing)
    statement = sql.SQL(
        "insert into {kh} select {key}, {hash} from {landing} _r_ union all select {key}, gw_hash from {mis}"
    ).format(
        kh=landing.name("_kh"), key=pg.names(landing.dataset.key), hash=hub_tables.record_hash(landing.dataset, "_r_"),
        landing=landing.name(), mis=landing.name("_mis"),
    )  # fmt: skip
    return join(landing, pg.run(landing.hub, statement))


def unseen(landing: Landing) -> bool:
    """Tell whether quarantine holds a row that the landed copy does not have, where a run looks after quarantine."""
    if not landing.watching:
        return False
    same = sql.SQL(" and ").join(sql.SQL("s.{0} = l.{0}").format(sql.Identifier(k)) for k in landing.dataset.key)
    query = sql.SQL(
        "select exists (select from {live} l where not exists (select from {kh} s where {same}) "
        "and not exists (select from {kh} s where s.gw_hash = l.gw_hash))"
    )
    return bool(pg.one(landing.hub, query.format(live=landing.name("_live"), kh=landing.name("_kh"), same=same))[0])


def keep_differing(landing: Landing) -> None:
    """Delete from the landed copy what the hub holds alike, and what quarantine knows already."""
    same = sql.SQL(" and ").join(sql.SQL("d.{0} = _r_.{0}").format(sql.Identifier(k)) for k in landing.dataset.key)
    wanted = sql.SQL(
        "delete from {ok} _r_ where not exists "
        "(select from {diff} d where d.gw_op in ('I', 'U') and not d.gw_held and {same})"
    )
    record_hash = hub_tables.record_hash(landing.dataset, "_r_")
    whose = {"dataset": sql.Literal(landing.dataset.name), "source": sql.Literal(landing.source)}
    pg.run(landing.hub, wanted.format(ok=landing.name("_ok"), diff=landing.name("_diff"), same=same))
    known = sql.SQL(
        "delete from {table} _r_ using gateway.quarantine q where q.{known} and q.dataset = {dataset} "
        "and q.source = {source} and q.row_hash = {hash}"
    )
    for suffix, hashed in (("_bad", record_hash), ("_mis", sql.Identifier("_r_", "gw_hash"))):
        pg.run(landing.hub, known.format(known=sql.SQL(_KNOWN), table=landing.name(suffix), hash=hashed, **whose))


def _make_hashes(landing: Landing) -> None:
    tables = sql.SQL(", ").join(landing.name(t) for t in ("_kh", "_diff"))
    pg.run(landing.hub, sql.SQL("drop table if exists {}").format(tables))
    keys = sql.SQL(", ").join(hub_tables.column(landing.dataset.field(k), in_key=True) for k in landing.dataset.key)
    pg.run(landing.hub, sql.SQL("create unlogged table {} ({}, gw_hash bigint)").format(landing.name("_kh"), keys))


def join(landing: Landing, source_rows: int) -> Difference:
    """Join `_kh` with the hub into `_diff`; quarantined rows are told apart by their hash.

    Both sides come to the join as (key, hash): joining whole rows of the hub costs two to three times as much.
    """
    dataset, part = landing.dataset, hub_tables.partition(landing.dataset, landing.source)
    hub_tables.ensure_partition(landing.hub, dataset, landing.source)
    pg.run(landing.hub, f"set work_mem = {min(524_288, max(16_384, source_rows // 8))}")
    parts = {
        "diff": landing.name("_diff"), "kh": landing.name("_kh"), "part": part, "key": pg.names(dataset.key),
        "either": sql.SQL(", ").join(sql.SQL("coalesce(s.{0}, t.{0}) as {0}").format(sql.Identifier(k)) for k in dataset.key),
        "same": sql.SQL(" and ").join(sql.SQL("t.{0} = s.{0}").format(sql.Identifier(k)) for k in dataset.key),
        "hash": hub_tables.record_hash(dataset, "_r_"), "known": sql.SQL(_KNOWN),
        "dataset": sql.Literal(dataset.name), "source": sql.Literal(landing.source),
    }  # fmt: skip
    statement = sql.SQL(
        "create unlogged table {diff} as select {key}, bool_and(gw_held) filter (where gw_there) as gw_held, "
        "case when not bool_or(gw_here) then 'I' when not bool_or(gw_there) then 'D' else 'U' end as gw_op from ("
        "select {either}, s.gw_hash is not null as gw_there, t.gw_hash is not null as gw_here, "
        "exists (select from gateway.quarantine q where {known} and q.dataset = {dataset} "
        "and q.source = {source} and q.row_hash = s.gw_hash) as gw_held "
        "from {kh} s full join (select {key}, {hash} as gw_hash from {part} _r_) t on {same} and t.gw_hash = s.gw_hash "
        "where s.gw_hash is null or t.gw_hash is null) unlike group by {key}"
    ).format(**parts)
    pg.run(landing.hub, statement)
    _spare_corrected(landing, parts)
    counts = sql.SQL(
        "select (select count(*) from {part}), count(*) filter (where gw_op = 'I' and not gw_held), "
        "count(*) filter (where gw_op = 'D'), count(*) filter (where gw_op = 'U' and not gw_held), "
        "count(*) filter (where gw_held) from {diff}"
    ).format(**parts)
    return Difference(source_rows, *(int(n) for n in pg.one(landing.hub, counts)))


def _spare_corrected(landing: Landing, parts: dict[str, sql.Composable]) -> None:
    """Forget the delete of a row whose key a person corrected, while the source holds the row as it was.

    The batch that closed the entry wrote that one row.
    """
    corrected = (
        "select exists (select from gateway.quarantine where state = 'corrected' and dataset = %s and source = %s)"
    )
    if not pg.one(landing.hub, corrected, (landing.dataset.name, landing.source))[0]:
        return
    same = sql.SQL(" and ").join(sql.SQL("d.{0} = t.{0}").format(sql.Identifier(k)) for k in landing.dataset.key)
    statement = sql.SQL(
        "delete from {diff} d using {part} t, gateway.quarantine q where d.gw_op = 'D' and {same} "
        "and q.state = 'corrected' and q.dataset = {dataset} and q.source = {source} and t.gw_batch = q.closed_batch "
        "and exists (select from {kh} s where s.gw_hash = q.row_hash)"
    )
    pg.run(landing.hub, statement.format(same=same, **{k: v for k, v in parts.items() if k != "same"}))


def slices(landing: Landing) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the keys that must be read again, at most 10,000 at a time, in constant memory.

    They travel as text: a date before Christ or an infinite one is a key to PostgreSQL and nothing to Python.
    """
    key = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(k)) for k in landing.dataset.key)
    query = sql.SQL("select {} from {} where gw_op in ('I', 'U') and not gw_held").format(key, landing.name("_diff"))
    with landing.hub.cursor("wanted", withhold=True) as cursor:
        cursor.itersize = SLICE
        cursor.execute(query)
        while page := cursor.fetchmany(SLICE):
            yield page


def hub_sample(hub: Connection) -> int:
    """Return the hub's hash of the fixed sample record."""
    return int(pg.one(hub, _SQL["hash_sample"])[0])
