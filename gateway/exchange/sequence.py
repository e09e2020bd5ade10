"""Numbers that follow each other without a gap: which rows come too early, what they wait for, in which order they leave.

A case's events are numbered from 1. The hub takes a number only when all before it are there or come with it, so that what
it holds of a case has no gap; the case waits, not the route.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from gateway import pg
from gateway.exchange import hub as hub_tables
from gateway.exchange.landing import Landing
from gateway.model import Dataset, Rule
from gateway.records import as_json
from gateway.sql import queries

CHECK = "in_sequence"
_SQL = queries(__file__)


def too_early(landing: Landing, args: Mapping[str, Any], _: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when a number before this one, of the same keys, is neither in the hub nor among the good rows of this batch.

    The numbers beyond the hub's last are counted: without a gap, the n-th of them is n more than the last. Doubled numbers
    count once.
    """
    keys, table = args["keys"], hub_tables.table(landing.dataset)
    return [sql.SQL(
        "_r_.ctid in (select n.ctid from (select o.ctid, o.{field} - coalesce(h.last, 0) as ahead, "
        "dense_rank() over (partition by {theirs} order by o.{field}) as place from {ok} o left join "
        "(select {keys}, max({field}) as last from {hub} where ({keys}) in (select {keys} from {ok}) group by {keys}) h "
        "on {same} where o.{field} > coalesce(h.last, 0)) n where n.ahead <> n.place)"
    ).format(
        field=sql.Identifier(args["field"]), keys=pg.names(keys), theirs=pg.names(keys, "o"), ok=landing.name("_ok"), hub=table,
        same=sql.SQL(" and ").join(sql.SQL("h.{0} = o.{0}").format(sql.Identifier(k)) for k in keys),
    )]  # fmt: skip


def patient(dataset: Dataset) -> list[str]:
    """Return the rules whose rows are looked at again for as long as they are in quarantine."""
    return [r.id for r in dataset.rules if r.check == CHECK]


def order(dataset: Dataset, alias: str) -> sql.Composable:
    """Return the clause by which rows leave the hub: in the order of their numbers, where the contract has such."""
    rule = next((r for r in dataset.rules if r.check == CHECK), None)
    if rule is None:
        return sql.SQL("")
    return sql.SQL(" order by {}").format(pg.names((*rule.args["keys"], rule.args["field"]), alias))


def gaps(last: int, there: Collection[int], number: int) -> Iterator[tuple[int, int]]:
    """Yield from-to of the numbers between the `last` that was taken and `number` which are not among those `there`."""
    before = last
    for one in sorted({n for n in there if last < n < number} | {number}):
        if one - before > 1:
            yield before + 1, one - 1
        before = one


def named(connection: Connection, dataset: Dataset, rule_id: str, shown: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return which numbers a quarantined row waits for now, in Chinese and English; None when its rule is another.

    `shown` is the masked row. Where the numbers themselves are personal nothing is told.
    """
    rule = next((r for r in dataset.rules if r.id == rule_id and r.check == CHECK), None)
    if rule is None or any(dataset.field(name).personal for name in (*rule.args["keys"], rule.args["field"])):
        return None
    number, keys = int(shown[rule.args["field"]]), {k: shown[k] for k in rule.args["keys"]}
    there = _quarantined(connection, dataset, rule, keys)
    last = _last(connection, dataset, rule, keys)
    missing = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in gaps(last, there, number))
    of = ", ".join(map(str, keys.values()))
    if missing:
        return f"{of} 缺第 {missing} 号", f"{of} lacks number {missing}"
    ahead = [n for n in there if last < n < number]
    if ahead:
        return f"{of} 的第 {min(ahead)} 号还在隔离区", f"number {min(ahead)} of {of} is in quarantine itself"
    return (
        f"{of} 的编号已齐，下次运行放行",
        f"the numbers of {of} are complete: the next run takes them",
    )


def _quarantined(connection: Connection, dataset: Dataset, rule: Rule, keys: Mapping[str, Any]) -> set[int]:
    values = {"dataset": dataset.name, "field": rule.args["field"], "keys": Json(keys, dumps=as_json)}
    with connection.cursor() as cursor:
        cursor.execute(_SQL["quarantined"], values)
        return {int(number) for (number,) in cursor.fetchall()}


def _last(connection: Connection, dataset: Dataset, rule: Rule, keys: Mapping[str, Any]) -> int:
    same = sql.SQL(" and ").join(sql.SQL("{} = {}").format(sql.Identifier(k), sql.Literal(v)) for k, v in keys.items())
    query = sql.SQL("select coalesce(max({}), 0) from {} where {}").format(
        sql.Identifier(rule.args["field"]), hub_tables.table(dataset), same
    )
    return int(pg.one(connection, query)[0])
