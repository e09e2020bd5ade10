"""Bring a deployment to this version: keys, ledger, hub tables, Airflow's tables, pools and administrator.

Run it before the components start, the first time and after every upgrade. What is there already is left alone.
GATEWAY_ADMIN_PASSWORD_FILE names the file with the password of the user `admin`, who is made when missing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from gateway import settings
from gateway.deployment import Deployment
from gateway.errors import GatewayError, SettingMissing
from gateway.exchange import hub as hub_tables
from gateway.ledger import migrate
from gateway.security.crypto import KINDS, Keys


def main() -> int:
    """Prepare everything in order and return the exit code."""
    try:
        _gateway()
    except GatewayError as error:
        print(f"{error.code} {error}", file=sys.stderr)  # noqa: T201 - the words are the program's answer
        return 1
    _airflow("db", "migrate")
    _pools()
    if path := os.environ.get("GATEWAY_ADMIN_PASSWORD_FILE"):
        _administrator(Path(path).read_text(encoding="utf-8").strip())
    return 0


def _gateway() -> None:
    """Make the keys of a new deployment; bring ledger and hub tables to this version."""
    folder, dsn = settings.home() / "keys", settings.hub_dsn()
    if migrate.current(dsn) is not None and not all(Keys(folder).files(kind) for kind in KINDS):
        raise SettingMissing(
            f"the hub has a ledger, but {folder} lacks the keys that signed and sealed it",
            "Restore the folder of keys from its backup; new keys would open nothing.",
        )
    Keys.create(folder)
    migrate.upgrade(dsn)
    hub_tables.prepare(Deployment.open())


def _pools() -> None:
    """Make one pool per platform, of as many slots as the catalog grants."""
    platforms = Deployment.open().catalog.platforms.values()
    pools = {
        f"platform.{p.platform}": {"slots": p.slots, "description": p.name, "include_deferred": False}
        for p in platforms
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(pools, file)
        file.flush()
        _airflow("pools", "import", file.name)


def _administrator(password: str) -> None:
    """Make the user `admin` unless there is one; not by the command line, which every user of a machine can read."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import (  # noqa: PLC0415 - needs migrated tables
        get_application_builder,
    )

    with get_application_builder() as builder:
        manager = builder.sm
        if manager.find_user(username="admin"):
            return
        names = ("admin", "Gateway", "Administrator", "admin@example.invalid")
        if not manager.add_user(*names, manager.find_role("Admin"), password=password):
            raise SystemExit("the administrator could not be made")


def _airflow(*arguments: str) -> None:
    # -P: the current folder holds a deployment's files, not packages.
    subprocess.run([sys.executable, "-P", "-m", "airflow", *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main())
