"""The set rules that compare a row with what the hub held of it before, as conditions under which a landed row is broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2 import sql

from gateway.exchange import hub as hub_tables
from gateway.exchange.landing import Landing
from gateway.exchange.limits import same
from gateway.model import Dataset


def unit_slip(landing: Landing, args: Mapping[str, Any], _: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when a number is `factor` times what it was, or a `factor`-th: somebody changed the unit."""
    field = sql.Identifier(args["field"])
    slipped = sql.SQL(
        "h.{field} > 0 and _r_.{field} > 0 and greatest(_r_.{field} / h.{field}, h.{field} / _r_.{field}) >= {factor}"
    ).format(field=field, factor=sql.Literal(int(args["factor"])))
    return [before(landing, slipped)]


def unchanged(landing: Landing, args: Mapping[str, Any], _: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when a field is another than before; with `when_more`, only if that number has risen meanwhile."""
    other = sql.SQL("h.{0} is distinct from _r_.{0}").format(sql.Identifier(args["field"]))
    if more := args.get("when_more"):
        other += sql.SQL(" and _r_.{0} > h.{0}").format(sql.Identifier(more))
    return [before(landing, other)]


def before(landing: Landing, condition: sql.Composable) -> sql.Composed:
    """Return: the hub holds a version of the row's key that meets `condition` (h against _r_)."""
    return sql.SQL("exists (select from {} h where {} and {})").format(
        hub_tables.table(landing.dataset), same(list(landing.dataset.key)), condition
    )
