"""Secrets come from the environment or from files, and a file that cannot be read is said to be so."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import settings
from gateway.deployment import from_environment
from gateway.errors import SettingMissing


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty GATEWAY_SECRETS."""
    monkeypatch.setenv("GATEWAY_SECRETS", str(tmp_path))
    return tmp_path


def test_the_hub_is_read_from_a_file(folder: Path) -> None:
    """A file named like the setting holds it; the line's end is not part of it."""
    (folder / "gateway_hub_dsn").write_text("postgresql://hub/gateway\n")
    assert settings.hub_dsn() == "postgresql://hub/gateway"


@pytest.mark.parametrize("name", ["POP", "pop"])
def test_a_connection_is_read_from_a_file(folder: Path, name: str) -> None:
    """A platform's connection is found whatever case the catalog writes it in."""
    (folder / "gateway_conn_pop").write_text("postgresql://pop/pop\n")
    assert from_environment(name) == "postgresql://pop/pop"


def test_the_environment_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set for this process is meant for it."""
    (folder / "gateway_hub_dsn").write_text("postgresql://file/gateway")
    monkeypatch.setenv("GATEWAY_HUB_DSN", "postgresql://variable/gateway")
    assert settings.hub_dsn() == "postgresql://variable/gateway"


@pytest.mark.parametrize(
    "content",
    [
        None,  # no file
        "\n",  # a file that nobody has filled in
    ],
)
def test_nothing_is_not_a_connection(folder: Path, content: str | None) -> None:
    """A missing or empty file means: not configured."""
    if content is not None:
        (folder / "gateway_conn_pop").write_text(content)
    assert from_environment("POP") is None


def test_an_unreadable_file_is_named(folder: Path) -> None:
    """A secret that is there and cannot be read must not pass for one that is not configured."""
    (folder / "gateway_hub_dsn").mkdir()
    with pytest.raises(SettingMissing, match="unable to read gateway_hub_dsn"):
        settings.hub_dsn()
