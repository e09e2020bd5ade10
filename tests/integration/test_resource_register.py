"""What the gateway keeps of its own data sets for the catalogue of resources: a version a change, none of what is not exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from gateway import catalog, contracts
from gateway import resources as exported
from gateway.embedded import Server
from gateway.exchange import hub as hub_tables
from gateway.exchange import rules
from gateway.ledger import migrate, resources
from gateway.model import Catalog, Route
from sandbox import identity
from tests.days import today

ROOT = Path(__file__).parents[2]
CONTRACT = contracts.load(ROOT / "schemas" / "contracts" / "resource.catalogue.odcs.yaml")
REGISTER = "org.org"
UNIT = "insert into hub.org_org (org_code, org_cc_code, org_name, org_status, gw_source, gw_batch) values (%s, %s, %s, %s, 'a', 1)"
POLICE, OTHER = (identity.uscc("11", "130800", identity.organisation_code(n, "MB")) for n in (1, 2))


@pytest.fixture(scope="module")
def city() -> Catalog:
    """Return the city's catalog."""
    return catalog.load(ROOT / "catalog")


@pytest.fixture
def hub(servers: tuple[Server, Server], city: Catalog, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Yield a hub with a register of organisations that knows nobody yet."""
    name = f"resources_{abs(hash(request.node.name)) % 10**9}"
    servers[0].create_database(name)
    migrate.upgrade(servers[0].dsn(name))
    connection = psycopg2.connect(servers[0].dsn(name))
    connection.autocommit = True
    hub_tables.ensure_table(connection, city.datasets[REGISTER])
    hub_tables.ensure_partition(connection, city.datasets[REGISTER], "a")
    yield connection
    connection.close()


def ask(hub: Any, query: str, values: Any = None) -> list[tuple[Any, ...]]:
    """Return what the hub answers."""
    with hub.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall()) if cursor.description else []


def enter(hub: Any, city: Catalog) -> None:
    """Bring the register to a catalog, with no more rights than every run has."""
    ask(hub, "set role gateway_load")
    resources.enter(hub, city)
    ask(hub, "reset role")


def versions(hub: Any, dataset: str) -> list[int]:
    """Return the versions of a data set that are told."""
    return [v for (v,) in ask(hub, "select version from gateway.resource_catalogue where dataset = %s order by 1", (dataset,))]  # fmt: skip


def test_a_row_says_what_the_export_says_and_keeps_the_contract(hub: Any, city: Catalog) -> None:
    """Name, fields and owner of every data set that comes in, by the rules of the data set that they become."""
    for unit in city.units.values():
        ask(hub, UNIT, (unit.unit, POLICE, f"承德市{unit.name.removeprefix('市')}", "1"))
    enter(hub, city)
    rows = ask(hub, f"select {', '.join(CONTRACT.columns)} from gateway.resource_catalogue")
    told = {row[4]: dict(zip(CONTRACT.columns, row, strict=True)) for row in rows}
    wanted = {r.dataset.name: r for r in exported.resources(city) if r.sources}
    assert told.keys() == wanted.keys()
    judge = rules.judge(CONTRACT, today())
    for name, row in told.items():
        fields = "、".join(f.chinese for f in wanted[name].dataset.fields)
        assert (row["name"], row["fields"], row["version"]) == (wanted[name].dataset.chinese, fields, 1)
        assert judge(row | {"updated_at": f"{row['updated_at']:%Y-%m-%d %H:%M:%S}"}) is None
    assert (told["geo.division"]["sharing"], told["geo.division"]["sharing_terms"]) == ("1", None)
    assert told["pop.person"]["sharing"] == "2"
    assert "L4" in told["pop.person"]["sharing_terms"]


def test_only_what_changed_gets_a_version_more(hub: Any, city: Catalog) -> None:
    """The same catalog twice is one version; another field is another version of that data set, the one before stays."""
    ask(hub, UNIT, ("1", POLICE, "承德市公安局", "1"))
    enter(hub, city)
    enter(hub, city)
    assert versions(hub, "pop.person") == [1]
    dataset = city.datasets["pop.person"]
    enter(hub, replace(city, datasets={**city.datasets, dataset.name: replace(dataset, fields=dataset.fields[:-1])}))  # fmt: skip
    assert versions(hub, "pop.person") == [1, 2]
    assert {v for (v,) in ask(hub, "select max(version) from gateway.resource group by dataset")} == {1, 2}
    enter(hub, city)  # back as it was: the newest differs
    assert versions(hub, "pop.person") == [1, 2, 3]


def test_what_no_route_brings_is_withdrawn(hub: Any, city: Catalog) -> None:
    """With every version that it had; what is only delivered is none of ours to tell."""
    ask(hub, UNIT, ("1", POLICE, "市公安局", "1"))
    enter(hub, city)
    assert versions(hub, "pop.person") == [1]
    left = {n: r for n, r in city.routes.items() if r.dataset.name != "pop.person" or r.outbound}
    enter(hub, replace(city, routes=left))
    assert versions(hub, "pop.person") == []


@pytest.mark.parametrize(
    "units",
    [
        [],  # nobody registered it yet
        [("1", POLICE, "承德市公安局", "2")],  # it was dissolved
        [("1", POLICE, "承德市公安局", "1"), ("2", OTHER, "市公安局", "1")],  # two live ones bear its names
    ],
)
def test_an_owner_that_the_register_does_not_know_for_certain_tells_nothing(
    hub: Any, city: Catalog, units: list[tuple[str, str, str, str]]
) -> None:
    """No code is guessed; the row is there as soon as there is one."""
    for unit in units:
        ask(hub, UNIT, unit)
    enter(hub, city)
    assert versions(hub, "pop.person") == []
    ask(hub, "delete from hub.org_org")
    ask(hub, UNIT, ("3", OTHER, "承德市公安局", "1"))
    assert versions(hub, "pop.person") == [1]


def test_a_hub_without_a_register_tells_nothing(servers: tuple[Server, Server], city: Catalog) -> None:
    """A city that exchanges no organisations has an empty view, not an error."""
    servers[0].create_database("resources_alone")
    migrate.upgrade(servers[0].dsn("resources_alone"))
    connection = psycopg2.connect(servers[0].dsn("resources_alone"))
    connection.autocommit = True
    enter(connection, city)
    assert ask(connection, "select dataset from gateway.resource_catalogue") == []
    assert len(ask(connection, "select dataset from gateway.resource")) > 30
    connection.close()


@pytest.mark.parametrize(
    ("schedule", "code"),
    [
        ("* * * * *", "1"), ("20 * * * *", "1"), ("0 2 * * *", "2"), ("0 3 * * 1", "3"), ("0 3 1 * *", "4"), ("0 3 1 1,4,7,10 *", "5"),
        ("0 3 1 1 *", "6"), ("manual", "9"), ("after: pop.person", "2"), ("after: legal.nothing", "9"),
    ],
)  # fmt: skip
def test_a_schedule_is_a_frequency(city: Catalog, schedule: str, code: str) -> None:
    """By the time between two strikes; what follows a data set is as frequent as what brings that."""
    route: Route = replace(city.routes["legal_market_entity_in"], schedule=schedule)
    assert resources.frequency(route, city) == code
