"""Rows that a target refused after it had taken them: heard with each delivery, and in quarantine in the target's words.

A verdict counts once, by its own id. It is about the version that was delivered: when the hub has a newer one, which is
still to be delivered or was delivered since, the verdict is overtaken and no row waits for anybody.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from psycopg2 import sql
from psycopg2.extras import Json, execute_values

from gateway import pg
from gateway.exchange import casting, quarantine
from gateway.exchange import hub as hub_tables
from gateway.exchange.attempt import Attempt
from gateway.ledger import settlements
from gateway.model import Dataset
from gateway.ports import Delivery, Returning, Target, Verdict
from gateway.records import as_json
from gateway.security.masking import mask_row, mask_words
from gateway.sql import queries

_SQL = queries(__file__)
_PAGE = 1000
_OVERLAP = timedelta(days=1)  # a verdict may become visible after one with a later stamp
_LONGEST = 1000
# What is shown as a rule and stands in receipts. Other than a code it is words, and an eleven-digit number a person's.
# Beyond U+FFFF names sort in one order by characters and in another as RFC 8785 wants it.
_CODE = re.compile(r"(?!.*(?:[0-9]{11}|[\U00010000-\U0010ffff]))[\w.:-]{1,40}")
_HEARD = sql.Identifier("gateway_heard")
_ENTRY = "(%s, %s, %s, %s::bigint, %s, 'open', %s, %s::bigint, %s::jsonb, %s::bytea, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of the verdicts of one run: rows entered by rule, and verdicts on what is not, or no more, there.

    `reopened` are the deliveries that had been presumed accepted.
    """

    entered: Counter[str] = field(default_factory=Counter)
    overtaken: int = 0
    unknown: int = 0
    reopened: tuple[int, ...] = ()


def listen(attempt: Attempt, target: Target, confirmed: Delivery) -> int:
    """Keep the verdicts that were not heard before in a table of this session; return how many. Touches nothing live."""
    hub, dataset, route = attempt.hub, attempt.dataset, attempt.route.route
    keys = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(k)) for k in dataset.key)
    shape = (
        "gw_verdict text primary key, gw_number bigint, gw_error text not null, gw_words text not null, "
        "gw_judged_at timestamptz not null, gw_left_at timestamptz"
    )
    told = sql.SQL("create temp table {} ({}, {}, gw_at_once boolean not null default false)")
    pg.run(hub, sql.SQL("drop table if exists {}").format(_HEARD))
    pg.run(hub, told.format(_HEARD, sql.SQL(shape), keys))
    since: datetime | None = pg.one(hub, _SQL["newest"], {"route": route})[0]
    later = target.verdicts(dataset, since and since - _OVERLAP) if isinstance(target, Returning) else iter(())
    insert = sql.SQL(
        "insert into {} select v.* from (values %s) as v where not exists (select from gateway.verdict k "
        "where k.route = {} and k.verdict = v.column1) on conflict do nothing"
    ).format(_HEARD, sql.Literal(route))
    template = f"(%s, %s::bigint, %s, %s, %s::timestamptz, %s::timestamptz{', %s::text' * len(dataset.key)})"
    for verdicts in (confirmed.refused, later):
        pg.run(hub, sql.SQL("update {} set gw_at_once = true").format(_HEARD))  # what is there came with the answer
        for page in _pages(verdicts):
            lines = [line(dataset, verdict) for verdict in page]
            with hub.cursor() as cursor:
                execute_values(cursor, insert, lines, template=template, page_size=_PAGE)
    _bring(attempt)
    return int(pg.one(hub, sql.SQL("select count(*) from {}").format(_HEARD))[0])


