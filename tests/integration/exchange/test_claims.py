"""Two platforms feed one data set: each writes and deletes in its own part only, and a key that both claim is nobody's twice."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import psycopg2
import pytest

from gateway.errors import RouteHeld, RuleRefused
from gateway.exchange import carry, claims, proof, quarantine, reconcile, transfer
from gateway.exchange import hub as hub_tables
from gateway.exchange.outcome import Outcome
from gateway.model import Field, Platform, Route
from tests.integration.conftest import CREATE, PERSON, City

FIRST, SECOND, OUT = "person_in", "person_own_in", "person_share"
CASE = replace(PERSON, fields=(replace(PERSON.fields[0], classification="L2"), *PERSON.fields[1:]))
INSERT = "insert into person values (%s, %s, 1, 1, now() - interval '1 hour')"


@dataclass
class Office:
    """One of the two platforms, as its owner sees it, and the route that brings what it holds."""

    city: City
    route: str
    there: Any

    def add(self, *numbers: int, name: str | None = None) -> None:
        """Take in cases."""
        with self.there.cursor() as cursor:
            cursor.executemany(INSERT, [(key(n), name or self.route) for n in numbers])

    def change(self, statement: str) -> None:
        """Let the owner do something to the table."""
        with self.there.cursor() as cursor:
            cursor.execute(statement)

    def run(self, *, whole: bool = False) -> Outcome:
        """Bring what it holds."""
        return transfer.run(self.city.deployment, self.route, whole=whole)


@dataclass
class Two:
    """A hub between two offices and a platform that gets what both handle."""

    city: City
    first: Office
    second: Office
    shared: Any

    def held(self) -> dict[str, str]:
        """Return who brought each key that the hub holds."""
        return dict(self.city.ask("select id, gw_source from hub.test_person order by id"))

    def part(self, source: str) -> list[tuple[Any, ...]]:
        """Return a source's rows with the batch that last wrote each."""
        return list(self.city.ask("select id, name, gw_batch from hub.test_person where gw_source = %s order by 1", (source,)))  # fmt: skip

    def entries(self) -> list[tuple[str, str, str, str]]:
        """Return key, source, rule and state of what quarantine holds, by key."""
        rows = quarantine.list_rows(self.city.hub)
        return sorted((r["masked"]["id"], r["source"], r["rule"], r["state"]) for r in rows)

    def told(self) -> tuple[str, str]:
        """Return the reason of the one open entry in Chinese and English."""
        (row,) = [r for r in quarantine.list_rows(self.city.hub) if r["state"] == "open"]
        shown = quarantine.show(self.city.hub, self.city.deployment.catalog.datasets, row["id"])
        return shown["reason_zh"], shown["reason_en"]

    def deliver(self) -> Outcome:
        """Deliver to the platform that gets everything."""
        return carry.run(self.city.deployment, OUT)

    def arrived(self) -> list[tuple[str, str]]:
        """Return key and name of what arrived there."""
        with self.shared.cursor() as cursor:
            cursor.execute("select id, name from person order by id")
            return list(cursor.fetchall())

    def agree(self) -> bool:
        """Tell whether both offices agree with their parts of the hub, the delivery with the whole, and the chain is sound."""
        deployment = self.city.deployment
        sides = [reconcile.run(deployment, route).passed for route in (FIRST, SECOND)]
        return all(sides) and proof.verify(deployment).ok


def key(number: int) -> str:
    """Return the key of a case."""
    return f"P{number:08d}"


