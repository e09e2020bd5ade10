"""Events of cases are numbered without a gap: a case waits for the number that lacks, and is delivered in its order."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from connectors import http_peer
from gateway.embedded import Server
from gateway.errors import RuleRefused
from gateway.exchange import carry, proof, quarantine, reconcile, sequence, transfer
from gateway.exchange import hub as hub_tables
from gateway.exchange.landing import Landing
from gateway.exchange.outcome import Outcome
from gateway.ledger import migrate
from gateway.model import Dataset, Field, Platform, Route, Rule
from tests.integration.conftest import City
from tests.integration.connectors.receiver import ANSWER, WRITE, Receiver
from tests.integration.connectors.site import Site

IN, OUT = "event_in", "event_app"
SEQUENCE = Rule(
    "T-S", "in_sequence", {"keys": ["case_no"], "field": "number", "wait_hours": 24}, chinese="未到齐", english="incomplete",
    fields=("case_no", "number"),
)  # fmt: skip
EVENT = Dataset(
    name="test.event", chinese="事件", version="1.0.0", table="event", owner="gaj", key=("case_no", "kind", "number"),
    fields=(
        Field("case_no", "varchar(20)", "办件", required=True, classification="L2", limits={"maxLength": 20}),
        Field("kind", "varchar(1)", "类型", required=True, classification="L2", limits={"maxLength": 1}),
        Field("number", "integer", "编号", required=True, classification="L2", limits={"minimum": 1}),
        Field("updated_at", "timestamptz", "更新时间", required=True, classification="L2"),
    ),
    rules=(
        SEQUENCE,  # named first, judged last
        Rule("T-K", "values", {"field": "kind", "values": ["a", "b", "c"]}, fields=("kind",)),
        Rule("T-D", "unique", {"fields": ["case_no", "number"]}, fields=("case_no", "number")),
        Rule("T-E", "exists", {"fields": ["case_no"], "in": "test.case", "when": {"field": "kind", "in": ["c"]}, "wait_hours": 24}),
    ),
    cursor="updated_at", lag_seconds=60,
)  # fmt: skip
CASE = Dataset("test.case", "办件", "1.0.0", "case", EVENT.fields[:1], ("case_no",), (), "gaj")
CREATE = "create table event (case_no varchar(20), kind varchar(1), number int, updated_at timestamptz)"
WORDS = "未到齐：{} / incomplete: {}"


@dataclass
class Cases:
    """A city whose source tells events, and an app that is sent them."""

    city: City
    site: Site
    receiver: Receiver

    def come(self, case: str, *numbers: int, kind: str = "a", age: str = "0") -> None:
        """Let events come in this order, stamped some time ago."""
        statement = "insert into event values (%s, %s, %s, now() - %s::interval)"
        for number in numbers:
            self.city.ask_source(statement, (case, kind, number, age))

    def run(self, *, whole: bool = False) -> Outcome:
        """Bring what came."""
        return transfer.run(self.city.deployment, IN, whole=whole)

    def held(self, case: str = "one") -> list[int]:
        """Return the numbers of a case that the hub holds."""
        found = self.city.ask("select number from hub.test_event where case_no = %s order by 1", (case,))
        return [number for (number,) in found]

    def entries(self) -> list[tuple[int, str, str]]:
        """Return number, rule and state of what is not closed in quarantine, by number."""
        rows = [r for r in quarantine.list_rows(self.city.hub) if r["state"] in {"open", "waiting"}]
        return sorted((row["masked"]["number"], row["rule"], row["state"]) for row in rows)

    def named(self, number: int) -> str:
        """Return what quarantine tells of a number of the case `one`."""
        rows = quarantine.list_rows(self.city.hub)
        (row,) = [r for r in rows if r["masked"]["number"] == number and r["state"] in {"open", "waiting"}]
        shown = quarantine.show(self.city.hub, self.city.deployment.catalog.datasets, row["id"])
        return f"{shown['reason_zh']} / {shown['reason_en']}"

    def sent(self) -> dict[str, list[int]]:
        """Return the numbers that the app was sent, by case, in the order in which they came."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for seen in self.site.seen:
            for item in json.loads(seen.body)["data"]["items"]:
                found[item["case_no"]].append(item["number"])
        return found


