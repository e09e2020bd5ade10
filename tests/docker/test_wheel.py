"""The wheel and its lock alone run the gateway: a clean environment, outside the repository, as the image has it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.embedded import Server

ROOT = Path(__file__).parent.parent.parent
UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
PACKAGES = ("gateway", "connectors", "schemas", "backup")
ROUTES = {f"route__{path.stem}" for path in (ROOT / "catalog" / "routes").glob("*.yaml")}
pytestmark = [pytest.mark.system, pytest.mark.skipif(UV is None, reason="uv is not installed")]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of what the image copies: nothing else of the repository may find its way in."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([str(UV), "build", "--quiet", "--wheel", "-o", str(target), str(source)], check=True)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def deployed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the environment and the files that the image has, installed as the image installs them."""
    folder = tmp_path_factory.mktemp("deployed")
    python = folder / "venv" / "bin" / "python"
    subprocess.run([str(UV), "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], check=True)
    install = [str(UV), "pip", "install", "--quiet", "--python", str(python)]
    lock = ROOT / "docker" / "requirements.lock"
    subprocess.run([*install, "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(lock)], check=True)
    subprocess.run([*install, "--no-deps", str(wheel)], check=True)
    for name in ("catalog", "schemas/contracts", "dags", "plugins"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "docker" / "prepare.py", folder)
    return folder


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server with empty databases for hub and Airflow."""
    with Server(tmp_path_factory.mktemp("hub") / "postgres") as server:
        server.create_database("gateway")
        server.create_database("airflow")
        yield server


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    """Statements, templates and contracts too: what is missing would be missed only when it is asked for."""
    held = set(zipfile.ZipFile(wheel).namelist())
    files = (
        path
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    assert {path.relative_to(ROOT).as_posix() for path in files} - held == set()


@pytest.fixture(scope="module")
def run(deployed: Path, hub: Server) -> Run:
    """Return a function that runs a program of the environment with the image's settings, and nothing else's."""
    secrets = deployed / "secrets"
    secrets.mkdir()
    (secrets / "gateway_hub_dsn").write_text(hub.dsn("gateway"))
    (deployed / "admin").write_text("a long password of this test")
    (deployed / "airflow_database").write_text(f"{hub.dsn('airflow')}\n".replace("postgresql", "postgresql+psycopg2"))
    environment = {
        "PATH": f"{deployed / 'venv' / 'bin'}:/usr/bin:/bin",
        "HOME": str(deployed),
        "LANG": "C.UTF-8",
        "GATEWAY_HOME": str(deployed / "home"),
        "GATEWAY_CATALOG": str(deployed / "catalog"),
        "GATEWAY_SECRETS": str(secrets),
        "GATEWAY_ADMIN_PASSWORD_FILE": str(deployed / "admin"),
        "AIRFLOW_HOME": str(deployed / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(deployed / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(deployed / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": f"xargs -a {deployed / 'airflow_database'} echo -n",
        **_settings(ROOT / "docker" / "airflow.env"),
    }

    def call(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        program = str(deployed / "venv" / "bin" / words[0])
        return subprocess.run(
            [program, *words[1:]], env={**environment, **more}, cwd=deployed / "home", capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip

    (deployed / "home").mkdir()
    return call


def test_the_wheel_carries_every_file_of_its_packages(wheel: Path) -> None:
    """SQL, templates, contracts and schemas are in it, not Python alone."""
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    missing = set(listed.stdout.split()) - set(zipfile.ZipFile(wheel).namelist())
    assert missing == set()


def test_the_environment_is_consistent(deployed: Path, run: Run) -> None:
    """No package of the lock misses another or clashes with it, and the gateway comes from the wheel."""
    done = subprocess.run(
        [str(UV), "pip", "check", "--python", str(deployed / "venv" / "bin" / "python")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert run("python", "-c", "import gateway; print(gateway.__file__)").stdout.startswith(str(deployed / "venv"))


def test_the_command_line_teaches(run: Run) -> None:
    """`gateway --help` works where nothing is configured."""
    done = run("gateway", "--help")
    assert done.returncode == 0
    assert "quarantine" in done.stdout


def test_the_catalog_is_sound(run: Run) -> None:
    """Catalog and contracts that the image copies are whole."""
    done = run("gateway", "check", "--offline")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(ROUTES)} routes" in done.stdout


def test_a_new_deployment_can_be_made(run: Run, hub: Server, tmp_path: Path) -> None:
    """`gateway init` finds its templates and migrations in the wheel."""
    hub.create_database("fresh")
    done = run("gateway", "init", str(tmp_path), GATEWAY_HUB_DSN=hub.dsn("fresh"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "catalog" / "city.yaml").exists()


@pytest.fixture(scope="module")
def prepared(run: Run) -> subprocess.CompletedProcess[str]:
    """Return how the preparation of databases, pools and administrator went."""
    return run("python", "../prepare.py")


def test_the_preparation_makes_everything(prepared: subprocess.CompletedProcess[str], run: Run, deployed: Path) -> None:
    """Ledger, keys, Airflow's tables, a pool per platform and the administrator are there afterwards."""
    assert prepared.returncode == 0, prepared.stderr
    assert len(list((deployed / "home" / "keys").iterdir())) == 3
    assert "platform.pop" in {pool["pool"] for pool in _listed(run, "pools", "list")}
    assert [user["roles"] for user in _listed(run, "users", "list")] == [["Admin"]]


def test_the_preparation_may_be_repeated(prepared: subprocess.CompletedProcess[str], run: Run) -> None:
    """An upgrade runs it again: nothing is lost, and keys and password stay."""
    assert prepared.returncode == 0
    before = _listed(run, "users", "list"), run("gateway", "receipts", "list").stdout
    assert run("python", "../prepare.py").returncode == 0
    assert (_listed(run, "users", "list"), run("gateway", "receipts", "list").stdout) == before


def test_lost_keys_stop_the_preparation(prepared: subprocess.CompletedProcess[str], run: Run, tmp_path: Path) -> None:
    """New keys beside an old ledger would open no sealed row: the folder must be restored instead."""
    assert prepared.returncode == 0
    done = run("python", "../prepare.py", GATEWAY_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "lacks the keys" in done.stderr
    assert not (tmp_path / "keys").exists()


def test_airflow_parses_every_route(prepared: subprocess.CompletedProcess[str], run: Run) -> None:
    """The DAG files find all they import in the wheel and in their own folder."""
    assert prepared.returncode == 0
    assert run("airflow", "dags", "reserialize").returncode == 0
    assert {dag["dag_id"] for dag in _listed(run, "dags", "list")} >= ROUTES


def _settings(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def _listed(run: Run, *words: str) -> list[dict[str, Any]]:
    """Return what a listing command of Airflow prints as its last line; what it logs comes before."""
    done = run("airflow", *words, "--output", "json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found
