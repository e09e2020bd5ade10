"""Deliveries to a REST platform: what it refuses, at once or later, and what a lost answer leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from connectors import http_peer
from gateway.errors import PlatformUnavailable, SchemaMismatch
from gateway.exchange import carry, proof, reconcile
from gateway.exchange.outcome import Outcome
from gateway.model import Platform, Route
from tests.integration.conftest import PERSON, City
from tests.integration.connectors.receiver import ANSWER, WRITE, Receiver
from tests.integration.connectors.site import Reply, Seen, Site

IN, OUT = "person_in", "person_app"
ONE = "P00000050"
VERDICTS = {
    "path": "/verdicts", "records": "items", "since": {"parameter": "since", "format": "iso"}, "id": "no", "code": "error",
    "words": "message", "at": "judged", "number": "batch",
}  # fmt: skip
OPTIONS = {
    "limits": {"seconds": 20},
    "resources": {PERSON.name: {"write": {**WRITE, "fields": {}, "size": 40, "answer": ANSWER}, "verdicts": VERDICTS}},
}


@dataclass
class App:
    """A city whose persons also go to a REST platform, which tells the verdicts that a test gives it."""

    city: City
    site: Site
    receiver: Receiver
    verdicts: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, seen: Seen) -> Reply:
        """Take a page, or tell the verdicts."""
        return Reply({"items": self.verdicts}) if seen.path == "/verdicts" else self.receiver.answer(seen)

    def bring(self) -> Outcome:
        """Carry the source into the hub."""
        return carry.run(self.city.deployment, IN, whole=True)

    def deliver(self, **how: Any) -> Outcome:
        """Carry the hub to the platform and hear what it refused."""
        return carry.run(self.city.deployment, OUT, **how)

    def judge(self, number: str, key: str = ONE, batch: int | None = None) -> None:
        """Let the platform refuse a row that it has taken."""
        judged = "2026-11-24T13:00:00+08:00"
        told = {"no": number, "id": key, "batch": batch, "error": "E9", "message": "审核不通过", "judged": judged}
        self.verdicts.append(told)

    def pages(self) -> int:
        """Return how many pages were sent."""
        return sum(seen.method == "POST" for seen in self.site.seen)

    def entries(self) -> list[tuple[Any, ...]]:
        """Return rule and state of every entry of the route, oldest first."""
        return list(self.city.ask("select rule, state from gateway.quarantine where route = %s order by id", (OUT,)))

    def assert_whole(self) -> None:
        """Demand that the platform has what the hub has, row by row, and every receipt verifies."""
        held = {key: (item["name"], item["sex"], item["amount"]) for (key,), item in self.receiver.held.items()}
        assert held == {key: (name, sex, amount) for key, name, sex, amount, _ in self.city.hub_rows()}
        assert proof.verify(self.city.deployment).ok
        assert self.city.ask("select count(*) from gateway.delivery where confirmed_at is null") == [(0,)]


@pytest.fixture
def app(city: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """Yield the city with 100 persons in the hub and a platform that has none; no wait is slept."""
    monkeypatch.setattr(http_peer, "_sleep", lambda _: None)
    site = Site()
    monkeypatch.setenv("GATEWAY_CONN_APP", site.dsn())
    platform = Platform("app", "手机APP", "rest", "APP", "gaj", clearance="L4", options=OPTIONS)
    catalog = city.deployment.catalog
    out = Route(OUT, PERSON, platform, "delivery", "manual", catalog.terms["daily"])
    routes, platforms = {**catalog.routes, OUT: out}, {**catalog.platforms, "app": platform}
    city.deployment = replace(city.deployment, catalog=replace(catalog, routes=routes, platforms=platforms))
    found = App(city, site, Receiver(site))
    site.script = found.answer
    city.fill(100)
    found.bring()
    yield found
    site.close()


def test_changes_reach_the_platform_in_pages(app: App) -> None:
    """Everything first; then only what is new, changed or gone; then nothing, and the platform is asked for verdicts alone."""
    first = app.deliver()
    assert (first.inserted, app.pages()) == (100, 3)
    app.city.fill(2, start=1000)
    app.city.ask_source("update person set amount = 7, updated_at = now() where id = %s", (ONE,))
    app.city.ask_source("delete from person where id = 'P00000001'")
    app.bring()
    second = app.deliver()
    assert (second.inserted, second.updated, second.deleted, app.pages()) == (2, 1, 1, 4)
    assert (app.deliver().read, app.pages()) == (0, 4)
    app.assert_whole()


def test_reply_that_stays_lost_is_made_up_by_the_next_run(app: App) -> None:
    """The second page was taken, its answers never came; what changed in the hub meanwhile is neither lost nor doubled."""

    def lossy(seen: Seen) -> Reply:
        reply = app.answer(seen)
        return Reply(headers={"Content-Length": "100"}, send=lambda _: None) if app.pages() > 1 else reply

    app.site.script = lossy
    with pytest.raises(PlatformUnavailable):
        app.deliver()
    assert len(app.receiver.held) == 80
    app.site.script = app.answer
    app.city.ask_source("update person set amount = 7, updated_at = now() where id in ('P00000001', 'P00000099')")
    app.bring()
    app.deliver()
    app.assert_whole()


def test_page_in_the_middle_that_is_refused_stops_the_batch(app: App) -> None:
    """A code that nobody declared ends the run; when the platform is mended the same batch arrives whole."""
    app.site.script = lambda seen: Reply({"code": 7}) if app.pages() == 2 else app.answer(seen)
    with pytest.raises(SchemaMismatch, match="code 7"):
        app.deliver()
    assert len(app.receiver.held) == 40
    app.site.script = app.answer
    assert app.deliver().inserted == 100
    app.assert_whole()


def test_refused_row_waits_and_the_others_arrive(app: App) -> None:
    """It is in quarantine under the platform's code; mended at its source it goes, and the entry closes."""
    app.receiver.wrong = lambda item: "姓名含非法字符" if item["id"] == ONE else None
    outcome = app.deliver()
    assert (outcome.inserted, dict(outcome.rejects)) == (99, {"peer.E1": 1})
    assert app.entries() == [("peer.E1", "open")]
    app.receiver.wrong = lambda _: None
    app.city.ask_source("update person set amount = 9, updated_at = now() where id = %s", (ONE,))
    app.bring()
    assert app.deliver().inserted == 1
    assert app.entries() == [("peer.E1", "superseded")]
    app.assert_whole()