@pytest.fixture
def cases(city: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cases]:
    """Yield the city with an empty table of events and an app."""
    monkeypatch.setattr(http_peer, "_sleep", lambda _: None)
    site = Site()
    monkeypatch.setenv("GATEWAY_CONN_APP", site.dsn())
    refused = {**ANSWER["refused"], "fields": {name: f"key.{name}" for name in EVENT.key}}
    write = {**WRITE, "fields": {}, "size": 3, "answer": {**ANSWER, "refused": refused}}
    options = {"limits": {"seconds": 20}, "resources": {EVENT.name: {"write": write}}}
    app = Platform("app", "手机APP", "rest", "APP", "gaj", clearance="L2", options=options)
    catalog = city.deployment.catalog
    came = replace(catalog.routes["person_in"], route=IN, dataset=EVENT)
    out = Route(OUT, EVENT, app, "delivery", "manual", catalog.terms["daily"])
    changed = replace(
        catalog,
        datasets={EVENT.name: EVENT, CASE.name: CASE},
        routes={IN: came, OUT: out},
        platforms={**catalog.platforms, "app": app},
    )
    city.deployment = replace(city.deployment, catalog=changed)
    hub_tables.prepare(city.deployment)
    city.ask_source(CREATE)
    receiver = Receiver(site, EVENT.key)
    site.script = receiver.answer
    yield Cases(city, site, receiver)
    site.close()


@pytest.mark.parametrize(
    ("arrivals", "held"),
    [
        ([(1, 2, 4), (3,)], [[1, 2], [1, 2, 3, 4]]),  # a missing number comes late
        ([(4, 3, 2, 1)], [[1, 2, 3, 4]]),  # the other way round
        ([(2,), (4,), (1,), (3,)], [[], [], [1, 2], [1, 2, 3, 4]]),  # each alone
        ([(1, 3, 5), (2,), (4,)], [[1], [1, 2, 3], [1, 2, 3, 4, 5]]),  # two gaps
        ([(5,), (1, 2, 3, 4)], [[], [1, 2, 3, 4, 5]]),  # the last comes first
    ],
)
@pytest.mark.parametrize("whole", [False, True], ids=["window", "comparison"])
def test_a_case_waits_for_the_number_that_lacks(
    cases: Cases, arrivals: list[tuple[int, ...]], held: list[list[int]], whole: bool
) -> None:
    """Whatever the order in which they come; another case does not wait, nothing is lost and both sides reconcile."""
    cases.come("other", 1)
    for place, (numbers, wanted) in enumerate(zip(arrivals, held, strict=True), 2):
        cases.come("one", *numbers)
        cases.come("other", place)
        cases.run(whole=whole)
        assert (cases.held(), cases.held("other")) == (wanted, list(range(1, place + 1)))
        assert {(rule, state) for _, rule, state in cases.entries()} <= {("T-S", "waiting")}
        assert reconcile.run(cases.city.deployment, IN).passed
    assert cases.entries() == []
    assert proof.verify(cases.city.deployment).ok


def test_a_doubled_number_is_refused_and_holds_nobody(cases: Cases) -> None:
    """The second of two events with one number goes to quarantine for good; the same event again is the same."""
    cases.come("one", 1, 2)
    cases.come("one", 2, kind="b")
    cases.come("one", 3)
    assert (cases.run().rejected, cases.held(), cases.entries()) == (1, [1, 2, 3], [(2, "T-D", "open")])
    cases.come("one", 3, kind="b")
    cases.come("one", 4)
    cases.run()
    assert (cases.held(), cases.entries()) == ([1, 2, 3, 4], [(2, "T-D", "open"), (3, "T-D", "open")])


