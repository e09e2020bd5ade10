"""The compose file keeps its promises: valid, hardened, without a secret, closed to the outside but for one port."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
COMPOSE = ROOT / "docker" / "compose.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
EXCHANGE = {"prepare", "api-server", "worker"}  # what touches the city's data


def test_the_file_follows_the_compose_specification() -> None:
    """The specification's own JSON Schema, as its package ships it, accepts the file."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.system
@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ({"GATEWAY_BASE_URL": "https://exchange.example.org"}, 0),  # complete
        ({}, 1),  # the one setting without a default is missing
    ],
)
def test_the_client_reads_the_file(tmp_path: Path, address: dict[str, str], answer: int) -> None:
    """Compose itself resolves it, without an engine, and refuses to guess the public address.

    Debian's client is older than two words of the specification, which its copy is spared.
    """
    text = re.sub(r"(?m)^name: .*$|^ *bind: \{create_host_path: .*$", "", COMPOSE.read_text(encoding="utf-8"))
    (tmp_path / "compose.yaml").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "docker" / "airflow.env", tmp_path)
    environment = {**os.environ, **address}
    command = ["docker-compose", "--file", str(tmp_path / "compose.yaml"), "config"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == answer, done.stderr
    if address:
        assert yaml.safe_load(done.stdout)["services"].keys() == SERVICES.keys()
    else:
        assert "set the address users see" in done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_no_more_than_it_must(name: str) -> None:
    """No root, no capability, no new privilege, no writing outside its volumes, and a limit to what it takes."""
    service = SERVICES[name]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["read_only"] is True
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert not service.keys() & {"privileged", "cap_add", "pid", "network_mode", "devices"}


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"prepare"}))
def test_a_service_is_kept_alive_and_watched(name: str) -> None:
    """Every service that stays is started again and examined; the api-server by the image's own check."""
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert name == "api-server" or SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


def test_only_the_api_server_is_published_and_only_on_loopback() -> None:
    """A proxy with a certificate stands in front of it; nothing else has a port outside."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["api-server"]
    assert [p for p in published["api-server"] if not p.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("name", ["postgres", "redis", "scheduler", "dag-processor", "triggerer"])
def test_what_talks_to_no_platform_has_no_way_out(name: str) -> None:
    """They are on the internal network alone."""
    assert SERVICES[name]["networks"] == ["data"]
    assert DOCUMENT["networks"]["data"] == {"internal": True}


def test_only_what_exchanges_holds_keys_and_connections() -> None:
    """The scheduler decides when; it can neither read the city's data nor sign for it."""
    holders = {
        name: {v if isinstance(v, str) else v["source"] for v in service.get("volumes", [])}
        for name, service in SERVICES.items()
    }
    assert {name for name, held in holders.items() if "gateway:/var/lib/gateway" in held} == EXCHANGE
    assert {name for name, held in holders.items() if "secrets/gateway" in held} == EXCHANGE


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_the_file(name: str) -> None:
    """Every setting that is a secret is the path of a file, or a command that reads one."""
    environment = SERVICES[name].get("environment", {})
    secret = {k for k in environment if re.search(r"PASSWORD|SECRET|KEY|CONN|BROKER_URL|DSN", k)}
    plain = {k for k in secret if not k.endswith(("_CMD", "_FILE")) and k != "GATEWAY_SECRETS"}
    assert plain == set()
    assert [
        v
        for k, v in environment.items()
        if k.endswith("_CMD") and not re.fullmatch(r"xargs -a /run/secrets/\w+ echo -n", v)
    ] == []
    assert "@" not in str(environment)


def test_every_secret_that_is_read_is_given() -> None:
    """A service's settings name only the secrets that are mounted for it."""
    for service in SERVICES.values():
        named = set(re.findall(r"/run/secrets/([\w.]+)", str(service)))
        assert named <= set(service.get("secrets", []))
    assert set(DOCUMENT["secrets"]) == {s for service in SERVICES.values() for s in service.get("secrets", [])}


def test_the_components_wait_for_the_preparation() -> None:
    """Nothing of Airflow starts on tables of another version."""
    parts = SERVICES.keys() - {"postgres", "redis", "prepare"}
    waits = {name: SERVICES[name]["depends_on"] for name in parts}
    assert {name: list(w) for name, w in waits.items()} == {name: ["prepare"] for name in parts}
    assert {w["prepare"]["condition"] for w in waits.values()} == {"service_completed_successfully"}


def test_the_public_address_must_be_given() -> None:
    """There is no default that would send people to a wrong address."""
    assert SERVICES["api-server"]["environment"]["AIRFLOW__API__BASE_URL"].startswith("${GATEWAY_BASE_URL:?")


def test_there_are_two_workers() -> None:
    """One may fall out."""
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
