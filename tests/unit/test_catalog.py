"""A catalog: a good one loads, a wrong file is refused with place and remedy, a broken route leaves the others alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway import catalog
from gateway.errors import CatalogInvalid

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """Yield a copy of the city's catalog whose contracts can be found."""
    shutil.copytree(ROOT / "catalog", tmp_path / "catalog")
    shutil.copytree(ROOT / "schemas" / "contracts", tmp_path / "schemas" / "contracts")
    return tmp_path / "catalog"


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_citys_catalog_is_whole() -> None:
    """Every route of the shipped catalog loads."""
    found = catalog.load(ROOT / "catalog")
    assert (found.broken, len(found.routes)) == ({}, 11)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("routes/pop_person_in.yaml", "dataset: pop.person", "dataset: pop.persn", "2: dataset: there is no contract pop.persn"),  # misspelt
        ("routes/pop_person_in.yaml", "from: pop", "from: popp", "3: from: there is no platform popp"),  # unknown platform
        ("routes/pop_person_in.yaml", "mode: incremental", "mode: increment", "5: mode: increment is not one of"),  # unknown mode
        ("routes/pop_person_in.yaml", '"0 2 * * *"', '"0 2 * *"', "6: schedule: '0 2 * *' is not a schedule"),  # four cron fields
        ("routes/pop_person_in.yaml", "sla: base_library_daily", "sla: never", "8: sla: there is no SLA term never"),  # unknown term
        ("routes/geo_division_in.yaml", "mode: snapshot", "mode: incremental", "has no cursor"),  # a window needs a cursor
        ("routes/pop_person_in.yaml", "to: hub", "to: hub\ncolour: red", "colour"),  # unknown name
        ("../schemas/contracts/pop.person.odcs.yaml", "check: birth_matches, id: citizen_id", "check: birth_matches, id: citizen", "there is no field citizen"),  # a rule's field
        ("../schemas/contracts/pop.person.odcs.yaml", "value: cd_time", "value: cd_tim", "cd_tim is not a field"),  # a cursor's field
    ],
)  # fmt: skip
def test_a_wrong_route_or_contract_is_named_and_the_others_load(
    city: Path, file: str, old: str, new: str, words: str
) -> None:
    """File, line, field and what is wrong are told; ten routes are left."""
    _change(city / file, old, new)
    found = catalog.load(city)
    assert len(found.routes) == 10
    reason = next(iter(found.broken.values()))
    assert words in reason
    assert "HINT: " in reason


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("platforms/pop.yaml", "unit: gaj", "unit: gajj", "there is no unit gajj"),  # unknown unit
        (
            "platforms/pop.yaml",
            "options: {}",
            "options: {password: hunter2}",
            "a secret must not stand in the catalog",
        ),  # a secret
        ("platforms/pop.yaml", "connector: postgres", "connector: ../x", "connector"),  # not a module's name
        ("city.yaml", "city: 承德市", "town: 承德市", "city"),  # a missing name
        ("city.yaml", "city: 承德市", "city: [承德市", "city.yaml:"),  # not YAML
    ],
)
def test_a_wrong_city_file_refuses_the_catalog(city: Path, file: str, old: str, new: str, words: str) -> None:
    """What everything stands on must be right."""
    _change(city / file, old, new)
    with pytest.raises(CatalogInvalid, match="HINT") as error:
        catalog.load(city)
    assert words in str(error.value)


def test_another_city_needs_no_python(city: Path) -> None:
    """GATEWAY_CATALOG points to another folder and that is all."""
    _change(city / "city.yaml", "city: 承德市", "city: 唐山市")
    assert catalog.load(city).city == "唐山市"