def test_what_another_rule_keeps_out_is_a_gap_too(cases: Cases) -> None:
    """The rows behind a bad one wait until its source has mended it."""
    cases.come("one", 1, 3, 4)
    cases.come("one", 2, kind="x")
    cases.run()
    assert cases.held() == [1]
    assert cases.entries() == [(2, "T-K", "open"), (3, "T-S", "waiting"), (4, "T-S", "waiting")]
    assert cases.named(4) == WORDS.format("one 的第 2 号还在隔离区", "number 2 of one is in quarantine itself")
    cases.city.ask_source("update event set kind = 'b' where kind = 'x'")
    cases.run(whole=True)
    assert (cases.held(), cases.entries()) == ([1, 2, 3, 4], [])


def test_what_waits_for_something_else_is_a_gap_too(cases: Cases) -> None:
    """The numbers are judged after all other rules: nobody overtakes a row that waits for its case."""
    cases.come("one", 1, 3)
    cases.come("one", 2, kind="c")
    cases.run()
    assert (cases.held(), cases.entries()) == ([1], [(2, "T-E", "waiting"), (3, "T-S", "waiting")])
    hub_tables.ensure_partition(cases.city.hub, CASE, "pop")
    cases.city.ask("insert into hub.test_case (case_no, gw_source, gw_batch) values ('one', 'pop', 1)")
    cases.run()
    assert (cases.held(), cases.entries()) == ([1, 2, 3], [])


def test_quarantine_names_case_and_numbers(cases: Cases) -> None:
    """As they lack now, from and to; of what was closed no more is told than its rule."""
    cases.come("one", 1, 4, 6, 9)
    cases.run()
    assert cases.named(9) == WORDS.format("one 缺第 2-3, 5, 7-8 号", "one lacks number 2-3, 5, 7-8")
    cases.come("one", 2, 7)
    cases.run()
    assert cases.named(9) == WORDS.format("one 缺第 3, 5, 8 号", "one lacks number 3, 5, 8")
    (row,) = [r for r in quarantine.list_rows(cases.city.hub) if r["masked"]["number"] == 9]
    cases.city.ask("update gateway.quarantine set state = 'discarded', closed_at = now() where id = %s", (row["id"],))
    assert quarantine.show(cases.city.hub, {EVENT.name: EVENT}, row["id"])["reason_en"] == "incomplete"


def test_a_number_that_is_personal_is_not_named(cases: Cases) -> None:
    """What is masked could name the wrong case."""
    cases.come("one", 1, 3)
    cases.run()
    hidden = replace(EVENT, fields=(replace(EVENT.fields[0], classification="L3"), *EVENT.fields[1:]))
    (row,) = [r for r in quarantine.list_rows(cases.city.hub) if r["state"] == "waiting"]
    assert quarantine.show(cases.city.hub, {EVENT.name: hidden}, row["id"])["reason_en"] == "incomplete"


def test_nobody_jumps_over_a_gap(cases: Cases) -> None:
    """A person cannot send the row behind it again either; only the number that lacks helps."""
    cases.come("one", 1, 3)
    cases.run()
    (row,) = [r["id"] for r in quarantine.list_rows(cases.city.hub)]
    with pytest.raises(RuleRefused):
        transfer.replay(cases.city.deployment, row, who="tester", why="in a hurry")
    assert (cases.held(), cases.entries()) == ([1], [(3, "T-S", "waiting")])


@pytest.mark.parametrize("whole", [False, True], ids=["window", "comparison"])
def test_what_waited_too_long_is_taken_all_the_same_when_the_gap_closes(cases: Cases, whole: bool) -> None:
    """After its time it is somebody's work, and each run looks whether it still is; nobody has to send it again."""
    cases.come("one", 1, 3, age="1 day")
    cases.run()
    cases.city.ask("update gateway.quarantine set wait_until = now() - interval '1 minute'")
    cases.run(whole=whole)
    assert (cases.held(), cases.entries()) == ([1], [(3, "T-S", "open")])
    cases.come("one", 2)
    assert cases.named(3) == WORDS.format("one 缺第 2 号", "one lacks number 2")
    cases.run(whole=whole)
    assert (cases.held(), cases.entries()) == ([1, 2, 3], [])
    assert proof.verify(cases.city.deployment).ok


