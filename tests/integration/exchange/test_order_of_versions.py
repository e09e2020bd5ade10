"""A target never sees an older version of a row after a newer one, whatever is lost on the way and sent again."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from connectors import http_peer
from gateway.errors import PlatformUnavailable
from gateway.exchange import carry, proof
from gateway.model import Platform, Route
from tests.integration.conftest import PERSON, City
from tests.integration.connectors.receiver import ANSWER, WRITE, Receiver
from tests.integration.connectors.site import Reply, Seen, Site

ROWS = 8
ROUNDS = 8
OPTIONS = {
    "limits": {"seconds": 20},
    "resources": {PERSON.name: {"write": {**WRITE, "fields": {}, "size": 3, "answer": ANSWER}}},
}


@dataclass
class Walk:
    """A source whose rows carry a version that only grows, and a target that remembers every version it was given."""

    city: City
    site: Site
    receiver: Receiver
    chance: random.Random
    version: int = 0
    seen: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    gone: set[str] = field(default_factory=set)
    lost: int = 0

    def change(self) -> None:
        """Give some rows a new version, or make them anew."""
        for number in self.chance.sample(range(ROWS), self.chance.randint(1, ROWS)):
            self.version += 1
            self.city.ask_source(
                "insert into person values (%s, 'x', 1, %s, now()) on conflict (id) do update "
                "set amount = excluded.amount, updated_at = excluded.updated_at",
                (f"P{number}", self.version),
            )

    def remove(self) -> None:
        """Remove a row at the source; one has to be left, for an empty source waits for a person."""
        self.city.ask_source("delete from person where id = %s", (f"P{self.chance.randint(1, ROWS - 1)}",))

    def bring(self) -> None:
        """Carry the source into the hub."""
        carry.run(self.city.deployment, "person_in", whole=True)

    def deliver(self) -> None:
        """Carry the hub to the target."""
        self.site.script = self.take
        carry.run(self.city.deployment, "out")

    def deliver_and_lose(self) -> None:
        """Let the target fall silent at some page, which it takes or not; all of the rest is lost."""
        left, taken = self.chance.randint(0, 1), self.chance.random() < 0.5

        def answer(seen: Seen) -> Reply:
            nonlocal left, taken
            left -= 1
            if left >= 0:
                return self.take(seen)
            if taken:
                self.take(seen)
                taken = False
            return Reply(status=503)

        self.site.script = answer
        try:
            carry.run(self.city.deployment, "out")
        except PlatformUnavailable:
            self.lost += 1

    def take(self, seen: Seen) -> Reply:
        """Take a page, and note the version of each row in it that the target had not taken under that key."""
        if seen.headers["Idempotency-Key"] in self.receiver.keys:
            return self.receiver.answer(seen)
        answer = self.receiver.answer(seen)
        held = {key: int(Decimal(item["amount"])) for (key,), item in self.receiver.held.items()}
        for key, version in held.items():
            if key in self.gone or self.seen[key][-1:] != [version]:
                self.seen[key].append(version)
        self.gone = self.seen.keys() - held
        return answer

    def assert_in_order(self) -> None:
        """Demand that versions only grew, and that none came back after its deletion."""
        for key, versions in self.seen.items():
            assert versions == sorted(set(versions)), key


@pytest.fixture
def walk(city: City, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Walk]:
    """Yield an empty target, a source of a few rows, and chance that is the same at each run."""
    monkeypatch.setattr(http_peer, "_sleep", lambda _: None)
    with closing(Site()) as site:
        monkeypatch.setenv("GATEWAY_CONN_APP", site.dsn())
        app = Platform("app", "手机APP", "rest", "APP", "gaj", clearance="L4", options=OPTIONS)
        catalog = city.deployment.catalog
        out = Route("out", PERSON, app, "delivery", "manual", catalog.terms["daily"])
        routes, platforms = {**catalog.routes, "out": out}, {**catalog.platforms, "app": app}
        city.deployment = replace(city.deployment, catalog=replace(catalog, routes=routes, platforms=platforms))
        found = Walk(city, site, Receiver(site), random.Random(request.param))
        for _ in range(2):
            found.change()
        city.ask_source("insert into person values ('P0', 'x', 1, 0, now()) on conflict do nothing")
        yield found


@pytest.mark.parametrize("walk", [1, 2], indirect=True)
def test_versions_only_grow_at_the_target(walk: Walk) -> None:
    """Over changes, removals, deliveries and lost ones by chance, each row's versions arrive in their order."""
    steps = (
        (walk.change, 0.8),
        (walk.remove, 0.3),
        (walk.bring, 0.8),
        (walk.deliver_and_lose, 0.7),
        (walk.deliver, 0.3),
    )
    walk.bring()
    for _ in range(ROUNDS):
        for step, likely in steps:
            if walk.chance.random() < likely:
                step()
                walk.assert_in_order()
    walk.bring()
    walk.deliver()
    walk.assert_in_order()
    assert walk.lost > 2
    held = {key: Decimal(item["amount"]) for (key,), item in walk.receiver.held.items()}
    assert held == {key: amount for key, _, _, amount, _ in walk.city.hub_rows()}
    assert proof.verify(walk.city.deployment).ok