def test_verdict_that_comes_later_counts_once(app: App) -> None:
    """Told again at every run, it is one entry; one on a row or a batch that nobody knows harms nothing."""
    app.deliver()
    app.judge("v1")
    app.judge("v1")
    assert dict(app.deliver().rejects) == {"peer.E9": 1}
    app.judge("v2", key="nobody")
    app.judge("v3", batch=999_999)
    assert app.deliver().rejected == 0
    assert app.entries() == [("peer.E9", "open")]
    assert app.city.ask("select verdict, state from gateway.verdict order by 1") == [
        ("v1", "entered"), ("v2", "unknown"), ("v3", "unknown"),
    ]  # fmt: skip


def test_verdict_that_names_two_batches_counts_once(app: App) -> None:
    """By number it names one, by moment another: the number decides, and the route goes on."""
    with_left = {**VERDICTS, "left": "sent"}
    peer = app.city.deployment.catalog.routes[OUT].peer
    write = peer.options["resources"][PERSON.name]["write"]
    options = {**OPTIONS, "resources": {PERSON.name: {"write": write, "verdicts": with_left}}}
    catalog = app.city.deployment.catalog
    route = replace(catalog.routes[OUT], peer=replace(peer, options=options))
    app.city.deployment = replace(app.city.deployment, catalog=replace(catalog, routes={**catalog.routes, OUT: route}))
    app.deliver()
    app.city.ask_source("update person set amount = 7, updated_at = now() where id = %s", (ONE,))
    app.bring()
    app.deliver()
    (first, _), (_, second) = app.city.ask("select number, left_at from gateway.delivery order by number")
    app.judge("v1", batch=first)
    app.judge("v2", key="P00000007", batch=first)
    for told in app.verdicts:
        told["sent"] = second.isoformat()
    assert dict(app.deliver().rejects) == {"peer.E9": 1}
    assert app.city.ask("select verdict, number, state from gateway.verdict order by 1") == [
        ("v1", first, "overtaken"), ("v2", first, "entered"),
    ]  # fmt: skip


def test_row_is_sent_again_alone(app: App) -> None:
    """A replay is a batch of one row with a key of its own."""
    app.deliver()
    app.judge("v1")
    app.deliver()
    ((entry,),) = app.city.ask("select id from gateway.quarantine where state = 'open'")
    outcome = carry.replay(app.city.deployment, entry, who="tester", why="their map was mended")
    assert (outcome.read, outcome.updated) == (1, 1)
    assert app.entries() == [("peer.E9", "replayed")]


def test_platform_that_shows_nothing_cannot_be_compared(app: App) -> None:
    """Reconciliation says so instead of passing."""
    app.deliver()
    assert reconcile.run(app.city.deployment, OUT).passed is None
