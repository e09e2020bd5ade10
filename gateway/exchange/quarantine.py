"""Rejected rows: sealed before they are stored, masked wherever they are shown, replayed through the same checks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json, RealDictCursor, execute_values

from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import NotFound
from gateway.exchange import casting, claims, gate, raw, rules, sequence
from gateway.exchange.landing import ENCODING, Landing
from gateway.ledger.acts import acting
from gateway.model import Dataset
from gateway.records import as_json, as_text
from gateway.security.crypto import Keys
from gateway.security.masking import mask_row
from gateway.sql import queries

_SQL = queries(__file__)
_SLICE = 1000
PEER = "peer."  # of a rule: what follows is the code by which a target refused the row
_MOST_DIGITS = 1000  # Python refuses to read whole numbers of more than 4,300, PostgreSQL holds 131,072
_REASONS = {
    "key.duplicate": (
        "主键重复:同一批次中有更新的版本",
        "duplicate key: a newer version of the same key came in the same batch",
    ),
    claims.CLAIMED: ("主键已由另一来源提供", "another source already provides this key"),
    ENCODING: (
        "文本不是合法的字符编码，按十六进制保存",
        "the text is not in a valid encoding; its bytes are kept in hex",
    ),
    gate.SECRECY: ("含有密级标志，不得离开交换库", "it bears a secrecy mark and must not leave the hub"),
}
# The source's row is not in the hub as it is: nobody looked at it yet, or a person corrected it here or gave it up.
_UNSETTLED = sql.SQL("q.state in ('open', 'waiting', 'corrected', 'discarded')")


def seal_rejects(landing: Landing, keys: Keys) -> tuple[Counter[str], int]:
    """Encrypt the rows of `_bad` and `_off` into `_seal`; touches nothing live.

    Returns how many rows each rule rejected, and how many of all of them only wait for what they refer to.
    """
    shape = "(rule text, wait_until timestamptz, row_hash bigint, masked jsonb, sealed bytea)"
    pg.run(landing.hub, sql.SQL("create unlogged table {} {}").format(landing.name("_seal"), sql.SQL(shape)))
    insert = sql.SQL("insert into {} values %s").format(landing.name("_seal"))
    counts: Counter[str] = Counter()
    waiting = 0
    with landing.hub.cursor() as writing:
        for page in _rejects(landing):
            counts.update(rule for rule, *_ in page)
            waiting += sum(wait is not None for _, wait, *_ in page)
            sealed = [_sealed(landing.dataset, landing.source, keys, *row) for row in page]
            execute_values(writing, insert, sealed, page_size=_SLICE)
    return counts, waiting


def store(landing: Landing, route: str) -> None:
    """Enter the sealed rows into quarantine, inside the deciding transaction.

    A row already there is not doubled, and one that a person corrected or discarded stays as that person decided.
    """
    statement = sql.SQL(
        "insert into gateway.quarantine (dataset, source, route, batch_id, rule, state, owner, row_hash, masked, sealed, "
        "wait_until) select {dataset}, {source}, {route}, {batch}, rule, "
        "case when wait_until is null then 'open' else 'waiting' end, {owner}, row_hash, masked, sealed, wait_until "
        "from {seal} s where not exists (select from gateway.quarantine d where d.dataset = {dataset} "
        "and d.source = {source} and d.row_hash = s.row_hash and d.state in ('corrected', 'discarded')) "
        "on conflict (dataset, source, row_hash, route) where state in ('open', 'waiting') do nothing"
    ).format(
        dataset=sql.Literal(landing.dataset.name), source=sql.Literal(landing.source), route=sql.Literal(route),
        batch=sql.Literal(landing.batch), owner=sql.Literal(landing.dataset.owner), seal=landing.name("_seal"),
    )  # fmt: skip
    pg.run(landing.hub, statement)


def load_live(landing: Landing, keys: Keys, now: datetime) -> None:
    """Decrypt the keys of the source's quarantined rows into `_live`; rows that waited too long wait no longer."""
    source = {"dataset": landing.dataset.name, "source": landing.source, "now": now}
    pg.run(landing.hub, _SQL["ripen"], source)
    key_shape = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(k), sql.SQL(landing.dataset.field(k).hub_type))
        for k in landing.dataset.key
    )
    live = landing.name("_live")
    pg.run(
        landing.hub,
        sql.SQL("create unlogged table {} (gw_id bigint, gw_hash bigint, {})").format(live, key_shape),
    )
    for page in _live_rows(landing, source):
        opened = [(row["id"], row["row_hash"], _open(landing, keys, row["sealed"])) for row in page]
        _insert_keys(landing, [{"gw_id": i, "gw_hash": h, **_key_of(landing, r)} for i, h, r in opened])
    landing.watching = True
    pg.run(landing.hub, sql.SQL("analyze {}").format(live))  # joined with every key of the source after a comparison


