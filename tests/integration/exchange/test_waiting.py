"""Rows that refer to what has not come yet: they wait, land when it comes, and are forgotten when the source drops them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from gateway import registry
from gateway.exchange import hub as hub_tables
from gateway.exchange import quarantine, reconcile, transfer
from gateway.model import Dataset, Field, Rule
from tests.integration.conftest import City
from tests.integration.exchange.lines import Lines, person

GROUP = Dataset(
    name="test.group", chinese="组", version="1.0.0", table="grp", owner="gaj", key=("name",), rules=(),
    fields=(Field("name", "varchar(20)", required=True, classification="L2", limits={"maxLength": 20}),),
)  # fmt: skip
RULE = Rule("T-W", "exists", {"fields": ["name"], "in": "test.group", "wait_hours": 24}, fields=("name",))


@dataclass
class Waiting:
    """A city whose persons must name a known group, and its source as its owner sees it."""

    city: City
    add: Callable[[int, str], None]
    remove: Callable[[int], None]

    def run(self, *, whole: bool = False) -> transfer.Outcome:
        """Run the route."""
        return transfer.run(self.city.deployment, "person_in", whole=whole)

    def group_comes(self, name: str) -> None:
        """Let the other data set bring a group."""
        hub_tables.ensure_partition(self.city.hub, GROUP, "pop")
        self.city.ask("insert into hub.test_group (name, gw_source, gw_batch) values (%s, 'pop', 1)", (name,))

    def states(self) -> list[str]:
        """Return the states of quarantine, sorted."""
        return sorted(row["state"] for row in quarantine.list_rows(self.city.hub))

    def landed(self) -> list[str]:
        """Return the names in the hub."""
        return [row[1] for row in self.city.hub_rows()]


@pytest.fixture(params=["typed", "untyped"])
def waiting(request: pytest.FixtureRequest, city: City, monkeypatch: pytest.MonkeyPatch) -> Waiting:
    """Return the city in front of PostgreSQL and in front of a platform that sends text."""
    catalog = city.deployment.catalog
    dataset = replace(catalog.datasets["test.person"], rules=(RULE,))
    route = replace(catalog.routes["person_in"], dataset=dataset)
    changed = replace(catalog, datasets={dataset.name: dataset, GROUP.name: GROUP}, routes={route.route: route})
    referring = replace(city, deployment=replace(city.deployment, catalog=changed))
    hub_tables.prepare(referring.deployment)
    if request.param == "typed":
        statement = "insert into person values (%s, %s, 1, 1, now() - interval '1 hour')"
        return Waiting(
            referring,
            lambda number, name: city.ask_source(statement, (f"P{number:08d}", name)),
            lambda number: city.ask_source("delete from person where id = %s", (f"P{number:08d}",)),
        )
    lines = Lines()
    monkeypatch.setattr(registry, "source", lambda *_: lines)

    def remove(number: int) -> None:
        lines.records = [record for record in lines.records if record[0] != f"P{number:08d}"]

    return Waiting(referring, lambda number, name: lines.records.append(person(number, name=name)), remove)


@pytest.mark.parametrize("whole", [False, True], ids=["window", "comparison"])
def test_row_lands_when_what_it_refers_to_has_come(waiting: Waiting, whole: bool) -> None:
    """Until then it waits, is judged anew by each run, and both sides reconcile."""
    waiting.group_comes("known")
    waiting.add(1, "known")
    waiting.add(2, "later")
    assert (waiting.run().waiting, waiting.landed(), waiting.states()) == (1, ["known"], ["waiting"])
    again = waiting.run(whole=whole)
    assert (again.inserted, again.updated, again.deleted, waiting.states()) == (0, 0, 0, ["waiting"])
    assert reconcile.run(waiting.city.deployment, "person_in").passed
    waiting.group_comes("later")
    assert waiting.run(whole=whole).inserted == 1
    assert (waiting.landed(), waiting.states()) == (["known", "later"], ["replayed"])
    assert reconcile.run(waiting.city.deployment, "person_in").passed


def test_row_that_waits_and_is_read_again_is_one_row(waiting: Waiting) -> None:
    """A window that goes back far enough brings it once more: it is counted once, and lands without a duplicate."""
    waiting.group_comes("known")
    waiting.add(1, "known")
    waiting.add(2, "later")
    waiting.city.ask_source("update person set updated_at = now()")
    waiting.run()
    assert (waiting.run().waiting, waiting.states()) == (1, ["waiting"])
    waiting.group_comes("later")
    assert (waiting.run().inserted, waiting.landed(), waiting.states()) == (1, ["known", "later"], ["replayed"])


def test_row_that_waited_too_long_is_somebodys_work(waiting: Waiting) -> None:
    """After its time it no longer waits: the owner has to look."""
    waiting.group_comes("known")
    waiting.add(1, "known")
    waiting.add(2, "never")
    waiting.run()
    waiting.city.ask("update gateway.quarantine set wait_until = now() - interval '1 minute'")
    waiting.run()
    assert waiting.states() == ["open"]


def test_waiting_row_that_the_source_dropped_is_gone(waiting: Waiting) -> None:
    """A comparison does not land what the source no longer holds, even when what it waited for has come."""
    waiting.group_comes("known")
    waiting.add(1, "known")
    waiting.add(2, "later")
    waiting.run()
    waiting.remove(2)
    waiting.group_comes("later")
    waiting.run(whole=True)
    assert (waiting.landed(), waiting.states()) == (["known"], ["gone"])
    assert reconcile.run(waiting.city.deployment, "person_in").passed
