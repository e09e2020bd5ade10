"""Records of an untyped source on their way into landing: text in `_raw`, judged by type, then cast and routed.

What is no record, or holds a value that is none of its field's type, stays in `_mis` with the rule it breaks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from psycopg2 import sql

from gateway import pg
from gateway.exchange import casting
from gateway.exchange import hub as hub_tables
from gateway.exchange.landing import Landing
from gateway.exchange.pipe import store
from gateway.exchange.plain import Lines, zone
from gateway.ports import Window

WHOLE = Window()
_FEW, _MANY = 500, 100_000  # lines judged together


def create(landing: Landing) -> None:
    """Make `_raw` and `_mis` beside the other landing tables."""
    landing.typed = False
    texts = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(c)) for c in landing.dataset.columns)
    pg.run(
        landing.hub,
        sql.SQL("create unlogged table {} (gw_fault text, {})").format(landing.name("_raw"), texts),
    )
    keys = sql.SQL(", ").join(hub_tables.column(landing.dataset.field(k), in_key=True) for k in landing.dataset.key)
    shape = sql.SQL(
        "create unlogged table {} (gw_at tid, gw_cursor timestamptz, gw_rule text, gw_hash bigint, gw_record text, {})"
    )
    pg.run(landing.hub, shape.format(landing.name("_mis"), keys))


def copy_in(landing: Landing) -> sql.Composed:
    """Return the COPY statement that takes lines of `gateway.records`."""
    return sql.SQL("copy {} (gw_fault, {}) from stdin").format(landing.name("_raw"), landing.columns)


def land(landing: Landing, stream: BinaryIO) -> int:
    """Land the records of a stream in their order and return how many came: plain ones as they are, the others judged.

    A doubtful line is judged with those after it, as setting up the judgement costs about as much as judging a thousand.
    """
    landing.plain = True
    into = landing.copy_in("text")
    return each_way(landing, stream, lambda lines: copy_plain(landing, lines, into), lambda: take(landing))


def each_way(landing: Landing, stream: BinaryIO, plain: Callable[[Lines], int], judged: Callable[[], int]) -> int:
    """Have `plain` take lines as long as they are, `judged` some that were put into `_raw`, in turns; return how many came."""
    lines, taken, some = Lines(stream, landing.dataset), 0, _FEW
    while not lines.ended():
        came = plain(lines)
        taken += came
        some = _FEW if came > some else min(2 * some, _MANY)
        if not lines.ended():
            store(lines.any(some), landing.hub, copy_in(landing))
            taken += judged()
    return taken


def copy_plain(landing: Landing, lines: Lines, into: sql.Composed) -> int:
    """Copy what is plain into a typed table; there a time without zone is read by the session's."""
    session = zone(landing.dataset)
    if session is not None:
        pg.run(landing.hub, sql.SQL("set timezone = {}").format(sql.Literal(session)))
    stored = store(lines.plain(), landing.hub, into)  # no attempt goes on after an error
    pg.run(landing.hub, "reset timezone")
    return stored


def take(landing: Landing, window: Window = WHOLE) -> int:
    """Judge the types of the records in `_raw` and route those of the window; return how many these are.

    An untyped source may send more than it was asked for. A record whose cursor is no moment belongs to every window.
    """
    landing.plain, parts = False, _parts(landing, window)
    missed = sql.SQL(
        "insert into {mis} select _r_.ctid, {cursor}, {misfit}, {hash}, "
        "(select row_to_json(x) from (select {record}) x)::text, {key} from {raw} _r_ where {misfit} is not null and {inside}"
    )
    routed = sql.SQL("insert into {landing} ({columns}) select {typed} from {raw} _r_ where {fits} and {inside}")
    taken = pg.run(landing.hub, missed.format(**parts))  # first: a value that fits no type must not be cast
    pg.run(landing.hub, sql.SQL("analyze {mis}").format(**parts))
    taken += pg.run(landing.hub, routed.format(**parts))
    if any(f.repairs for f in landing.dataset.fields):
        _note_repairs(landing, parts)
    pg.run(landing.hub, sql.SQL("truncate {raw}").format(**parts))
    pg.run(landing.hub, sql.SQL("update {mis} set gw_at = null where gw_at is not null").format(**parts))
    return taken


def keep_new(landing: Landing) -> None:
    """Delete from `_raw` what a first copy, which `_kh` tells of, had already: by key, or by hash what has no key."""
    same = sql.SQL(" and ").join(sql.SQL("s.{0} = k.{0}").format(sql.Identifier(k)) for k in landing.dataset.key)
    statement = sql.SQL(
        "delete from {raw} r using (select _r_.ctid as gw_at, {hash} as gw_hash, {key} from {raw} _r_) k "
        "where r.ctid = k.gw_at and (exists (select from {kh} s where {same}) "
        "or exists (select from {kh} s where s.gw_hash = k.gw_hash))"
    )
    pg.run(
        landing.hub,
        statement.format(
            raw=landing.name("_raw"), kh=landing.name("_kh"), key=key(landing), same=same, hash=_hash(landing)
        ),
    )


