"""Keys that two sources claim: who came first keeps the key, the other's row is quarantined, and both are named.

A row behind a claim is looked at again by each comparison: the other source may have let the key go since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway.exchange import hub as hub_tables
from gateway.exchange.landing import Landing
from gateway.model import Dataset

CLAIMED = "key.claimed"


def claimed(landing: Landing) -> sql.Composed:
    """Return the condition that another source's part of the hub holds the key of a landed row `_r_`."""
    key = sql.SQL(" and ").join(sql.SQL("h.{0} = _r_.{0}").format(sql.Identifier(k)) for k in landing.dataset.key)
    return sql.SQL("exists (select from {} h where {} and h.gw_source <> {})").format(
        hub_tables.table(landing.dataset), key, sql.Literal(landing.source)
    )


def named(
    connection: Connection, dataset: Dataset, rule: str, source: str, shown: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Return in Chinese and English which sources claim the key of a quarantined row now; None when its rule is another.

    `shown` is the masked row. Where the key itself is personal, or its value no key of the hub, nothing is told.
    """
    if rule != CLAIMED or any(dataset.field(name).personal for name in dataset.key):
        return None
    same = sql.SQL(" and ").join(
        sql.SQL("{}::text = {}").format(sql.Identifier(k), sql.Literal(str(shown[k]))) for k in dataset.key
    )
    query = sql.SQL("select string_agg(distinct gw_source, ', ') from {} where {} and gw_source <> {}").format(
        hub_tables.table(dataset), same, sql.Literal(source)
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        holder = cursor.fetchall()[0][0]
    if holder is None:
        return (
            f"现已放开，下次全量比对收入 {source} 的记录",
            f"it was let go: the next comparison takes the row of {source}",
        )
    return f"{holder} 在先，{source} 的记录未收入", f"{holder} came first, the row of {source} stays out"