def land_waiting(landing: Landing, keys: Keys, *, compared: bool = False) -> bool:
    """Land the waiting rows of the source again, to be judged once more: what they wait for may have come.

    A row behind a gap is looked at again even when it waited too long: the numbers before it may have come since.
    After a comparison only those that the source still holds: `_kh` knows; and those whose key another source claimed, which
    may have let it go. Returns whether any row waited.
    """
    held = sql.SQL("exists (select from {} s where s.gw_hash = q.row_hash)").format(landing.name("_kh"))
    waiting = sql.SQL(
        "from gateway.quarantine q where (q.state = 'waiting' or q.state = 'open' and q.rule = any({}::text[])) "
        "and q.dataset = {} and q.source = {}"
    ).format(
        sql.Literal([*sequence.patient(landing.dataset), *[claims.CLAIMED][: compared]]),
        sql.Literal(landing.dataset.name), sql.Literal(landing.source),
    )  # fmt: skip
    if not pg.one(landing.hub, sql.SQL("select exists (select {})").format(waiting))[0]:
        return False  # to ask which of none is held would read all of `_kh`
    query = sql.SQL("select sealed {} and {}").format(waiting, held if compared else sql.SQL("true"))
    with landing.hub.cursor("waiting", withhold=True) as cursor:
        cursor.itersize = _SLICE
        cursor.execute(query)
        while page := cursor.fetchmany(_SLICE):
            land_records(landing, [_open(landing, keys, sealed) for (sealed,) in page])
    return True


def land_records(landing: Landing, records: list[dict[str, Any]]) -> None:
    """Route rows that come from quarantine into the landing table, so that they pass the same checks."""
    if not records:
        return
    if landing.typed:
        _insert_json(landing, landing.name(), records)
    else:
        _insert_json(landing, landing.name("_raw"), [{k: as_text(v) for k, v in r.items()} for r in records])
        raw.take(landing)


def settle(landing: Landing, *, whole: bool) -> None:
    """Close the entries that this batch answers, inside the deciding transaction.

    The same row passed: replayed. Another version of its key passed or was refused: superseded. After a whole comparison
    it is also known that the source holds another version, which the hub has already: superseded; or none: gone.
    """
    same = sql.SQL(" and ").join(sql.SQL("o.{0} = l.{0}").format(sql.Identifier(k)) for k in landing.dataset.key)
    parts = {
        "close": _closing(landing), "live": landing.name("_live"), "ok": landing.name("_ok"), "kh": landing.name("_kh"),
        "same": same, "columns": pg.names(landing.dataset.columns, "o"), "unsettled": _UNSETTLED,
    }  # fmt: skip
    passed = sql.SQL(
        "{close}, state = case when pg_catalog.hash_record_extended(row({columns}), 0) = q.row_hash then 'replayed' "
        "else 'superseded' end from {live} l join {ok} o on {same} where q.id = l.gw_id and {unsettled}"
    )
    pg.run(landing.hub, passed.format(**parts))
    _supersede_refused(landing)
    if whole:
        unheld = sql.SQL(
            "{close}, state = case when l.gw_there then 'superseded' else 'gone' end from "
            "(select l.gw_id, bool_or(o.gw_hash is not null) as gw_there from {live} l left join {kh} o on {same} "
            "where not exists (select from {kh} h where h.gw_hash = l.gw_hash) group by l.gw_id) l "
            "where q.id = l.gw_id and {unsettled}"
        )
        pg.run(landing.hub, unheld.format(**parts))


