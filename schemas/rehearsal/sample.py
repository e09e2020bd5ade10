"""A sample of a platform's rows for a rehearsal: read only, bounded in rows and time, and masked before it leaves memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.model import Dataset
from schemas.rehearsal.masks import Masks

_TIMEOUT = "10s"
_EXTREMES = 10  # of each changed column one in so many rows is sought where it is empty, and where it is longest
_MOST_COLUMNS = 8


@dataclass
class Sample:
    """Masked rows by relation; `left_out` counts those that no mask suits, `said` what could not be read."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    left_out: int = 0
    said: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return what is kept of it: numbers, never a row."""
        counts = {relation: len(rows) for relation, rows in sorted(self.rows.items())}
        return {"rows": counts, "left_out": self.left_out, "said": self.said}


def take(
    platform: Connection, relations: Iterable[str], datasets: Mapping[str, Dataset], changed: Iterable[tuple[str, str]],
    masks: Masks, count: int,
) -> Sample:  # fmt: skip
    """Return up to `count` rows of each relation; rows where a changed column is empty or longest come first.

    The connection commits by itself. `datasets` are the contracts of relations; a relation that may not be read is empty.
    """
    found = Sample()
    sought = list(changed)
    for relation in relations:
        columns = [column for place, column in sought if place == relation][:_MOST_COLUMNS]
        try:
            rows = _rows(platform, relation, columns, count, found.said)
        except psycopg2.errors.InsufficientPrivilege:
            found.said.append(f"{relation}: no right to read it")
            continue
        except psycopg2.errors.QueryCanceled:
            found.said.append(f"{relation}: it cannot be read within {_TIMEOUT}")
            continue
        masked = [masks.row(datasets.get(relation), row) for row in rows]
        found.rows[relation] = [row for row in masked if row is not None]
        found.left_out += masked.count(None)
    return found


def of_hub(hub: Connection, dataset: Dataset, masks: Masks, count: int) -> Sequence[dict[str, Any]]:
    """Return the newest rows of a data set in the hub, masked: what its last batches delivered."""
    statement = sql.SQL(
        "select to_jsonb(r)::text from (select {} from hub.{} order by gw_batch desc limit %s) r"
    ).format(pg.names(dataset.columns), sql.Identifier(dataset.hub_name))
    masked = (masks.row(dataset, row) for row in _asked(hub, statement, (count,)))
    return [row for row in masked if row is not None]


def _rows(
    platform: Connection, relation: str, columns: Sequence[str], count: int, said: list[str]
) -> list[dict[str, Any]]:
    name = sql.Identifier(*relation.split(".", 1))
    found: dict[str, dict[str, Any]] = {}
    few = max(1, count // _EXTREMES)
    for column in columns:
        own = sql.Identifier(column)
        for order in (sql.SQL("{} is null desc"), sql.SQL("length({}::text) desc nulls last")):
            statement = _SELECT.format(name, sql.SQL("order by {}").format(order.format(own)))
            try:
                found |= _by_place(_asked(platform, statement, (few,)))
            except psycopg2.errors.QueryCanceled:
                said.append(f"{relation}.{column}: its longest values cannot be sought within {_TIMEOUT}")
    if len(found) < count:
        rest = _by_place(_asked(platform, _SELECT.format(name, sql.SQL("")), (count,)))
        found |= {place: row for place, row in rest.items() if place not in found}
    return list(found.values())[:count]


_SELECT = sql.SQL(
    "select to_jsonb(r)::text from (select t.*, t.tableoid::text || t.ctid::text as gateway_place from {} t {} limit %s) r"
)


def _by_place(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(row.pop("gateway_place")): row for row in rows}


def _asked(connection: Connection, statement: sql.Composable, values: tuple[Any, ...]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("set statement_timeout = {}").format(sql.Literal(_TIMEOUT)))
        cursor.execute(statement, values)
        # Numbers with a fraction stay text: as floats they would lose digits, and PostgreSQL reads text as well.
        return [json.loads(text, parse_float=str) for (text,) in cursor.fetchall()]
