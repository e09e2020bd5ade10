"""Rows stopped on their way out, in quarantine: one entry a version.

It is closed when the hub no longer holds that version, or when that version left, since nothing stops it any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json, execute_values

from gateway import pg
from gateway.exchange import gate, quarantine
from gateway.exchange import hub as hub_tables
from gateway.ledger.deliveries import Range
from gateway.model import Route
from gateway.records import as_json
from gateway.security.crypto import Keys
from gateway.security.masking import mask_row
from gateway.sql import queries

_SQL = queries(__file__)
_PAGE = 1000
_ENTRY = "(%s, %s, %s, %s::bigint, %s, 'open', %s, %s::bigint, %s::jsonb, %s::bytea, %s)"


def enter(hub: Connection, keys: Keys, route: Route, batch: int, pages: Iterator[list[tuple[str, int, str]]]) -> None:
    """Enter rows (rule, record hash, record as JSON) sealed; nothing is shown of them but their masked key."""
    for page in pages:
        entries = [_entry(keys, route, batch, *row) for row in page]
        with hub.cursor() as cursor:
            execute_values(cursor, _SQL["enter"], entries, template=_ENTRY, page_size=len(entries))


def noted(hub: Connection, route: str, number: int) -> dict[str, int]:
    """Return by rule how many rows stayed here when a delivery left."""
    with hub.cursor() as cursor:
        cursor.execute(_SQL["noted"], {"route": route, "number": number, "peer": quarantine.PEER})
        return dict(cursor.fetchall())


def close(hub: Connection, keys: Keys, route: Route, batch: int, sent: Range | None) -> None:
    """Close the entries whose row the hub holds no more: another version came (superseded), or none is left (gone).

    Of the range that was `sent` also those that left as they are (replayed): the rule that stopped them was lifted.
    """
    with hub.cursor("stopped_open") as cursor:
        cursor.itersize = _PAGE
        cursor.execute(_SQL["open"], {"route": route.route})
        while page := cursor.fetchmany(_PAGE):
            rows = [
                (n, h, quarantine.unsealed(keys, route.dataset.name, route.origin, sealed)) for n, h, sealed in page
            ]
            _close(hub, route, batch, sent, [{"id": n, "hash": h, "row": row} for n, h, row in rows])


def _close(hub: Connection, route: Route, batch: int, sent: Range | None, entries: list[dict[str, Any]]) -> None:
    table, key = hub_tables.table(route.dataset), route.dataset.key
    statement = sql.SQL(
        "update gateway.quarantine q set closed_at = clock_timestamp(), closed_by = 'gateway', closed_batch = {batch}, "
        "state = case when e.same then 'replayed' when e.held then 'superseded' else 'gone' end from ("
        "select (e->>'id')::bigint as id, t.gw_batch is not null as held, t.gw_hash = (e->>'hash')::bigint as same, "
        "t.gw_reason is null and t.gw_batch > {after} and t.gw_batch <= {upto} as went from json_array_elements({entries}) e "
        "cross join lateral json_populate_record(null::{table}, e->'row') r "
        "left join lateral (select gw_batch, {hash} as gw_hash, {reason} as gw_reason from {table} t where {key}) t on true) e "
        "where q.id = e.id and (e.same is not true or e.went and not starts_with(q.rule, {peer}))"
    ).format(
        batch=sql.Literal(batch), table=table, hash=hub_tables.record_hash(route.dataset, "t"),
        after=sql.Literal(sent and sent.after), upto=sql.Literal(sent and sent.upto), reason=gate.reason(route, "t"),
        entries=sql.Literal(Json(entries, dumps=as_json)), peer=sql.Literal(quarantine.PEER),
        key=sql.SQL(" and ").join(sql.SQL("t.{0} = r.{0}").format(sql.Identifier(k)) for k in key),
    )  # fmt: skip
    pg.run(hub, statement)


def _entry(keys: Keys, route: Route, batch: int, rule: str, row_hash: int, record: str) -> tuple[Any, ...]:
    dataset = route.dataset
    values = json.loads(record)
    shown = Json(mask_row(dataset, {k: values[k] for k in dataset.key}), dumps=as_json)
    sealed = quarantine.seal(keys, dataset.name, route.origin, record)
    return (
        dataset.name,
        route.origin,
        route.route,
        batch,
        rule,
        dataset.owner,
        row_hash,
        shown,
        sealed,
        gate.words(route, rule),
    )
