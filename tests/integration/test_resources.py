"""The catalogue of resources: contracts that the standard accepts, tables that a spreadsheet reads, a page that hides nothing."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import open_data_contract_standard
import pytest
from jsonschema import Draft201909Validator
from open_data_contract_standard.model import OpenDataContractStandard

from gateway import catalog, contracts, resources
from gateway.model import Catalog

ROOT = Path(__file__).parent.parent.parent
STANDARD = json.loads((Path(open_data_contract_standard.__file__).parent / "schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def city() -> Catalog:
    """Return the city's catalog."""
    return catalog.load(ROOT / "catalog")


@pytest.fixture(scope="module")
def written(city: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the city's catalogue of resources."""
    folder = tmp_path_factory.mktemp("resources")
    assert resources.export(city, folder) == len(city.datasets)
    return folder


def test_every_written_contract_is_one_of_the_standard(city: Catalog, written: Path) -> None:
    """By the standard's own schema and model; and it is the same data set as before."""
    for name, dataset in city.datasets.items():
        path = written / "contracts" / f"{name}.odcs.yaml"
        document = json.loads(
            OpenDataContractStandard.from_file(str(path)).model_dump_json(exclude_none=True, by_alias=True)
        )
        assert [e.message for e in Draft201909Validator(STANDARD).iter_errors(document)] == []
        assert replace(contracts.load(path), path=None) == replace(dataset, path=None)


def test_a_contract_tells_owner_frequency_and_who_may_read(written: Path) -> None:
    """In the places that the standard has for them."""
    found = OpenDataContractStandard.from_file(str(written / "contracts" / "pop.person.odcs.yaml"))
    assert found.team.name == "市公安局"
    assert ("freshness", 1560) in {(p.property, p.value) for p in found.slaProperties}
    assert "人口库，每日 02:00" in {p.description for p in found.slaProperties}
    assert [(r.role, r.access) for r in found.roles] == [("approval_base", "read"), ("share", "read")]


def test_tables_have_a_row_a_data_set_and_a_row_a_field(city: Catalog, written: Path) -> None:
    """With a byte-order mark, so that a spreadsheet shows the Chinese."""
    tables = {name: (written / f"{name}.csv").read_bytes().decode("utf-8-sig") for name in ("datasets", "fields")}
    datasets, fields = (list(csv.DictReader(text.splitlines())) for text in tables.values())
    assert (written / "fields.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert [row["dataset"] for row in datasets] == sorted(city.datasets)
    assert len(fields) == sum(len(d.fields) for d in city.datasets.values())
    person = next(row for row in datasets if row["dataset"] == "pop.person")
    assert (person["from"], person["shared_with"], person["highest_class"]) == (
        "人口库",
        "行政审批系统基础库；市信息资源共享交换平台",
        "L4",
    )


def test_the_page_shows_every_field_and_no_markup_of_others(city: Catalog, tmp_path: Path) -> None:
    """A name from a contract is text."""
    dataset = replace(city.datasets["geo.division"], chinese="<script>区划</script>")
    resources.export(replace(city, datasets={dataset.name: dataset}), tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;区划" in page
    assert [f.name for f in dataset.fields if f"<code>{f.name}</code>" not in page] == []


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("* * * * *", "每分钟"),
        ("*/15 * * * *", "每 15 分钟"),
        ("5 2 * * *", "每日 02:05"),
        ("0 3 * * 0", "每周日 03:00"),
        ("0 3 * * 7", "每周日 03:00"),  # cron's other Sunday
        ("0 3 1 * *", "0 3 1 * *（北京时间）"),  # monthly: as it stands
        ("0 */2 * * *", "0 */2 * * *（北京时间）"),  # every second hour: as it stands
        ("after: case.accept", "case.accept 入库之后"),
        ("manual", "手动"),
    ],
)
def test_when_a_route_runs_is_told_in_words(city: Catalog, schedule: str, words: str) -> None:
    """The usual cron lines are read aloud."""
    assert resources.when(replace(city.routes["pop_person_in"], schedule=schedule)) == words


def test_coverage_counts_routes_both_ways(city: Catalog) -> None:
    """A platform that nothing uses stands out by its zeros."""
    found = {row["platform"]: (row["inbound"], row["outbound"]) for row in resources.coverage(city)}
    assert (found["pop"], found["app_guide"]) == ((1, 0), (0, 1))
    kept = {name: route for name, route in city.routes.items() if route.peer.platform != "web"}
    idle = {
        row["platform"]: (row["inbound"], row["outbound"]) for row in resources.coverage(replace(city, routes=kept))
    }
    assert idle["web"] == (0, 0)
