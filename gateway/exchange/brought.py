"""Receipts written back to platforms that bring deliveries of their own, such as files.

Which deliveries a batch decides is noted in the transaction that decides it; the receipts are written after that. One that
could not be written, for the run died or the platform was away, is written by the next run. A receipt tells the records that
were rejected by their numbers and rules, never by their values: quarantine keeps the hash of each row, and the delivery is
read again to find where in it these stand.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from psycopg2 import sql

from gateway import pg
from gateway.exchange.attempt import Attempt
from gateway.exchange.landing import Landing
from gateway.exchange.numbering import Numbering
from gateway.exchange.pipe import pipe
from gateway.ports import Decided, Probe, Receipting, Source
from gateway.sql import queries

_SQL = queries(__file__)
_LISTED = 10_000
_PAGE = 1000
# What a batch left in quarantine: what a person decided stands as long as the source holds that very row.
_LIVE = sql.SQL(
    "q.dataset = {dataset} and q.source = {source} and q.route = {route} and q.batch_id <= {batch} "
    "and (q.closed_batch is null or q.closed_batch > {batch} or q.state in ('corrected', 'discarded'))"
)


def note(attempt: Attempt, source: Source, probe: Probe, kind: str) -> None:
    """Note what this batch decides, in its transaction; of a window only deliveries that lie in it as a whole."""
    if not isinstance(source, Receipting):
        return
    names = [b.name for b in source.brought(attempt.dataset) if kind != "delta" or b.upto <= probe.upper]
    pg.run(attempt.hub, _SQL["note"], {"route": attempt.route.route, "batch": attempt.batch, "names": names})


def tell(attempt: Attempt, source: Source, landing: Landing) -> None:
    """Write every receipt of the route that is still owed; raises what the platform raises, and the batch stays decided."""
    if not isinstance(source, Receipting) or attempt.hub.closed:  # closed: the next run tells
        return
    for delivery, batch, number, hashed, made_at in _untold(attempt):
        if source.holds(attempt.dataset, delivery):
            rejected = _rejected(attempt, source, landing, delivery, batch)
            source.tell(attempt.dataset, delivery, Decided(batch, number, hashed, made_at, *rejected))
        pg.run(attempt.hub, _SQL["told"], {"route": attempt.route.route, "delivery": delivery})


def _untold(attempt: Attempt) -> list[tuple[Any, ...]]:
    with attempt.hub.cursor() as cursor:
        cursor.execute(_SQL["untold"], {"route": attempt.route.route})
        return cursor.fetchall()


def _rejected(
    attempt: Attempt, source: Receipting, landing: Landing, delivery: str, batch: int
) -> tuple[Counter[str], list[tuple[int, str]]]:
    """Return how many records each rule rejected, and number and rule of the first of them."""
    live = _LIVE.format(
        dataset=sql.Literal(attempt.dataset.name), source=sql.Literal(landing.source),
        route=sql.Literal(attempt.route.route), batch=sql.Literal(batch),
    )  # fmt: skip
    rules, rejects = Counter[str](), list[tuple[int, str]]()
    if not pg.one(attempt.hub, sql.SQL(_SQL["any_rejected"]).format(live=live))[0]:
        return rules, rejects
    pipe(lambda out: source.records(attempt.dataset, delivery, out), Numbering(landing, live).read)
    query = sql.SQL("select gw_row, gw_rule from {} order by gw_row").format(landing.name("_no"))
    with attempt.hub.cursor("rejected", withhold=True) as cursor:
        cursor.itersize = _PAGE
        cursor.execute(query)
        for row, rule in cursor:
            rules[rule] += 1
            if len(rejects) < _LISTED:
                rejects.append((int(row), rule))
    return rules, rejects
