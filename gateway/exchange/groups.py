"""The set rules that look at several rows of one data set together, as conditions under which a landed row `_r_` is broken.

What they look at is the hub as it will be: the rows of the batch, and those of the hub that the batch does not replace. It
is gathered once a rule, never once a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2 import sql

from gateway import pg
from gateway.exchange import hub as hub_tables
from gateway.exchange.checks_values import condition
from gateway.exchange.landing import Landing
from gateway.exchange.limits import same
from gateway.model import Dataset


def sum_within(landing: Landing, args: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when the numbers of all rows with the same `fields` add up to more than `limit` of the row that they belong to."""
    other, names = datasets[args["in"]], pg.names(args["fields"], "s")
    where = sql.SQL(condition(other, args["where"], "l")) if "where" in args else sql.SQL("true")
    return [sql.SQL(
        "({here}) in (select {names} from (select {names}, sum(s.{field}) as total from {rows} s group by {names}) s "
        "join {limits} l on {same} where {where} and s.total > l.{limit})"
    ).format(
        here=pg.names(args["fields"], "_r_"), names=names, field=sql.Identifier(args["field"]),
        rows=_together(landing, [*args["fields"], args["field"]], args["fields"]), limits=hub_tables.table(other),
        same=same(args["fields"], "l", "s"), where=where, limit=sql.Identifier(args["limit"]),
    )]  # fmt: skip


def no_rise(landing: Landing, args: Mapping[str, Any], _: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when a grade is higher than in the version before, or than this version had, and a field of `unless` is empty."""
    dataset, keys = landing.dataset, list(args["keys"])
    grade, version = sql.Identifier(args["field"]), sql.Identifier(args["version"])
    here, there = _rank(args, "_r_"), _rank(args, "h")
    unproven = sql.SQL(" or ").join(sql.SQL("_r_.{} is null").format(sql.Identifier(n)) for n in args["unless"])
    itself = sql.SQL("exists (select from {} h where {} and {} < {})").format(
        hub_tables.table(dataset), same(list(dataset.key)), there, here
    )
    before = sql.SQL(
        "({own}) in (select {names} from (select {names}, {rank} as rank, lag({rank}) over (partition by {group} "
        "order by h.{version}) as before from {rows} h) h where h.rank > h.before)"
    ).format(
        own=pg.names([*keys, args["version"]], "_r_"), names=pg.names([*keys, args["version"]], "h"), rank=there,
        group=pg.names(keys, "h"), version=version, rows=_together(landing, [*keys, args["version"], args["field"]], keys),
    )  # fmt: skip
    guard = sql.SQL("_r_.{} is not null and ({}) and ").format(grade, unproven)
    return [guard + itself, guard + before]


def _rank(args: Mapping[str, Any], alias: str) -> sql.Composed:
    """Return the place of a grade among `grades`, which stand from the lowest to the highest."""
    return sql.SQL("array_position({}::text[], {}::text)").format(
        sql.Literal([str(grade) for grade in args["grades"]]), sql.Identifier(alias, args["field"])
    )


def _together(landing: Landing, columns: list[str], group: list[str]) -> sql.Composed:
    """Return the batch's rows, and those of the hub in the same groups that it does not replace, as a subquery."""
    return sql.SQL(
        "(select {names} from {ok} union all select {held} from {table} h where ({groups}) in (select {group} from {ok}) "
        "and not exists (select from {ok} n where {same}))"
    ).format(
        names=pg.names(columns), held=pg.names(columns, "h"), ok=landing.name("_ok"), table=hub_tables.table(landing.dataset),
        groups=pg.names(group, "h"), group=pg.names(group), same=same(list(landing.dataset.key), "n", "h"),
    )  # fmt: skip
