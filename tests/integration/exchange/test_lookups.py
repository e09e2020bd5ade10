"""Rules that look elsewhere, each alone: which rows of a landing table it finds broken."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from gateway import pg
from gateway.embedded import Server
from gateway.exchange import hub as hub_tables
from gateway.exchange import lookups, transfer
from gateway.exchange.landing import Landing
from gateway.ledger import migrate
from gateway.model import Dataset, Field, Rule
from gateway.sla import calendar
from tests.integration.conftest import City

TEXT = {"maxLength": 20}


def _dataset(name: str, *fields: Field) -> Dataset:
    return Dataset(f"test.{name}", "", "1.0.0", name, fields, (fields[0].name,), (), "gaj")


def _text(name: str) -> Field:
    return Field(name, "text", limits=TEXT)


WORK = _dataset(
    "work", _text("id"), _text("item"), _text("above"), Field("kind", "smallint"), Field("begun", "timestamptz"),
    Field("due", "date"), Field("days", "integer"),
)  # fmt: skip
ITEM = _dataset(
    "item", _text("code"), _text("item"), _text("state"), Field("grade", "smallint"), Field("days", "integer")
)
START = _dataset("start", _text("id"), _text("item"), Field("since", "timestamptz"))
REST = _dataset("rest", _text("no"), _text("id"), Field("low", "timestamptz"), Field("high", "timestamptz"))
DATASETS = {d.name: d for d in (WORK, ITEM, START, REST)}
# Monday 2026-11-16; the working days after it are the 17th to the 20th, the 23rd and so on.
MONDAY = "2026-11-16 09:00+08"
ROWS = {
    "test.work": [
        ("a", "one", None, 1, MONDAY, "2026-11-18", 2),
        ("b", "two", "a", 2, MONDAY, "2026-11-20", 2),
        ("c", "none", "b", 1, MONDAY, "2026-11-24", None),
        ("d", None, "x", None, MONDAY, None, 2),
    ],
    "test.item": [("two", "one", "1", 3, 2), ("c2", "two", "0", 5, 4)],
    "test.start": [("b", "two", MONDAY), ("c", "two", MONDAY), ("d", "two", MONDAY)],
    "test.rest": [("r1", "c", "2026-11-16 10:00+08", "2026-11-19 10:00+08")],
}
LIMIT = {
    "to": "due", "begun": {"in": "test.start", "fields": ["id"], "from": "since"},
    "limit": {"in": "test.item", "fields": ["item"], "field": "days"},
    "paused": {"in": "test.rest", "fields": ["id"], "from": "low", "to": "high"},
}  # fmt: skip


@pytest.fixture(scope="module")
def landing(servers: tuple[Server, Server]) -> Iterator[Landing]:
    """Yield a landing table with the rows of `WORK`; those of the other data sets are in the hub."""
    name = f"lookups_{uuid.uuid4().hex[:8]}"
    servers[0].create_database(name)
    migrate.upgrade(servers[0].dsn(name))
    hub = psycopg2.connect(servers[0].dsn(name))
    calendar.load(hub, calendar.Calendar())
    for dataset in DATASETS.values():
        hub_tables.ensure_table(hub, dataset)
        hub_tables.ensure_partition(hub, dataset, "pop")
    landing = Landing(hub, WORK, 1, "pop", date(2026, 11, 25))
    landing.create(logged=False)
    for dataset in DATASETS.values():
        there = landing.name() if dataset is WORK else hub_tables.table(dataset)
        more = () if dataset is WORK else ("pop", 1)
        columns = (*dataset.columns, *(("gw_source", "gw_batch") if more else ()))
        marks = sql.SQL(", ").join(sql.Placeholder() * len(columns))
        with hub.cursor() as cursor:
            statement = sql.SQL("insert into {} ({}) values ({})").format(there, pg.names(columns), marks)
            cursor.executemany(statement, [(*row, *more) for row in ROWS[dataset.name]])
    hub.commit()
    yield landing
    hub.close()


@pytest.mark.parametrize(
    ("check", "args", "broken"),
    [
        ("exists", {"fields": ["item"], "in": "test.item"}, "cd"),  # null refers to nobody
        ("exists", {"fields": ["item"], "in": "test.item", "there": ["code"]}, "acd"),  # named otherwise there
        ("exists", {"fields": ["item"], "in": "test.item", "when": {"field": "item"}}, "c"),  # only who refers
        ("exists", {"fields": ["item"], "in": "test.item", "when": {"field": "kind", "in": ["1"]}}, "c"),
        ("exists", {"fields": ["item"], "in": "test.item", "when": {"field": "kind", "in": [2]}}, ""),
        ("exists", {"fields": ["item"], "in": "test.item", "where": {"field": "state", "in": ["1"]}}, "bcd"),  # only live ones
        ("exists", {"fields": ["item"], "in": "test.item", "where": {"field": "grade", "in": [5, "7"]}}, "acd"),  # a number
        ("exists", {"fields": ["item"], "in": "test.item", "where": {"field": "state"}}, "cd"),  # whatever it is
        ("exists", {"fields": ["item", "days"], "in": "test.item"}, "bcd"),  # both the same
        ("parent_exists", {"code": "id", "parent": "above"}, "d"),  # in this batch
        ("workdays", {"from": "begun", "to": "due", "limit": 2}, "bc"),  # a number
        ("workdays", {"from": "begun", "to": "due", "limit": "days"}, "b"),  # a field; without one there is no limit
        ("workdays", {"from": "begun", "to": "due", "limit": "days", "in": "test.item", "fields": ["item"]}, ""),  # 4 are allowed
    ],
)  # fmt: skip
def test_a_rule_finds_the_rows_that_break_it(landing: Landing, check: str, args: dict[str, Any], broken: str) -> None:
    """Those and no other."""
    assert _broken(landing, check, args) == broken


@pytest.mark.parametrize(
    ("due", "high", "broken"),
    [
        ("2026-11-20", "2026-11-16 18:00+08", ""),  # four days, as many as it may take
        ("2026-11-23", "2026-11-16 18:00+08", "c"),  # five: the week-end counts for nothing
        ("2026-11-24", "2026-11-18 10:00+08", ""),  # six, of which two are paused
        ("2026-11-25", "2026-11-18 10:00+08", "c"),  # seven, of which two are paused
        ("2026-12-31", None, ""),  # paused to this day
    ],
)
def test_paused_days_do_not_count(landing: Landing, due: str, high: str | None, broken: str) -> None:
    """A limit is exceeded by working days alone; what no other row begins has none."""
    with landing.hub.cursor() as cursor:
        cursor.execute(sql.SQL("update {} set due = %s where id = 'c'").format(landing.name("_ok")), (due,))
        cursor.execute(sql.SQL("update {} set item = 'two'").format(hub_tables.table(START)))
        cursor.execute(sql.SQL("update {} set high = %s").format(hub_tables.table(REST)), (high,))
    try:
        assert _broken(landing, "within_limit", LIMIT) == broken
    finally:
        landing.hub.rollback()


def test_a_rule_sleeps_until_a_route_brings_what_it_needs(city: City) -> None:
    """A contract alone wakes nobody: as long as no route fills it, every row would be refused."""
    rule = Rule("T-N", "exists", {"fields": ["name"], "in": "test.item"}, needs="test.item")
    own = _dataset("item", _text("name"))
    catalog = city.deployment.catalog
    dataset = replace(catalog.datasets["test.person"], rules=(rule,))
    route = replace(catalog.routes["person_in"], dataset=dataset)
    asleep = replace(catalog, datasets={dataset.name: dataset, own.name: own}, routes={route.route: route})
    feeding = replace(route, route="item_in", dataset=own)
    awake = replace(asleep, routes={**asleep.routes, feeding.route: feeding})
    delivered = replace(asleep, routes={**asleep.routes, feeding.route: replace(feeding, mode="delivery")})
    assert [lookups.needed(dataset, known) for known in (asleep, delivered, awake)] == [False, False, True]
    for start, known, rejected in ((0, asleep, 0), (3, awake, 3)):
        city.fill(3, start=start)
        deployment = replace(city.deployment, catalog=known)
        hub_tables.prepare(deployment)
        assert transfer.run(deployment, "person_in", whole=True).rejected == rejected


def _broken(landing: Landing, check: str, args: dict[str, Any]) -> str:
    (condition,) = lookups.CONDITIONS[check](landing, args, DATASETS)
    with landing.hub.cursor() as cursor:
        cursor.execute(sql.SQL("select id from {} _r_ where {} order by id").format(landing.name("_ok"), condition))
        return "".join(row[0] for row in cursor.fetchall())
