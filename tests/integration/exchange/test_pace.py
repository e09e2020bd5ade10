"""Platforms are spared: no run starts outside a window or a rest, and all processes together keep a rate."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import psycopg2
import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from gateway import pg
from gateway.errors import HubUnavailable, OutsideWindow, PlatformResting
from gateway.exchange import carry, pace, proof, reconcile
from gateway.exchange.spared import Spared, SparedTyped
from gateway.exchange.timing import Override
from gateway.ledger import pace as ledger
from gateway.ledger.migrations.versions import r0005_pace
from gateway.model import DAY, Hours, Platform, Rate, Route
from gateway.ports import Hashing, Repairing
from tests.integration.conftest import CREATE, PERSON, City
from tests.integration.connectors.receiver import ANSWER, WRITE, Receiver
from tests.integration.connectors.site import Reply, Site

NIGHT = Hours(22 * 60, 6 * 60 + DAY, "workdays")
NOON, LATE = "2026-11-26T12:00:00+08:00", "2026-11-26T23:00:00+08:00"
BOSS = Override("tester", "来源单位同意")


def spared(city: City, **changes: Any) -> City:
    """Return the city with a changed platform at its route."""
    return city.with_route(peer=replace(city.deployment.catalog.routes["person_in"].peer, **changes))


@pytest.fixture
def night(city: City, monkeypatch: pytest.MonkeyPatch) -> City:
    """Return a loaded city whose platform is asked at night only; it is noon."""
    city.fill(20, bad=1)
    carry.run(city.deployment, "person_in")
    monkeypatch.setenv("GATEWAY_NOW", NOON)
    return spared(city, window=NIGHT)


@pytest.mark.parametrize("how", [{}, {"dry_run": True}, {"whole": True}])
def test_no_run_starts_outside_the_window(night: City, how: dict[str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Platform, hours and the time of opening are told, and how long that is; nothing began, and at night it runs."""
    batches = night.ask("select count(*) from gateway.batch")
    with pytest.raises(OutsideWindow) as raised:
        carry.run(night.deployment, "person_in", **how)
    assert "platform pop is asked only 22:00-06:00 workdays" in raised.value.message
    assert "until 2026-11-26 22:00 (China time)" in raised.value.message
    assert raised.value.seconds == pytest.approx(10 * 3600, abs=1)
    assert night.ask("select count(*) from gateway.batch") == batches
    monkeypatch.setenv("GATEWAY_NOW", LATE)
    assert carry.run(night.deployment, "person_in", **how).read >= 0


def test_a_comparison_waits_too_and_a_quarantined_row_does_not(night: City) -> None:
    """Reading to compare loads the platform as well; a row that lies here asks nobody."""
    with pytest.raises(OutsideWindow):
        reconcile.run(night.deployment, "person_in")
    ((row,),) = night.ask("select id from gateway.quarantine where state = 'open'")
    carry.replay(night.deployment, row, who="tester", why="x", edits={"sex": 1})
    assert night.ask("select state from gateway.quarantine where id = %s", (row,)) == [("corrected",)]


