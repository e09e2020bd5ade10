"""The set rules that count working days, as conditions under which a landed row `_r_` is broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2 import sql

from gateway.exchange import hub as hub_tables
from gateway.exchange.landing import Landing
from gateway.model import Dataset


def workdays(landing: Landing, args: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when more than `limit` working days lie between two dates; a number, a field, or a field of another data set."""
    limit = args["limit"]
    most: sql.Composable = (
        sql.SQL("_r_.{}").format(sql.Identifier(limit)) if isinstance(limit, str) else sql.Literal(limit)
    )
    if "in" in args:
        most = sql.SQL("(select max(h.{}) from {} h where {})").format(
            sql.Identifier(limit), hub_tables.table(datasets[args["in"]]), same(args["fields"])
        )
    low, high = day(landing.dataset, args["from"]), day(landing.dataset, args["to"])
    return [sql.SQL("coalesce(gateway.workdays_between({}, {}) > {}, false)").format(low, high, most)]


def within_limit(landing: Landing, args: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when more working days than allowed lie between the row that this one ends and `to`, paused ones not counted.

    `begun` finds the row that began it, `limit` the row that says how many days that one has, `paused` the intervals.
    """
    begun, limit, paused = args["begun"], args["limit"], args["paused"]
    end = day(landing.dataset, args["to"])
    rests = datasets[paused["in"]]
    rest = sql.SQL(
        "(select coalesce(sum(gateway.workdays_between({low}, coalesce({high}, {end}))), 0) from {rests} p where {same})"
    ).format(
        low=day(rests, paused["from"], "p"), high=day(rests, paused["to"], "p"), end=end,
        rests=hub_tables.table(rests), same=same(paused["fields"], "p"),
    )  # fmt: skip
    taken = sql.SQL("gateway.workdays_between({}, {}) - {}").format(
        day(datasets[begun["in"]], begun["from"], "h"), end, rest
    )
    return [sql.SQL("exists (select from {} h join {} l on {} where {} and {} > l.{})").format(
        hub_tables.table(datasets[begun["in"]]), hub_tables.table(datasets[limit["in"]]), same(limit["fields"], "l", "h"),
        same(begun["fields"]), taken, sql.Identifier(limit["field"]),
    )]  # fmt: skip


def same(fields: list[str], there: str = "h", here: str = "_r_") -> sql.Composed:
    """Return the condition that a row there has the same values in these fields as a row here."""
    pairs = (sql.Identifier(there, f) + sql.SQL(" = ") + sql.Identifier(here, f) for f in fields)
    return sql.SQL(" and ").join(pairs)


def day(dataset: Dataset, name: str, alias: str = "_r_") -> sql.Composed:
    """Return a field as a calendar day of China."""
    column = sql.Identifier(alias, name)
    if dataset.field(name).hub_type.startswith("timestamptz"):
        return sql.SQL("({} at time zone 'Asia/Shanghai')::date").format(column)
    return sql.SQL("{}::date").format(column)
