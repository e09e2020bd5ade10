"""The script that writes a deployment's secrets, and the databases that are made with them."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
import yaml
from cryptography.fernet import Fernet

from gateway.deployment import Deployment
from gateway.embedded import Server, pg_binary
from gateway.exchange import hub as hub_tables
from gateway.ledger import migrate
from gateway.security.crypto import Keys

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "docker" / "make-secrets.sh"


def make(folder: Path) -> None:
    """Write secrets owned by this user."""
    owner = f"{os.getuid()}:{os.getgid()}"
    command = ["/bin/sh", str(SCRIPT), str(folder)]
    subprocess.run(command, env={**os.environ, "GATEWAY_USER": owner}, check=True, capture_output=True)


def read(folder: Path) -> dict[str, str]:
    """Return what every file below a folder says."""
    return {str(p.relative_to(folder)): p.read_text().strip() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of fresh secrets."""
    folder = tmp_path_factory.mktemp("deployment") / "secrets"
    make(folder)
    return folder


def test_every_file_that_compose_wants_is_written(secrets: Path) -> None:
    """Compose starts with what the script wrote."""
    compose = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
    wanted = {s["file"].removeprefix("secrets/") for s in compose["secrets"].values()}
    assert wanted <= read(secrets).keys()
    assert "gateway/gateway_hub_dsn" in read(secrets)


def test_only_the_owner_can_read(secrets: Path) -> None:
    """Files are 0600 and folders 0700, whatever the umask was."""
    modes = {stat.S_IMODE(p.stat().st_mode) for p in [secrets, *secrets.rglob("*")] if p.is_dir()}
    assert modes == {0o700}
    assert {stat.S_IMODE(p.stat().st_mode) for p in secrets.rglob("*") if p.is_file()} == {0o600}


def test_secrets_differ_and_are_long(secrets: Path, tmp_path: Path) -> None:
    """No two are alike, nor are two deployments'; each has 256 random bits."""
    names = [n for n in read(secrets) if n.endswith(("password", "_secret"))]
    make(tmp_path / "other")
    found = [read(folder)[name] for folder in (secrets, tmp_path / "other") for name in names]
    assert len(set(found)) == 2 * len(names)
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in found)
    Fernet(read(secrets)["airflow_fernet_key"])


def test_a_second_call_changes_nothing(secrets: Path) -> None:
    """A deployment keeps its passwords."""
    before = read(secrets)
    make(secrets)
    assert read(secrets) == before


@pytest.fixture(scope="module")
def server(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server on which the image's script made the databases."""
    with Server(tmp_path_factory.mktemp("server") / "postgres") as server:
        command = [str(pg_binary("psql")), "-X", "-v", "ON_ERROR_STOP=1", "-d", server.dsn()]
        subprocess.run(
            [*command, "-f", str(ROOT / "docker" / "databases.sql")],
            env={**os.environ, "SECRETS": str(secrets)}, check=True, capture_output=True,
        )  # fmt: skip
        yield server


def at(server: Server, address: str) -> str:
    """Return a secret's address with the server's place in the compose file's stead."""
    parts = urlsplit(address.replace("+psycopg2", ""))
    return server.dsn(parts.path[1:], parts.username or "", parts.password)


def test_both_accounts_reach_their_own_database(server: Server, secrets: Path) -> None:
    """The addresses that the script wrote open the databases that the script made."""
    for name, account in (("gateway/gateway_hub_dsn", "gateway"), ("airflow_database", "airflow")):
        with psycopg2.connect(at(server, read(secrets)[name])) as connection, connection.cursor() as cursor:
            cursor.execute("select current_user::text, current_database()::text")
            assert cursor.fetchone() == (account, account)
        connection.close()


@pytest.mark.parametrize(
    ("account", "database"),
    [
        ("airflow", "gateway"),  # Airflow's account must not see the city's data
        ("gateway", "airflow"),  # nor the gateway Airflow's sessions and passwords
    ],
)
def test_no_account_reaches_the_other_s_database(server: Server, secrets: Path, account: str, database: str) -> None:
    """A leaked password opens one database only."""
    password = read(secrets)["hub_password" if account == "gateway" else "airflow_password"]
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(server.dsn(database, account, password))


def test_the_gateway_s_account_can_make_its_ledger(
    server: Server, secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's account is no superuser, and yet makes roles, ledger and hub tables and acts as the load role."""
    dsn = at(server, read(secrets)["gateway/gateway_hub_dsn"])
    monkeypatch.setenv("GATEWAY_HUB_DSN", dsn)
    Keys.create(tmp_path / "home" / "keys")
    migrate.upgrade(dsn)
    deployment = Deployment.open()
    hub_tables.prepare(deployment)
    connection = deployment.hub()
    with connection, connection.cursor() as cursor:
        cursor.execute("select current_user::text, rolsuper from pg_roles where rolname = session_user")
        assert cursor.fetchone() == ("gateway_load", False)
    connection.close()
