"""The Dockerfile keeps its promises, read by a parser and by a linter; no engine is needed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = ROOT / "docker" / "Dockerfile"


@cache
def steps() -> list[tuple[int, str, str]]:
    """Return stage number, instruction and value of every line of the Dockerfile."""
    stage, found = -1, []
    for step in DockerfileParser(path=str(DOCKERFILE)).structure:
        stage += step["instruction"] == "FROM"
        found.append((stage, step["instruction"], step["value"]))
    return found


def values(instruction: str) -> list[str]:
    """Return what all instructions of a kind say."""
    return [value for _, name, value in steps() if name == instruction]


def copied() -> list[str]:
    """Return every path that is copied from the repository."""
    own = [v for v in values("COPY") if not v.startswith("--from=")]
    return sorted({path for value in own for path in value.split()[:-1]})


def ignored(path: str) -> bool:
    """Tell whether .dockerignore keeps a path out: the last line that matches it or a folder above it decides."""
    verdict = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if not line or line.startswith("#"):
            continue
        above = [path, *map(str, Path(path).parents)]
        if any(fnmatch(p, pattern) or (pattern.startswith("**/") and fnmatch(p, pattern[3:])) for p in above):
            verdict = not line.startswith("!")
    return verdict


def test_the_linter_finds_nothing() -> None:
    """Hadolint, with the shell checks it carries, has no complaint."""
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint is not None
    done = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_nobody_special() -> None:
    """The last user of the last stage is a number other than root's."""
    last = max(stage for stage, _, _ in steps())
    users = [value for stage, name, value in steps() if stage == last and name == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_both_stages_start_from_the_slim_python() -> None:
    """What is installed in one stage runs in the other."""
    assert values("FROM") == ["${BASE} AS build", "${BASE}"]
    assert "BASE=python:3.11-slim-bookworm" in values("ARG")


def test_nothing_is_fetched_by_the_build_but_locked_packages() -> None:
    """No ADD, no download tool: packages come through pip, with hashes or from no index at all."""
    assert values("ADD") == []
    run = " && ".join(values("RUN"))
    assert not re.search(r"\b(curl|wget|git|apt-get)\b|https?://", run)
    installs = [c for c in run.split("&&") if re.search(r"/pip .*\b(install|wheel)\b", c)]
    assert len(installs) == 4
    assert [i for i in installs if "--require-hashes" not in i and "--no-index" not in i] == []


@pytest.mark.parametrize("instruction", ["ENV", "ARG"])
def test_no_secret_is_baked_in(instruction: str) -> None:
    """What stands in ENV or ARG can be read by everybody who has the image."""
    assert [v for v in values(instruction) if re.search(r"(?i)password|secret|token|_key|dsn|conn|://", v)] == []


@pytest.mark.parametrize("path", copied())
def test_what_is_copied_exists_and_reaches_the_build(path: str) -> None:
    """A COPY whose source is missing or ignored would end the build."""
    assert (ROOT / path).exists()
    assert not ignored(path)


@pytest.mark.parametrize(
    "path",
    [
        "docker/secrets/hub_password",  # a deployment's secrets
        "docker/secrets/gateway/gateway_conn_pop",  # and its connections
        ".gateway/keys/sign-0001-aa",  # keys of a developer
        "catalog/.gateway/hub.dsn",  # the same in a folder that is copied
        ".git/config",  # history
        "gateway/__pycache__/pg.cpython-311.pyc",  # leftovers
        "sandbox/city.py",  # the stand-in city
        "tests/conftest.py",  # tests
        "build/demo/hub/password",  # what the demo leaves
    ],
)
def test_what_must_not_reach_the_build_is_ignored(path: str) -> None:
    """Nothing secret or foreign is sent to the engine."""
    assert ignored(path)


@pytest.mark.parametrize(
    ("words", "called"),
    [
        ("scheduler -v", "airflow scheduler -v"),  # a component
        ("celery worker", "airflow celery worker"),  # Airflow's command, not the program celery
        ("gateway check --offline", "gateway check --offline"),  # the gateway's command line
        ("airflow db check", "airflow db check"),  # Airflow's, written out
        ("prepare", "python /opt/gateway/docker/prepare.py"),  # what runs before all components
    ],
)
def test_the_entry_point_knows_its_words(tmp_path: Path, words: str, called: str) -> None:
    """Each first word starts the right program; here every program only says how it was called."""
    for name in ("airflow", "gateway", "python", "celery"):
        program = tmp_path / name
        program.write_text('#!/bin/sh\necho "${0##*/} $*"\n')
        program.chmod(0o755)
    command = ["/bin/sh", str(ROOT / "docker" / "entrypoint.sh"), *words.split()]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == called


def test_the_version_is_the_wheel_s() -> None:
    """The image's label tells the version that is in it."""
    version = re.search(r"^version = (\S+)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert version
    assert f"VERSION={version[1]}" in values("ARG")