def test_what_the_source_dropped_is_waited_for_no_longer(cases: Cases) -> None:
    """A comparison forgets a row behind a gap that is no longer there."""
    cases.come("one", 1, 3)
    cases.run()
    cases.city.ask_source("delete from event where number = 3")
    cases.run(whole=True)
    cases.come("one", 2)
    cases.run()
    assert (cases.held(), cases.entries()) == ([1, 2], [])


def test_events_are_delivered_in_the_order_of_their_numbers(cases: Cases) -> None:
    """Over pages, runs and cases, however they came; what waits is not sent."""
    cases.come("one", 7, 2, 5, 1, 4, 3)
    cases.come("two", 2, 1)
    cases.run()
    carry.run(cases.city.deployment, OUT)
    assert cases.sent() == {"one": [1, 2, 3, 4, 5], "two": [1, 2]}
    cases.come("one", 9, 6, 8)
    cases.come("two", 4)
    cases.run()
    carry.run(cases.city.deployment, OUT)
    assert cases.sent() == {"one": [1, 2, 3, 4, 5, 6, 7, 8, 9], "two": [1, 2]}
    assert len(cases.receiver.held) == 11
    assert carry.run(cases.city.deployment, OUT).read == 0


@pytest.fixture(scope="module")
def landing(servers: tuple[Server, Server]) -> Iterator[Landing]:
    """Yield the landing table of a batch of events."""
    name = f"sequence_{uuid.uuid4().hex[:8]}"
    servers[0].create_database(name)
    migrate.upgrade(servers[0].dsn(name))
    with closing(psycopg2.connect(servers[0].dsn(name))) as hub:
        hub_tables.ensure_table(hub, EVENT)
        hub_tables.ensure_partition(hub, EVENT, "pop")
        made = Landing(hub, EVENT, 1, "pop", date(2026, 11, 25))
        made.create(logged=False)
        hub.commit()
        yield made


ARRIVALS = st.lists(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(1, 8)), max_size=8), max_size=5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ARRIVALS)
def test_the_hub_has_never_a_gap_and_never_holds_back_more_than_it_must(
    landing: Landing, arrivals: list[list[tuple[str, int]]]
) -> None:
    """After every batch, what the hub holds of each case is 1 to n, for the largest n of which all have come."""
    came: defaultdict[str, set[int]] = defaultdict(set)
    held: set[tuple[str, int]] = set()
    ok, live = landing.name("_ok"), hub_tables.table(EVENT)
    (condition,) = sequence.too_early(landing, SEQUENCE.args, {})
    try:
        for batch in arrivals:
            waiting = sorted({(case, n) for case, numbers in came.items() for n in numbers} - held)
            rows = [*batch, *waiting]  # doubled rows too
            for case, number in batch:
                came[case].add(number)
            _insert(landing, ok, rows)
            _run(landing, sql.SQL("delete from {} _r_ where {}").format(ok, condition))
            good = set(_run(landing, sql.SQL("delete from {} returning case_no, number").format(ok))) - held
            _insert(landing, live, sorted(good), "pop", 1)
            held |= good
            assert held == {(case, n) for case, numbers in came.items() for n in range(1, _reached(numbers) + 1)}
    finally:
        landing.hub.rollback()


def _reached(numbers: set[int]) -> int:
    """Return the largest n of which 1 to n are all there."""
    return next(n for n in range(len(numbers) + 1) if n + 1 not in numbers)


def _insert(landing: Landing, table: sql.Identifier, rows: list[tuple[str, int]], *more: Any) -> None:
    with landing.hub.cursor() as cursor:
        marks = sql.SQL(", ").join(sql.Placeholder() * (4 + len(more)))
        statement = sql.SQL("insert into {} values ({})").format(table, marks)
        cursor.executemany(statement, [(case, "a", number, "2026-11-24", *more) for case, number in rows])


def _run(landing: Landing, statement: sql.Composable) -> list[Any]:
    with landing.hub.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []
