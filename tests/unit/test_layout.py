"""The layout keeps its promises: no name is hijacked, the core stays below, nothing dynamic hides."""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = {"gateway", "connectors", "schemas", "backup"}


def test_no_entry_of_airflow_folders_bears_a_package_name() -> None:
    """A DAG or plugin named like a package would be imported in its place."""
    assert not {p.stem for d in ("dags", "plugins") for p in (ROOT / d).rglob("*")} & PACKAGES


def test_plugin_files_are_prefixed() -> None:
    """Airflow puts a plugin file in sys.modules under its bare stem."""
    assert all(p.stem.startswith("gateway_") for p in (ROOT / "plugins").glob("*.py"))


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