def drop_doubles(landing: Landing, rows: int = 0) -> int:
    """Delete all but one of the records in `_ok` that are alike in every field: a page that came twice is no fault.

    A first load, of so many rows, is spared the search where its table's key, which it needs anyway, finds no two.
    """
    if landing.logged and landing.add_key(rows):
        return 0
    dataset = landing.dataset
    statement = sql.SQL(
        "delete from {ok} d using (select ctid, row_number() over (partition by {key}, {hash}) as place from {ok} _r_) r "
        "where d.ctid = r.ctid and r.place > 1"
    )
    hashed = hub_tables.record_hash(dataset, "_r_")
    return pg.run(landing.hub, statement.format(ok=landing.name("_ok"), key=pg.names(dataset.key), hash=hashed))


def numbered(landing: Landing) -> sql.Composed:
    """Return the query of each record in `_raw`: its place, from 1, and the hash by which quarantine knows it."""
    typed = sql.SQL(", ").join(map(casting.typed_or_null, landing.dataset.fields))
    return sql.SQL(
        "select row_number() over (order by _r_.ctid) as gw_row, case when {misfit} is not null then {hash} "
        "else pg_catalog.hash_record_extended(row({typed}), 0) end as gw_hash from {raw} _r_"
    ).format(misfit=_misfit(landing), hash=_hash(landing), typed=typed, raw=landing.name("_raw"))


def key(landing: Landing) -> sql.Composed:
    """Return the typed key of a record `_r_` of `_raw`, under its own names; a value of another type is null."""
    return sql.SQL(", ").join(
        sql.SQL("{} as {}").format(casting.typed_or_null(f), sql.Identifier(f.name))
        for f in map(landing.dataset.field, landing.dataset.key)
    )


def _parts(landing: Landing, window: Window) -> dict[str, sql.Composable]:
    dataset = landing.dataset
    return {
        "raw": landing.name("_raw"), "mis": landing.name("_mis"), "landing": landing.name(), "columns": landing.columns,
        "record": pg.names(dataset.columns, "_r_"), "key": key(landing), "misfit": _misfit(landing),
        "typed": sql.SQL(", ").join(map(casting.typed, dataset.fields)), "inside": _within(landing, window),
        "hash": _hash(landing), "cursor": _cursor(landing),
        "fits": sql.SQL("not exists (select from {} m where m.gw_at = _r_.ctid)").format(landing.name("_mis")),
    }  # fmt: skip


def _hash(landing: Landing) -> sql.Composable:
    """Return the hash by which a record of another type is known again."""
    columns = pg.names(landing.dataset.columns, "_r_")
    return sql.SQL("pg_catalog.hash_record_extended(row(_r_.gw_fault, {}), 0)").format(columns)


def _cursor(landing: Landing) -> sql.Composable:
    name = landing.dataset.cursor
    return casting.typed_or_null(landing.dataset.field(name)) if name else sql.SQL("null::timestamptz")


def _misfit(landing: Landing) -> sql.Composable:
    """Return the rule that a record of `_raw` breaks by being what it is, or null: its fault, or `<field>.type`."""
    whens = sql.SQL(" ").join(
        sql.SQL("when {} then {}").format(casting.misfit(f), sql.Literal(f"{f.name}.type"))
        for f in landing.dataset.fields
        if f.hub_type != "text"
    )
    return sql.SQL("case when _r_.gw_fault is not null then _r_.gw_fault {} end").format(whens)


def _within(landing: Landing, window: Window) -> sql.Composable:
    if landing.dataset.cursor is None or (window.after is None and window.upto is None):
        return sql.SQL("true")
    moment, bounds = _cursor(landing), []
    if window.after is not None:
        bounds.append(sql.SQL("{} > {}").format(moment, sql.Literal(window.after)))
    if window.upto is not None:
        bounds.append(sql.SQL("{} <= {}").format(moment, sql.Literal(window.upto)))
    return sql.SQL("coalesce({}, true)").format(sql.SQL(" and ").join(bounds))


def _note_repairs(landing: Landing, parts: dict[str, sql.Composable]) -> None:
    """Keep the originals of the values in `_raw` that the contract repairs."""
    landing.make_repairs()
    values = sql.SQL(", ").join(
        sql.SQL("({}, {}::text, {}::text)").format(
            sql.Literal(f.name), casting.cast_or_null(f), casting.typed_or_null(f)
        )
        for f in landing.dataset.fields
        if f.repairs
    )
    statement = sql.SQL(
        "insert into {fix} select {key}, v.field, v.original from {raw} _r_, "
        "lateral (values {values}) as v (field, original, repaired) "
        "where {fits} and {inside} and v.original is distinct from v.repaired"
    )
    pg.run(landing.hub, statement.format(fix=landing.name("_fix"), values=values, **parts))