def test_a_run_under_way_when_the_window_closes_may_end(night: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a read would have to be repeated: that would load the platform twice."""
    monkeypatch.setenv("GATEWAY_NOW", LATE)

    def close_it(stage: str, _: int) -> None:
        if stage == "extract":
            monkeypatch.setenv("GATEWAY_NOW", NOON)

    assert carry.run(night.deployment, "person_in", progress=close_it).receipt is not None


def test_a_person_lets_one_run_start_and_the_chain_says_who(night: City) -> None:
    """The decision names who, why and against what; it holds for that run only."""
    carry.run(night.deployment, "person_in", now=BOSS)
    assert reconcile.run(night.deployment, "person_in", now=BOSS).passed
    found = [json.loads(body) for (body,) in night.ask("select body from gateway.receipt where kind = 'decision'")]
    assert [(d["what"], d["who"], d["why"]) for d in found] == [("run now", BOSS.who, BOSS.why)] * 2
    assert "platform pop is asked only" in found[0]["against"]
    assert proof.verify(night.deployment).ok
    with pytest.raises(OutsideWindow):
        carry.run(night.deployment, "person_in")


def test_leave_to_start_that_nobody_needed_is_no_decision(night: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside the window there is nothing to decide against."""
    monkeypatch.setenv("GATEWAY_NOW", LATE)
    carry.run(night.deployment, "person_in", now=BOSS)
    assert night.ask("select count(*) from gateway.receipt where kind = 'decision'") == [(0,)]


# A platform that asks for a wait


@pytest.fixture
def resting(city: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[City, Site]]:
    """Yield a city with 3 persons in the hub, and a REST platform of two routes that asks for ten minutes."""
    with closing(Site()) as site:
        monkeypatch.setenv("GATEWAY_CONN_APP", site.dsn())
        write = {**WRITE, "fields": {}, "answer": ANSWER}
        options = {"limits": {"seconds": 20}, "resources": {PERSON.name: {"write": write}}}
        app = Platform("app", "手机APP", "rest", "APP", "gaj", clearance="L4", options=options)
        catalog = city.deployment.catalog
        routes = {
            name: Route(name, PERSON, app, "delivery", "manual", catalog.terms["daily"]) for name in ("one", "other")
        }
        changed = replace(catalog, routes={**catalog.routes, **routes}, platforms={**catalog.platforms, "app": app})
        city.deployment = replace(city.deployment, catalog=changed)
        city.fill(3)
        carry.run(city.deployment, "person_in")
        site.script = lambda _: Reply(status=429, headers={"Retry-After": "600"})
        yield city, site


def test_a_resting_platform_is_left_alone_by_all_its_routes(resting: tuple[City, Site]) -> None:
    """The first route meets the wait, the second does not knock; when it is over both go on, and nothing was lost."""
    city, site = resting
    with pytest.raises(PlatformResting, match="asks for 600 s"):
        carry.run(city.deployment, "one")
    assert len(site.seen) == 1
    for route in ("one", "other"):
        with pytest.raises(PlatformResting, match=r"platform app rests until .* HTTP 429") as raised:
            carry.run(city.deployment, route)
        assert raised.value.seconds == pytest.approx(600, abs=30)
    assert carry.run(city.deployment, "other", dry_run=True).read == 3  # counts in the hub and asks nobody
    assert len(site.seen) == 1
    city.ask("update gateway.pace set resting_until = clock_timestamp()")
    receiver = Receiver(site)
    assert carry.run(city.deployment, "one").landed == 3
    assert carry.run(city.deployment, "other").landed == 3
    assert len(receiver.held) == 3
    assert city.ask("select count(*) from gateway.delivery where confirmed_at is null") == [(0,)]


def test_a_person_need_not_wait_for_a_resting_platform(resting: tuple[City, Site]) -> None:
    """Who lets a run start ends the rest for all routes; a platform that still asks for it gets it again."""
    city, site = resting
    for _ in range(2):
        with pytest.raises(PlatformResting, match="asks for 600 s"):
            carry.run(city.deployment, "one", now=BOSS)
    assert len(site.seen) == 2
    Receiver(site)
    assert carry.run(city.deployment, "one", now=BOSS).landed == 3
    assert carry.run(city.deployment, "other").landed == 3
    assert city.ask("select count(*) from gateway.receipt where kind = 'decision'") == [(2,)]


def test_of_two_waits_the_longer_stands_and_a_year_is_a_day(city: City) -> None:
    """Routes that meet different waits do not shorten each other's; what is beyond a day is not believed."""
    for seconds, left in ((60, 60), (600, 600), (30, 600), (365 * 86_400, 86_400)):
        ledger.rest(city.hub, "app", seconds, f"asks for {seconds} s")
        assert ledger.resting(city.hub)["app"].seconds == pytest.approx(left, abs=5)


# Rates


def test_turns_come_evenly_and_are_not_saved_up(city: City) -> None:
    """The first comes at once, each next one later; after a pause there is one turn, not many; platforms do not meet."""
    waits = [ledger.take(city.hub, "app", "requests", 2.0) for _ in range(3)]
    assert waits == pytest.approx([0, 2, 4], abs=0.5)
    assert ledger.take(city.hub, "web", "requests", 2.0) == 0
    assert ledger.take(city.hub, "app", "rows", 2.0) == 0
    city.ask("update gateway.pace set requests_due = clock_timestamp() - interval '1 hour' where platform = 'app'")
    waits = [ledger.take(city.hub, "app", "requests", 2.0) for _ in range(2)]
    assert waits == pytest.approx([0, 2], abs=0.5)


def test_a_clock_set_back_costs_ten_minutes_at_most(city: City) -> None:
    """Turns promised by a clock that was wrong are not waited for."""
    ledger.take(city.hub, "app", "requests", 1.0)
    city.ask("update gateway.pace set requests_due = clock_timestamp() + interval '1 day'")
    assert ledger.take(city.hub, "app", "requests", 1.0) == pytest.approx(600, abs=5)


TAKES = """
import os, sys, time
from gateway import pg
from gateway.exchange.pace import Pace
from gateway.model import Platform, Rate
app = Platform("app", "", "rest", "APP", "gaj", rate=Rate(requests_per_minute=600))
turns = Pace(lambda: pg.connect(os.environ["GATEWAY_HUB_DSN"], name="turns", autocommit=True), app)
turns.turn()
print("ready", flush=True)
sys.stdin.readline()
for _ in range(12):
    turns.turn()
    print(time.time(), flush=True)
turns.close()
"""


def test_two_processes_share_one_rate(city: City) -> None:
    """Together they come no faster than the rate of one: of any eleven turns the last is a second after the first."""
    environment = {**os.environ, "GATEWAY_HUB_DSN": city.deployment.hub_dsn}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    both = [subprocess.Popen([sys.executable, "-c", TAKES], **pipes) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=60)[0].split() for process in both]
    at = sorted(float(word) for words in told for word in words)
    assert [len(words) for words in told] == [12, 12]
    assert min(later - first for first, later in zip(at, at[10:], strict=False)) > 0.85


