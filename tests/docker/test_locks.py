"""The image installs exactly what the tests ran with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LOCKS = ("requirements.lock", "docker/requirements.lock", "docker/build.lock")


def pins(lock: str) -> dict[str, str]:
    """Return version by package of a lock file."""
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_the_image_takes_the_tested_versions() -> None:
    """The image's lock is a part of the developers' lock, version by version."""
    image, tested = pins("docker/requirements.lock"), pins("requirements.lock")
    assert {name: tested.get(name) for name in image} == image


@pytest.mark.parametrize("name", ["pytest", "ruff", "mypy", "playwright", "hypothesis"])
def test_the_image_has_no_tools_of_development(name: str) -> None:
    """What is not needed to run is not there to be attacked."""
    assert name in pins("requirements.lock")
    assert name not in pins("docker/requirements.lock")


@pytest.mark.parametrize("name", ["celery", "redis", "apache-airflow", "psycopg2-binary"])
def test_the_image_can_run_celery(name: str) -> None:
    """The extra `celery` is part of the image."""
    assert name in pins("docker/requirements.lock")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes(lock: str) -> None:
    """A package that was changed on its way is refused."""
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert [e for e in entries if "--hash=sha256:" not in e] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_index(lock: str) -> None:
    """Where packages come from is the machine's business."""
    assert not re.search(r"://|--(extra-)?index-url|--find-links", (ROOT / lock).read_text())