def spool(attempt: Attempt, target: Target) -> int:
    """Keep what a target tells while its route is held, for the run that goes on; return how many wait.

    The other side clears its tables of returns by its own clock. What was kept is kept once.
    """
    heard = listen(attempt, target, Delivery(0, 0, 0, 0, 0))
    pairs = [sql.SQL("{}, h.{}").format(sql.Literal(name), sql.Identifier(name)) for name in attempt.dataset.key]
    statement = sql.SQL(
        "insert into gateway.callback (platform, dataset, verdict, number, error, words, judged_at, left_at, key) "
        "select {platform}, {dataset}, h.gw_verdict, h.gw_number, h.gw_error, h.gw_words, h.gw_judged_at, h.gw_left_at, "
        "jsonb_build_object({key}) from {heard} h on conflict do nothing"
    ).format(
        heard=_HEARD, key=sql.SQL(", ").join(pairs),
        **{name: sql.Literal(value) for name, value in _whose(attempt).items()},
    )  # fmt: skip
    pg.run(attempt.hub, statement)
    return heard


def enter(attempt: Attempt) -> Heard:
    """Judge the kept verdicts against the hub and enter the rows that wait for somebody, in the deciding transaction."""
    _judge(attempt)
    entered: Counter[str] = Counter()
    for page in _refused(attempt):
        entries = [_entry(attempt, *row) for row in page]
        entered.update(entry[4] for entry in entries)
        with attempt.hub.cursor() as cursor:
            execute_values(cursor, _SQL["enter"], entries, template=_ENTRY, page_size=len(entries))
    pg.run(attempt.hub, _SQL["note"], {"route": attempt.route.route, "batch": attempt.batch})
    pg.run(attempt.hub, _SQL["forget"], {"route": attempt.route.route, **_whose(attempt)})
    counts = sql.SQL(
        "select count(*) filter (where state = 'overtaken'), count(*) filter (where state = 'unknown') from gateway_judged"
    )
    overtaken, unknown = pg.one(attempt.hub, counts)
    reopened = settlements.reopen(attempt.hub, attempt.route.route)
    return Heard(entered, int(overtaken), int(unknown), reopened)


def _bring(attempt: Attempt) -> None:
    """Add what the platform told by itself and this route has not heard yet."""
    keys = [sql.SQL("c.key ->> {}").format(sql.Literal(name)) for name in attempt.dataset.key]
    statement = sql.SQL(
        "insert into {heard} select c.verdict, c.number, c.error, c.words, c.judged_at, c.left_at, {keys} "
        "from gateway.callback c where c.platform = {platform} and c.dataset = {dataset} and not exists "
        "(select from gateway.verdict k where k.route = {route} and k.verdict = c.verdict) on conflict do nothing"
    ).format(
        heard=_HEARD, keys=sql.SQL(", ").join(keys), route=sql.Literal(attempt.route.route),
        **{name: sql.Literal(value) for name, value in _whose(attempt).items()},
    )  # fmt: skip
    pg.run(attempt.hub, statement)


def _whose(attempt: Attempt) -> dict[str, str]:
    return {"platform": attempt.route.peer.platform, "dataset": attempt.dataset.name}


def _judge(attempt: Attempt) -> None:
    """Find the row of each verdict in the hub, and whether it is still the version that was delivered."""
    dataset = attempt.dataset
    same = sql.SQL(" and ").join(
        sql.SQL("t.{} = {}").format(sql.Identifier(k), casting.typed_or_null(dataset.field(k), "h"))
        for k in dataset.key
    )
    statement = sql.SQL(
        "create temp table gateway_judged on commit drop as select h.gw_verdict as verdict, d.number, "
        "h.gw_at_once as at_once, h.gw_error as error, h.gw_words as words, h.gw_judged_at as judged_at, "
        "t.gw_hash, t.gw_record, t.gw_source, case when t.gw_batch is null or (h.gw_named and d.number is null) then 'unknown' "
        "when t.gw_batch > coalesce(d.upto_batch, (select max(upto_batch) from gateway.delivery where route = {route})) "
        "then 'overtaken' else 'entered' end as state "
        "from (select *, coalesce(gw_number::text, gw_left_at::text) is not null as gw_named from {heard}) h "
        "left join lateral (select number, upto_batch from gateway.delivery n where n.route = {route} "
        "and (n.number = h.gw_number or n.left_at = h.gw_left_at) order by n.number = h.gw_number desc limit 1) d on true "
        "left join lateral (select t.gw_batch, t.gw_source, {hash} as gw_hash, (select row_to_json(x) from (select {columns}) x)::text "
        "as gw_record from {table} t where {same}) t on true"
    ).format(
        route=sql.Literal(attempt.route.route), heard=_HEARD, hash=hub_tables.record_hash(dataset, "t"),
        columns=pg.names(dataset.columns, "t"), table=hub_tables.table(dataset), same=same,
    )  # fmt: skip
    pg.run(attempt.hub, statement)