def test_rows_are_read_no_faster_than_the_rate_and_all_arrive(city: City) -> None:
    """A first load, a window and a comparison in place, each at its pace; both sides are equal."""
    city.fill(300)
    slow = spared(city, rate=Rate(rows_per_second=200))
    began = time.monotonic()
    assert carry.run(slow.deployment, "person_in").inserted == 300
    assert time.monotonic() - began > 1.3
    city.ask_source("update person set amount = 7, updated_at = now() where id <= 'P00000150'")
    began = time.monotonic()
    assert carry.run(slow.deployment, "person_in", whole=True).updated == 150
    assert time.monotonic() - began > 2.0  # 300 hashes, 150 rows
    assert city.hub_rows() == city.good_source_rows()
    assert reconcile.run(slow.deployment, "person_in").passed


def test_rows_are_delivered_no_faster_than_the_rate(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """What leaves waits on its way; the platform has all of it."""
    name = f"{city.source.info.dbname}_share"
    city.servers[1].create_database(name)
    monkeypatch.setenv("GATEWAY_CONN_SHARE", city.servers[1].dsn(name))
    share = Platform("share", "", "postgres", "SHARE", "gaj", clearance="L4", rate=Rate(rows_per_second=200))
    catalog = city.deployment.catalog
    out = Route("out", PERSON, share, "delivery", "manual", catalog.terms["daily"])
    city.deployment = replace(city.deployment, catalog=replace(catalog, routes={**catalog.routes, "out": out}))
    city.fill(300)
    carry.run(city.deployment, "person_in")
    with closing(psycopg2.connect(city.servers[1].dsn(name))) as there:
        there.autocommit = True
        with there.cursor() as cursor:
            cursor.execute(CREATE)
        began = time.monotonic()
        assert carry.run(city.deployment, "out").inserted == 300
        assert time.monotonic() - began > 1.3
        with there.cursor() as cursor:
            cursor.execute("select id, name, sex, amount, updated_at from person order by id")
            assert cursor.fetchall() == city.hub_rows()


def test_a_spared_source_can_do_what_its_source_can(city: City) -> None:
    """Comparison in place and repairs are no less possible at a rate; without one nothing is wrapped."""
    slow = spared(city, rate=Rate(rows_per_second=200))
    peer = slow.deployment.catalog.routes["person_in"].peer
    with closing(slow.deployment.source(peer)) as source, source.snapshot() as snapshot:
        assert isinstance(source, Spared)
        assert isinstance(snapshot, SparedTyped)
        assert isinstance(snapshot, Hashing)
        assert isinstance(snapshot, Repairing)
        assert repr(source) == "Spared(Postgres('pop'))"
    plain = city.deployment.catalog.routes["person_in"].peer
    with closing(city.deployment.source(plain)) as source:
        assert repr(source) == "Postgres('pop')"


@pytest.mark.parametrize(
    ("format_", "data", "rows"),
    [
        ("text", [b"a\nb\n", b"c", b"d\n"], 3),  # a write may end anywhere in a line
        ("text", [b"a\n" * 1000], 1000),  # a page at once
        ("binary", [b"head and row", b"row\n", b"end"], 3),  # a message a row, and one that ends the stream
        ("text", [], 0),  # nothing
    ],
)
def test_the_turns_of_a_stream_are_those_of_its_rows(
    city: City, monkeypatch: pytest.MonkeyPatch, format_: Any, data: list[bytes], rows: int
) -> None:
    """Whatever the pieces it comes in, the stream takes the time of its rows together, and not a byte changes."""
    taken: list[float] = []
    monkeypatch.setattr(pace, "_sleep", lambda _: None)
    monkeypatch.setattr(ledger, "take", lambda *of: taken.append(of[3]) or 0.0)
    app = Platform("app", "", "postgres", "APP", "gaj", rate=Rate(rows_per_second=20))
    out = io.BytesIO()

    def read(into: Any) -> int:
        for piece in data:
            into.write(piece)
        return 5

    with closing(city.deployment.pace(app)) as turns:
        assert turns.rows(read, format_)(out) == 5
    assert out.getvalue() == b"".join(data)
    assert sum(taken) == pytest.approx(rows / 20)


def test_a_hub_that_is_away_ends_a_paced_read_in_words() -> None:
    """Nobody may ask a platform faster because the ledger cannot be asked."""
    away = "postgresql://nobody@127.0.0.1:1/none"
    app = Platform("app", "", "rest", "APP", "gaj", rate=Rate(requests_per_minute=60))
    turns = pace.Pace(lambda: pg.connect(away, name="away", autocommit=True), app)
    with pytest.raises(HubUnavailable, match="keep the pace"):
        turns.turn()
    turns.close()


def test_the_table_of_paces_can_be_taken_back(city: City) -> None:
    """Nothing in it is evidence: the step down drops it, and the step up makes it again."""
    engine = create_engine(
        "postgresql+psycopg2://",
        creator=lambda: pg.connect(city.deployment.hub_dsn, name="down"),
        poolclass=NullPool,
    )
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        r0005_pace.downgrade()
        assert connection.execute(text("select to_regclass('gateway.pace')")).scalar() is None
        r0005_pace.upgrade()
    assert ledger.take(city.hub, "app", "requests", 1.0) == 0