@pytest.fixture
def two(city: City) -> Iterator[Two]:
    """Yield two offices with empty tables, and a third platform."""
    server, dsns = city.servers[1], {"SOURCE": city.source_dsn}
    catalog = city.deployment.catalog
    for connection in ("OWN", "SHARE"):
        name = f"o{uuid.uuid4().hex[:12]}"
        server.create_database(name)
        dsns[connection] = server.dsn(name)
    own = Platform("own", "自建系统", "postgres", "OWN", "gaj")
    share = Platform("share", "共享平台", "postgres", "SHARE", "gaj", clearance="L4")
    first = replace(catalog.routes[FIRST], dataset=CASE)
    second = replace(first, route=SECOND, peer=own)
    out = Route(OUT, CASE, share, "delivery", "manual", catalog.terms["daily"])
    changed = replace(
        catalog, datasets={CASE.name: CASE}, routes={r.route: r for r in (first, second, out)},
        platforms={**catalog.platforms, "own": own, "share": share},
    )  # fmt: skip
    city.deployment = replace(city.deployment, catalog=changed, resolve=dsns.get)
    hub_tables.prepare(city.deployment)
    with closing(psycopg2.connect(dsns["OWN"])) as there, closing(psycopg2.connect(dsns["SHARE"])) as shared:
        for connection in (there, shared):
            connection.autocommit = True
            connection.cursor().execute(CREATE)
        yield Two(city, Office(city, FIRST, city.source), Office(city, SECOND, there), shared)


def test_each_writes_and_deletes_in_its_own_part_only(two: Two) -> None:
    """First load, window, comparison with deletes: of the other's rows none is written, moved or gone."""
    two.first.add(1, 2, 3)
    two.first.run()
    before = two.part("pop")
    two.second.add(11, 12, 13)
    assert (two.second.run().kind, two.part("pop")) == ("first_load", before)
    theirs = two.part("own")
    two.first.add(4)
    two.first.change("update person set updated_at = now() where id = 'P00000004'")
    assert (two.first.run().inserted, two.part("own")) == (1, theirs)
    two.first.change("delete from person where id < 'P00000003'")
    assert (two.first.run(whole=True).deleted, two.part("own")) == (2, theirs)
    before = two.part("pop")
    two.second.change("delete from person where id = 'P00000011'")
    two.second.change("update person set name = '改' where id = 'P00000012'")
    outcome = two.second.run(whole=True)
    assert (outcome.deleted, outcome.updated, two.part("pop")) == (1, 1, before)
    assert two.held() == {key(3): "pop", key(4): "pop", key(12): "own", key(13): "own"}
    assert two.entries() == []
    assert two.agree()


def test_an_office_that_lost_everything_takes_nothing_from_the_other(two: Two) -> None:
    """Its empty table holds its own route for a person; the other's rows stay, and its route runs on."""
    two.first.add(1, 2)
    two.second.add(11, 12)
    two.first.run()
    two.second.run()
    two.second.change("delete from person")
    with pytest.raises(RouteHeld, match="empty_read"):
        two.second.run(whole=True)
    assert two.first.run(whole=True).unchanged == 0
    assert set(two.held()) == {key(1), key(2), key(11), key(12)}


@pytest.mark.parametrize("how", ["first_load", "window", "comparison"])
def test_a_key_that_another_source_holds_is_refused_and_both_are_named(two: Two, how: str) -> None:
    """However it comes, and however new it is: the row that was first stays as it is, the other waits for a person."""
    two.first.add(1, 2)
    two.first.run()
    before = two.part("pop")
    two.second.add(*([2, 11] if how == "first_load" else [11]))
    first = two.second.run()
    if how != "first_load":
        two.second.add(2)
        two.second.change("update person set updated_at = now()")
    outcome = first if how == "first_load" else two.second.run(whole=how == "comparison")
    assert outcome.rejects == {claims.CLAIMED: 1}
    assert (two.part("pop"), two.held()[key(11)]) == (before, "own")
    assert two.entries() == [(key(2), "own", claims.CLAIMED, "open")]
    assert two.told() == (
        "主键已由另一来源提供：pop 在先，own 的记录未收入",
        "another source already provides this key: pop came first, the row of own stays out",
    )
    assert two.agree()
    again = two.second.run(whole=True)
    assert (again.inserted, again.updated, again.deleted, two.part("pop")) == (0, 0, 0, before)
    assert two.entries() == [(key(2), "own", claims.CLAIMED, "open")]


