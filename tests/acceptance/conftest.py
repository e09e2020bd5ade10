"""One real Airflow for the folder: the stand-in city, small, with the four components and both PostgreSQL servers.

The DAG files and pages are also read in this process, against an Airflow home of its own that no component uses.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.airflow import family, listening, listens, living
from sandbox.running import ROOT, RunningCity
from tests.conftest import folder_of_server

# Before anything imports Airflow: its home and its database must never be the developer's own.
_HOME = Path(tempfile.mkdtemp(prefix="gateway-airflow-"))
os.environ |= {
    "AIRFLOW_HOME": str(_HOME),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
    "AIRFLOW__API__BASE_URL": "https://exchange.example.invalid/airflow/",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
}
sys.path[:0] = [str(ROOT / "dags"), str(ROOT / "plugins")]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what Airflow's dependencies say of each other is theirs to mend
    import airflow.api_fastapi.app  # noqa: F401


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the Airflow on Celery come and go before the one that the others share: two at a time would slow each other."""
    items.sort(key=lambda item: "test_celery" not in item.nodeid)


def pytest_unconfigure() -> None:
    """Remove this process's Airflow home."""
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="package")
def running() -> Iterator[RunningCity]:
    """Yield the running city; its routes start by hand, so that a test decides what happens."""
    folder = folder_of_server("acceptance")
    with RunningCity(folder) as city:
        yield city
        members = [process for pid in city.stack.pids() for process in family(pid)]
        ports = listening(members)
    assert city.stack.port in ports
    assert (living(members), [port for port in ports if listens(port)]) == ([], [])
    shutil.rmtree(folder, ignore_errors=True)
