"""A key that never left the hub does not leave it as a deletion either."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gateway.exchange import carry
from gateway.exchange.outcome import Outcome
from gateway.ledger import decisions
from gateway.model import Platform, Route, Rule
from tests.integration.conftest import PERSON, City
from tests.integration.connectors.test_files import CSV

IN, OUT = "person_in", "person_files"
SECRET = "【机密】王"
WOMEN = Rule("PV-01", "values", {"field": "sex", "values": ["2"]}, "error", "只收女性", "women only", fields=("sex",))


@dataclass
class Outbox:
    """A city whose persons are also written as files."""

    city: City
    folder: Path

    def step(self) -> Outcome:
        """Bring what the source holds, and deliver it."""
        carry.run(self.city.deployment, IN, whole=True)
        return carry.run(self.city.deployment, OUT)

    def set(self, key: str, name: str = "王", sex: int = 2) -> None:
        """Insert or change a row at the source."""
        self.city.ask_source(
            "insert into person values (%s, %s, %s, 1, now()) on conflict (id) do update "
            "set name = excluded.name, sex = excluded.sex, amount = person.amount + 1, updated_at = now()",
            (key, name, sex),
        )

    def drop(self, key: str) -> None:
        """Delete a row at the source."""
        self.city.ask_source("delete from person where id = %s", (key,))

    def told(self, key: str) -> str:
        """Return the operations that were told of a key, in their order."""
        found = []
        for path in sorted(self.folder.glob("*.csv")):
            with path.open(newline="", encoding="utf-8") as file:
                found += [row["operation"] for row in csv.DictReader(file) if row["id"] == key]
        return "".join(found)


@pytest.fixture
def outbox(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outbox:
    """Return a city with one innocent row, and an empty folder."""
    folder = tmp_path / "out"
    folder.mkdir()
    monkeypatch.setenv("GATEWAY_CONN_FILES", f"file://{folder}")
    peer = Platform(
        "files", "文件", "files", "FILES", "gaj", clearance="L4", options={"resources": {PERSON.name: {"format": CSV}}}
    )
    here = city.deployment.catalog
    out = Route(OUT, PERSON, peer, "delivery", "manual", here.terms["daily"], preflight=(WOMEN,))
    routes, platforms = {**here.routes, OUT: out}, {**here.platforms, "files": peer}
    city.deployment = replace(city.deployment, catalog=replace(here, routes=routes, platforms=platforms))
    found = Outbox(city, folder)
    found.set("A")
    return found


def stop(outbox: Outbox, key: str) -> None:
    """Change a row into one that must not leave."""
    outbox.set(key, SECRET)


STORIES: list[tuple[str, list[Callable[[Outbox], None]], str]] = [
    ("stopped from the first delivery on", [lambda o: stop(o, "K"), lambda o: o.drop("K")], ""),
    ("came later and was stopped", [lambda o: o.set("B"), lambda o: stop(o, "K"), lambda o: o.drop("K")], ""),
    ("stopped by the target's own rule", [lambda o: o.set("B"), lambda o: o.set("K", sex=1), lambda o: o.drop("K")], ""),
    ("every version was stopped", [lambda o: stop(o, "K"), lambda o: stop(o, "K"), lambda o: o.drop("K")], ""),
    ("left, then was stopped", [lambda o: o.set("K"), lambda o: stop(o, "K"), lambda o: o.drop("K")], "UD"),
    ("was stopped, then left", [lambda o: stop(o, "K"), lambda o: o.set("K"), lambda o: o.drop("K")], "UD"),
    ("was stopped, left, was stopped again",
     [lambda o: stop(o, "K"), lambda o: o.set("K"), lambda o: stop(o, "K"), lambda o: o.drop("K")], "UD"),
    ("came again after it was told, and was stopped",
     [lambda o: o.set("K"), lambda o: o.drop("K"), lambda o: stop(o, "K"), lambda o: o.drop("K")], "UDD"),
    ("came again and left after it was stopped",
     [lambda o: stop(o, "K"), lambda o: o.drop("K"), lambda o: o.set("K"), lambda o: o.drop("K")], "UD"),
    ("came again and was stopped again",
     [lambda o: stop(o, "K"), lambda o: o.drop("K"), lambda o: stop(o, "K"), lambda o: o.drop("K")], ""),
    ("just came and went", [lambda o: o.set("K"), lambda o: o.drop("K")], "UD"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "told"), [s[1:] for s in STORIES], ids=[s[0] for s in STORIES])
def test_only_a_key_that_left_is_told_to_be_gone(
    outbox: Outbox, steps: list[Callable[[Outbox], None]], told: str
) -> None:
    """Whatever happened to a row, its deletion is told when some version of it was, and never when none was."""
    for step in steps:
        step(outbox)
        outbox.step()
    assert (outbox.told("K"), outbox.told("A")) == (told, "U")


def test_a_key_that_came_and_went_between_two_deliveries_is_not_told(outbox: Outbox) -> None:
    """The target never saw it; one that it has seen is told."""
    outbox.set("L")
    outbox.step()
    outbox.set("K")
    carry.run(outbox.city.deployment, IN, whole=True)
    outbox.drop("K")
    outbox.drop("L")
    assert outbox.step().deleted == 1
    assert (outbox.told("K"), outbox.told("L")) == ("", "UD")


def test_a_lost_confirmation_changes_nothing(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What left and was not confirmed counts as told; what was stopped in that delivery still does not."""
    outbox.step()
    outbox.set("L")
    stop(outbox, "K")
    carry.run(outbox.city.deployment, IN, whole=True)
    with monkeypatch.context() as patch:
        patch.setenv("GATEWAY_FAILPOINT", "commit=raise")
        with pytest.raises(RuntimeError):
            carry.run(outbox.city.deployment, OUT)
    outbox.drop("K")
    outbox.drop("L")
    outbox.step()
    assert (outbox.told("K"), outbox.told("L")) == ("", "UD")


def test_everything_sent_again_tells_no_more(outbox: Outbox) -> None:
    """A delivery of everything, with what is gone, keeps silent about what never left."""
    stop(outbox, "K")
    outbox.set("L")
    outbox.step()
    outbox.drop("K")
    outbox.drop("L")
    outbox.step()
    decisions.backfill(outbox.city.deployment, OUT, since=None, who="tester", why="their disk was restored")
    outbox.step()
    assert (outbox.told("K"), outbox.told("L")) == ("", "UDD")


def test_rows_from_before_are_told_as_ever(outbox: Outbox) -> None:
    """A hub that did not note yet when its keys came holds them to be told."""
    outbox.set("L")
    outbox.step()
    outbox.city.ask("update hub.test_person set gw_since = null")
    outbox.drop("L")
    outbox.step()
    assert outbox.told("L") == "UD"


def test_a_rule_that_is_lifted_lets_the_key_be_known(outbox: Outbox) -> None:
    """Sent at last by a delivery of everything, and told when it is gone."""
    outbox.set("K", sex=1)
    outbox.step()
    here = outbox.city.deployment.catalog
    routes = {**here.routes, OUT: replace(here.routes[OUT], preflight=())}
    outbox.city.deployment = replace(outbox.city.deployment, catalog=replace(here, routes=routes))
    decisions.backfill(outbox.city.deployment, OUT, since=None, who="tester", why="PV-01 was lifted")
    outbox.step()
    outbox.drop("K")
    outbox.step()
    assert outbox.told("K") == "UD"
    assert outbox.city.ask("select count(*) from gateway.unsent") == [(0,)]