def _closing(landing: Landing) -> sql.Composed:
    """Return the head of an update that closes entries by this batch; what a person decided keeps that person's name."""
    return sql.SQL(
        "update gateway.quarantine q set closed_at = coalesce(q.closed_at, clock_timestamp()), closed_batch = {}, "
        "closed_by = coalesce(q.closed_by, 'gateway')"
    ).format(sql.Literal(landing.batch))


def close_sent_again(hub: Connection, batch: int, decision: Mapping[str, Any]) -> None:
    """Close the entry whose row a person sent to its target again, unless it was closed meanwhile."""
    pg.run(hub, _SQL["close_replayed"], {**decision, "batch": batch, "state": "replayed"})


def close_replayed(landing: Landing, decision: Mapping[str, Any], *, written: bool) -> None:
    """Close the entry that a person sent again: replayed, corrected when values were edited, superseded by a newer row."""
    state = "superseded" if not written else "corrected" if decision["edited"] else "replayed"
    values = {**decision, "batch": landing.batch, "state": state}
    if pg.run(landing.hub, _SQL["close_replayed"], values) != 1:
        raise NotFound(
            f"quarantined row {decision['row']} was closed meanwhile", "Look at it with `gateway quarantine show`."
        )


def _supersede_refused(landing: Landing) -> None:
    """Close entries whose key was refused again in another version: the new version has an entry of its own."""
    hashed = sql.SQL("pg_catalog.hash_record_extended(row({}), 0)").format(pg.names(landing.dataset.columns, "_r_"))
    key = pg.names(landing.dataset.key)
    statement = sql.SQL(
        "with refused as (select {key}, {hash} as gw_hash from {bad} _r_ union all select {key}, {hash} from {off} _r_{mis}) "
        "{close}, state = 'superseded' from {live} l where q.id = l.gw_id and {unsettled} "
        "and exists (select from refused r where ({theirs}) = ({ours})) "
        "and not exists (select from refused r where ({theirs}) = ({ours}) and r.gw_hash = q.row_hash)"
    ).format(
        key=key, hash=hashed, bad=landing.name("_bad"), off=landing.name("_off"), close=_closing(landing), unsettled=_UNSETTLED,
        live=landing.name("_live"), theirs=pg.names(landing.dataset.key, "r"), ours=pg.names(landing.dataset.key, "l"),
        mis=_or_misfits(landing, sql.SQL("{}, gw_hash").format(key)),
    )  # fmt: skip
    pg.run(landing.hub, statement)


def refused_rule(landing: Landing) -> str | None:
    """Return the rule that keeps the one row of a replay out, or None when it is among the good ones."""
    query = sql.SQL("select {reason} from {bad} _r_ union all select gw_rule from {off} _r_{mis} limit 1").format(
        bad=landing.name("_bad"), off=landing.name("_off"), reason=landing.reason_call, mis=_or_misfits(landing, "gw_rule")
    )  # fmt: skip
    found = pg.one(landing.hub, query)
    return found[0] if found else None


