"""Airflow's components as processes: what a killed parent leaves does not outlive the next start.

That nothing outlives an ordinary stop is demanded where the running city of this folder is stopped.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.airflow import COMPONENTS, AirflowStack, family, listening, listens, living
from sandbox.running import ROOT

# What the demo does, as far as it matters here; the parent tells when its children serve.
PARENT = """
import sys, time
from pathlib import Path
from sandbox.airflow import AirflowStack, listens
from sandbox.waiting import until
stack = AirflowStack(Path(sys.argv[1]), sys.argv[2], {})
stack.start()
until(lambda: listens(stack.port), 180, "the api-server does not listen")
print(stack.port, *stack.pids(), flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a migrated database of its own."""
    folder = tmp_path_factory.mktemp("stack")
    (folder / "admin-password").write_text("-begins-like-an-option")
    AirflowStack(folder, database(folder), {}).prepare()
    return folder


def database(home: Path) -> str:
    """Return the address of the folder's database."""
    return f"sqlite:///{home}/airflow.db"


def test_the_administrator_is_made_whatever_the_password_begins_with(home: Path) -> None:
    """A random password begins with a dash once in 64 times."""
    with closing(sqlite3.connect(home / "airflow.db")) as airflow:
        assert airflow.execute("select username from ab_user").fetchall() == [("admin",)]


def test_what_a_killed_parent_left_is_stopped_by_the_next(home: Path) -> None:
    """The components outlive a parent that is killed; who starts next stops them first, and every port is free."""
    command = [sys.executable, "-c", PARENT, str(home), database(home)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        port, *pids = map(int, parent.stdout.readline().split())
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    left = [process for pid in pids for process in family(pid)]
    ports = listening(left)
    assert len(living(left)) > len(COMPONENTS)
    assert port in ports
    AirflowStack(home, database(home), {}).prepare()
    assert (living(left), [port for port in ports if listens(port)]) == ([], [])
