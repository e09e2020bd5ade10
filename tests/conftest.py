"""Shared by all tests: a deployment's folder that is never the developer's own."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point every test at its own folder and clear settings of the surrounding shell."""
    for name in ("GATEWAY_HUB_DSN", "GATEWAY_SECRETS", "GATEWAY_NOW", "GATEWAY_FAILPOINT", "GATEWAY_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GATEWAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GATEWAY_CATALOG", str(ROOT / "catalog"))
