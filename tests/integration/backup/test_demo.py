"""What the demo shows of backups, on a small hub."""

from __future__ import annotations

from pathlib import Path

from gateway import catalog
from gateway.deployment import Deployment
from gateway.embedded import Server
from sandbox import drills
from tests.integration.conftest import City

ROOT = Path(__file__).parents[3]


def test_hub_and_self_built_system_are_proven_and_a_changed_copy_is_refused(
    city: City, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    """A line a plan, as build/demo.json has it."""
    known = drills.prepare(servers[1], tmp_path / "backups")
    deployment = Deployment(catalog.load(ROOT / "catalog"), city.deployment.hub_dsn, city.deployment.keys, known.get)
    lines = drills.Drills(deployment, tmp_path / "backups", lambda _: None).show()
    assert [line["plan"] for line in lines] == list(drills.SHOWN)
    for line in lines:
        assert line["proven"]
        assert line["tampered_copy_refused"]
        assert line["bytes"] > 0
        assert 0 < line["rto_s"] <= line["rpo_s"] + 1