def _refused(attempt: Attempt) -> Iterator[list[tuple[str, str, int, str, str]]]:
    """Yield error, words, record hash, record and source of each row to enter; several verdicts on a row are one entry."""
    query = (
        "select min(error), string_agg(words, E'\\n' order by judged_at, verdict), gw_hash, gw_record, gw_source "
        "from gateway_judged where state = 'entered' group by gw_hash, gw_record, gw_source"
    )
    with attempt.hub.cursor("refused") as cursor:
        cursor.itersize = _PAGE
        cursor.execute(query)
        while page := cursor.fetchmany(_PAGE):
            yield page


def _entry(attempt: Attempt, error: str, words: str, row_hash: int, record: str, source: str) -> tuple[Any, ...]:
    dataset, route = attempt.dataset, attempt.route
    values = json.loads(record)
    return (
        dataset.name, route.origin, route.route, attempt.batch, f"{quarantine.PEER}{error}", dataset.owner, row_hash,
        Json(mask_row(dataset, values), dumps=as_json),
        quarantine.seal(attempt.deployment.keys, dataset.name, route.origin, record), _shown(dataset, values, words),
        source, _told_key(dataset, values),
    )  # fmt: skip


def _told_key(dataset: Dataset, values: Mapping[str, Any]) -> str | None:
    """Return a row's key as its owner is told it; of a person's key nothing."""
    if any(dataset.field(name).personal for name in dataset.key):
        return None
    return "|".join(str(values[name]) for name in dataset.key)


def _shown(dataset: Dataset, values: dict[str, Any], words: str) -> str:
    """Return words masked, and only then each line cut: half of a value would be told from no other text."""
    return "\n".join(line[:_LONGEST] for line in mask_words(dataset, values, words).split("\n"))


def line(dataset: Dataset, verdict: Verdict) -> tuple[Any, ...]:
    """Return a verdict as a hub can hold it: name, number, error, words, moments, and the key's values in order."""
    key = [_exact(verdict.key.get(k)) for k in dataset.key]
    error, words = _clean(verdict.error) or "-", _clean(verdict.words, 2 * _LONGEST)
    if not _CODE.fullmatch(error):
        error, words = "-", f"{error} {words}".strip()
    return _name(verdict.id), verdict.number, error, words, verdict.at, verdict.left, *key


def _name(text: str) -> str:
    """Return a verdict's own name; of one that no index could hold, its hash."""
    return text if _exact(text) else sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _exact(text: str | None) -> str | None:
    """Return a text to the last blank, since another one may be another row's key; None when the hub holds no such key."""
    return text if text is not None and text == _clean(text, strip=False) else None


def _clean(text: str, longest: int = _LONGEST, *, strip: bool = True) -> str:
    """Return a peer's text as PostgreSQL can hold it, of a bearable length."""
    held = text.replace("\0", "").encode("utf-8", "replace").decode()[:longest]
    return held.strip() if strip else held


def _pages(verdicts: Iterable[Verdict]) -> Iterator[tuple[Verdict, ...]]:
    found = iter(verdicts)
    return iter(lambda: tuple(v for _, v in zip(range(_PAGE), found, strict=False)), ())