def list_rows(
    connection: Connection,
    *,
    dataset: str | None = None,
    route: str | None = None,
    state: str | None = None,
    row_id: int | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Return quarantined rows, newest first, with personal values masked."""
    values = {"dataset": dataset, "route": route, "state": state, "id": row_id, "limit": limit}
    return pg.dicts(connection, _SQL["list"], values)


def show(connection: Connection, datasets: Mapping[str, Dataset], row_id: int) -> dict[str, Any]:
    """Return one quarantined row, masked, with the reason in Chinese and English; NotFound when there is none."""
    found = list_rows(connection, row_id=row_id, limit=1)
    if not found:
        raise NotFound(f"there is no quarantined row {row_id}", "Run `gateway quarantine list`.")
    row = found[0]
    chinese, english = reason(datasets, row["dataset"], row["rule"], row["words"])
    if row["state"] in {"open", "waiting"} and row["dataset"] in datasets:
        dataset, rule = datasets[row["dataset"]], row["rule"]
        more = sequence.named(connection, dataset, rule, row["masked"])
        more = more or claims.named(connection, dataset, rule, row["source"], row["masked"])
        chinese, english = (f"{chinese}：{more[0]}", f"{english}: {more[1]}") if more else (chinese, english)
    return {**row, "reason_zh": chinese, "reason_en": english}


def reason(datasets: Mapping[str, Dataset], dataset: str, rule: str, words: str | None = None) -> tuple[str, str]:
    """Return why a rule rejects a row, in Chinese and English; `words` is what a target wrote that refused it."""
    if rule.startswith(PEER):
        said = words or rule.removeprefix(PEER)
        return f"对方退回:{said}", f"returned by the platform: {said}"
    if words:
        chinese, _, english = words.partition(" / ")
        return chinese, english or chinese
    if rule in _REASONS:
        return _REASONS[rule]
    if dataset not in datasets:
        return rule, rule
    return rules.describe(datasets[dataset], rule)


@dataclass(frozen=True, slots=True)
class Original:
    """A quarantined row as it came, decrypted; for a replay, never for display."""

    route: str
    rule: str
    state: str
    hash: int
    record: dict[str, Any]


def opened(deployment: Deployment, connection: Connection, row_id: int) -> Original:
    """Return the original of an open or waiting row; NotFound when there is none."""
    found = original(deployment, connection, row_id)
    if found.state not in {"open", "waiting"}:
        raise NotFound(f"quarantined row {row_id} is closed ({found.state})", "Only open rows can be replayed.")
    return found


def original(deployment: Deployment, connection: Connection, row_id: int) -> Original:
    """Return the original of a row in whatever state; NotFound when there is none."""
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(_SQL["sealed"], {"id": row_id})
        row = cursor.fetchone()
    if row is None:
        raise NotFound(f"there is no quarantined row {row_id}", "Run `gateway quarantine list`.")
    record = unsealed(deployment.keys, row["dataset"], row["source"], row["sealed"])
    return Original(row["route"], row["rule"], row["state"], row["row_hash"], record)


def discard(deployment: Deployment, row_id: int, *, who: str, why: str) -> None:
    """Give a row up for good; the decision is chained with its reason."""
    with acting(deployment, "discard a quarantined row") as act:
        if pg.one(act.hub, _SQL["discard"], {"id": row_id, "who": who, "why": why}) is None:
            raise NotFound(f"there is no open quarantined row {row_id}", "Run `gateway quarantine list`.")
        act.chained("decision", {"what": "discard", "row": row_id, "who": who, "why": why})


def _rejects(landing: Landing) -> Iterator[list[tuple[str, datetime | None, int, str]]]:
    """Yield (rule, wait until, record hash, row as JSON) in pages."""
    record = sql.SQL("(select row_to_json(x) from (select {}) x)::text").format(
        pg.names(landing.dataset.columns, "_r_")
    )
    hashed = sql.SQL("pg_catalog.hash_record_extended(row({}), 0)").format(pg.names(landing.dataset.columns, "_r_"))
    query = sql.SQL(
        "select case when {undecodable} then {encoding} else {reason} end, null::timestamptz, {hash}, {record} "
        "from {bad} _r_ union all "
        "select gw_rule, gw_wait, {hash}, {record} from {off} _r_{mis}"
    ).format(
        undecodable=landing.undecodable,
        encoding=sql.Literal(ENCODING),
        reason=landing.reason_call,
        hash=hashed,
        record=record,
        bad=landing.name("_bad"),
        off=landing.name("_off"),
        mis=_or_misfits(landing, "gw_rule, null::timestamptz, gw_hash, gw_record"),
    )
    with landing.hub.cursor("rejects", withhold=True) as cursor:
        cursor.itersize = _SLICE
        cursor.execute(query)
        while page := cursor.fetchmany(_SLICE):
            yield page


def _or_misfits(landing: Landing, columns: str | sql.Composable) -> sql.Composable:
    """Return the branch of a union for the records that are of another type; a typed source has none."""
    if landing.typed:
        return sql.SQL("")
    chosen = sql.SQL(columns) if isinstance(columns, str) else columns
    return sql.SQL(" union all select {} from {}").format(chosen, landing.name("_mis"))


def _sealed(
    dataset: Dataset, source: str, keys: Keys, rule: str, wait: datetime | None, row_hash: int, record: str
) -> tuple[Any, ...]:
    masked = Json(mask_row(dataset, json.loads(record, parse_float=Decimal, parse_int=_shown)), dumps=as_json)
    return rule, wait, row_hash, masked, seal(keys, dataset.name, source, record)


def _live_rows(landing: Landing, source: Mapping[str, Any]) -> Iterator[list[Any]]:
    with landing.hub.cursor("live", withhold=True, cursor_factory=RealDictCursor) as cursor:
        cursor.itersize = _SLICE
        cursor.execute(_SQL["live"], source)
        while page := cursor.fetchmany(_SLICE):
            yield page


def _insert_json(landing: Landing, table: sql.Identifier, records: list[dict[str, Any]]) -> None:
    statement = sql.SQL("insert into {0} select * from json_populate_recordset(null::{0}, %s)").format(table)
    pg.run(landing.hub, statement, (Json(records, dumps=as_json),))


def _insert_keys(landing: Landing, keys: list[dict[str, Any]]) -> None:
    """Fill `_live`; a key of another type, which only an untyped source can send, is null there."""
    if landing.typed:
        _insert_json(landing, landing.name("_live"), keys)
        return
    fields = [landing.dataset.field(k) for k in landing.dataset.key]
    statement = sql.SQL(
        "insert into {} select gw_id, gw_hash, {} from json_to_recordset(%s) as _r_ (gw_id bigint, gw_hash bigint, {})"
    ).format(
        landing.name("_live"),
        sql.SQL(", ").join(map(casting.typed_or_null, fields)),
        sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(f.name)) for f in fields),
    )
    pg.run(landing.hub, statement, (Json(keys, dumps=as_json),))


def _key_of(landing: Landing, record: Mapping[str, Any]) -> dict[str, Any]:
    return {k: record[k] for k in landing.dataset.key}


def _open(landing: Landing, keys: Keys, sealed: memoryview) -> dict[str, Any]:
    return unsealed(keys, landing.dataset.name, landing.source, sealed)


def seal(keys: Keys, dataset: str, source: str, record: str) -> bytes:
    """Return a record, as JSON, encrypted for the quarantine; it opens under its own data set and source only."""
    return keys.seal(record.encode(), _associated(dataset, source))


def unsealed(keys: Keys, dataset: str, source: str, sealed: memoryview) -> dict[str, Any]:
    """Return the record of an entry; for replays and keys, never for display."""
    return _read_record(keys.open_sealed(bytes(sealed), _associated(dataset, source)))


def _read_record(plain: bytes) -> dict[str, Any]:
    """Read a record; no digit of a number is lost on the way back to PostgreSQL, and none is too many."""
    record: dict[str, Any] = json.loads(plain, parse_float=Decimal, parse_int=_whole)
    return record


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _MOST_DIGITS else Decimal(digits)


def _shown(digits: str) -> int | str:
    """Return a whole number as who reads the ledger can: Python's readers refuse one that is too long."""
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


def _associated(dataset: str, source: str) -> bytes:
    return f"{dataset}|{source}".encode()