def test_a_claim_is_not_won_by_a_replay(two: Two) -> None:
    """Who replays the row before the other source let the key go is told so, and nothing changes."""
    two.first.add(2)
    two.first.run()
    two.second.add(2, 11)
    two.second.run()
    (row,) = quarantine.list_rows(two.city.hub)
    with pytest.raises(RuleRefused, match=claims.CLAIMED):
        transfer.replay(two.city.deployment, row["id"], who="tester", why="try")
    assert two.held() == {key(2): "pop", key(11): "own"}
    assert two.entries() == [(key(2), "own", claims.CLAIMED, "open")]


def test_what_was_let_go_comes_from_the_other_source(two: Two) -> None:
    """After the first gave the case up, the next comparison takes the other's row, and the target gets no deletion."""
    two.first.add(1, 2)
    two.first.run()
    two.second.add(2, 11)
    two.second.run()
    two.deliver()
    assert two.arrived() == [(key(1), FIRST), (key(2), FIRST), (key(11), SECOND)]
    two.first.change("delete from person where id = 'P00000002'")
    two.first.run(whole=True)
    assert key(2) not in two.held()
    assert two.told()[1].endswith("it was let go: the next comparison takes the row of own")
    assert two.second.run(whole=True).inserted == 1
    assert two.held() == {key(1): "pop", key(2): "own", key(11): "own"}
    assert two.entries() == [(key(2), "own", claims.CLAIMED, "replayed")]
    two.deliver()
    assert two.arrived() == [(key(1), FIRST), (key(2), SECOND), (key(11), SECOND)]
    assert two.agree()


def test_a_claim_that_its_source_took_back_is_gone(two: Two) -> None:
    """A comparison closes the entry of a row that the second source no longer holds."""
    two.first.add(2)
    two.first.run()
    two.second.add(2, 11)
    two.second.run()
    two.second.change("delete from person where id = 'P00000002'")
    two.second.run(whole=True)
    assert two.entries() == [(key(2), "own", claims.CLAIMED, "gone")]
    assert two.held() == {key(2): "pop", key(11): "own"}


def test_a_personal_key_is_shown_to_nobody(two: Two) -> None:
    """Where the key is a person's, the reason says that it is claimed and names nobody."""
    two.first.add(2)
    two.first.run()
    two.second.add(2, 11)
    two.second.run()
    personal = replace(CASE, fields=(Field("id", "varchar(18)", classification="L4"), *CASE.fields[1:]))
    (row,) = quarantine.list_rows(two.city.hub)
    shown = quarantine.show(two.city.hub, {CASE.name: personal}, row["id"])
    assert (shown["reason_zh"], shown["reason_en"]) == (
        "主键已由另一来源提供",
        "another source already provides this key",
    )


def test_what_a_system_brought_goes_to_none_of_its_platforms(two: Two) -> None:
    """Neither rows, nor changes, nor deletions: nothing goes in circles; what another system brought arrives, and leaves."""
    catalog = two.city.deployment.catalog
    share = replace(catalog.platforms["share"], part_of="pop", kin=("pop", "share"))
    out = replace(catalog.routes[OUT], peer=share)
    two.city.deployment = replace(two.city.deployment, catalog=replace(catalog, routes={**catalog.routes, OUT: out}))
    two.first.add(1, 2)
    two.first.run()
    two.second.add(11, 12)
    two.second.run()
    assert (two.deliver().inserted, two.arrived()) == (2, [(key(11), SECOND), (key(12), SECOND)])
    two.first.change("delete from person where id = 'P00000001'")
    two.first.change("update person set name = '改', updated_at = now()")
    two.first.run(whole=True)
    two.second.change("delete from person where id = 'P00000012'")
    two.second.run(whole=True)
    outcome = two.deliver()
    assert (outcome.inserted, outcome.updated, outcome.deleted, two.arrived()) == (0, 0, 1, [(key(11), SECOND)])
    assert reconcile.run(two.city.deployment, OUT).passed
