"""The layout keeps its promises: no name is hijacked, the core stays below, nothing dynamic hides."""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
_AIRFLOWS = "airflow_local_settings"  # a name that Airflow itself asks for
PACKAGES = {"gateway", "connectors", "schemas", "backup"}


def _hijackers(root: Path) -> list[str]:
    """Return the DAG and plugin files and folders that would be imported in the place of a package."""
    found = [p for d in ("dags", "plugins") for p in (root / d).rglob("*") if p.stem in PACKAGES]
    found += [p for p in (root / "plugins").glob("*.py") if not p.stem.startswith(("gateway_", _AIRFLOWS))]
    return sorted({str(p.relative_to(root)) for p in found})


def test_no_entry_of_airflow_folders_hides_a_package() -> None:
    """A DAG or plugin named like a package would be imported in its place; Airflow registers plugins by bare stem."""
    assert _hijackers(ROOT) == []


@pytest.mark.parametrize("planted", ["plugins/backup.py", "dags/backup/x.py", "dags/schemas.py", "plugins/notices.py"])
def test_a_planted_hijacker_is_found(tmp_path: Path, planted: str) -> None:
    """The test above can fail: each of these is named."""
    (tmp_path / planted).parent.mkdir(parents=True)
    (tmp_path / planted).touch()
    assert planted.removesuffix("/x.py") in _hijackers(tmp_path)


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_name_is_ours(name: str) -> None:
    """No other installed distribution ships a package of ours."""
    assert set(packages_distributions().get(name, ["exchange-gateway"])) == {"exchange-gateway"}


def test_only_the_registry_imports_by_name() -> None:
    """The layers checker cannot see a dynamic import, so there is one place for it."""
    found = [p.name for p in (ROOT / "gateway").rglob("*.py") if "import_module(" in p.read_text(encoding="utf-8")]
    assert found == ["registry.py"]


def test_sqlalchemy_addresses_name_their_driver() -> None:
    """A bare postgresql:// means another driver to SQLAlchemy 2.1."""
    pattern = re.compile(r"create_engine\(\s*\"postgresql://")
    assert not [p for p in (ROOT / "gateway").rglob("*.py") if pattern.search(p.read_text(encoding="utf-8"))]
