"""Settings from the environment, all named `GATEWAY_…`, read when they are asked for.

| variable | meaning | default |
|---|---|---|
| GATEWAY_HOME | folder of the deployment: keys, embedded PostgreSQL, witness of the chain | `./.gateway` |
| GATEWAY_CATALOG | folder of the city's declarations | `./catalog` |
| GATEWAY_HUB_DSN | the hub, PostgreSQL 16 or newer | the embedded server of GATEWAY_HOME |
| GATEWAY_CONN_<NAME> | a platform's connection, a DSN | Airflow's connection of that name |
| GATEWAY_SECRETS | folder of files `gateway_hub_dsn`, `gateway_conn_<name>` that hold the two above | none |
| GATEWAY_FONTS | folder of fonts that documents are printed with, before those of the system | none |
| GATEWAY_ENV | `production` refuses GATEWAY_NOW and GATEWAY_FAILPOINT | `development` |
| GATEWAY_NOW | the time the gateway believes it is (RFC 3339) | the clock |
| GATEWAY_FAILPOINT | `step`, `step=raise`, `step=sleep:S`: a fault injected for tests | none |
"""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from gateway.errors import SettingMissing

CHINA = ZoneInfo("Asia/Shanghai")


def home() -> Path:
    """Return the deployment's folder."""
    return Path(os.environ.get("GATEWAY_HOME", ".gateway")).resolve()


def catalog_folder() -> Path:
    """Return the folder of the city's declarations."""
    return Path(os.environ.get("GATEWAY_CATALOG", "catalog")).resolve()


def public_url() -> str | None:
    """Return the address under which units reach the pages, without a slash at its end, or None; links need it."""
    found = secret("GATEWAY_PUBLIC_URL")
    if not found:
        return None
    parts = urlsplit(found)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}):
        return found.rstrip("/")
    raise SettingMissing("GATEWAY_PUBLIC_URL is no https address", "Write https://HOST, as units' browsers reach it.")


def hub_dsn() -> str:
    """Return the hub's DSN; SettingMissing when neither the variable nor an embedded server's file gives one."""
    if dsn := secret("GATEWAY_HUB_DSN"):
        return dsn
    noted = home() / "hub.dsn"
    if noted.exists():
        return noted.read_text().strip()
    raise SettingMissing(
        "no hub is configured",
        "Set GATEWAY_HUB_DSN, or run `gateway init DIR` and `gateway embedded start` first.",
    )


def secret(name: str) -> str | None:
    """Return a setting from the environment, else from its file in GATEWAY_SECRETS, else None; empty is not set.

    A file that is there and cannot be read is SettingMissing: a deployment with wrong rights must say so.
    """
    folder = os.environ.get("GATEWAY_SECRETS")
    if (value := os.environ.get(name)) or not folder:
        return value or None
    path = Path(folder) / name.lower()
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingMissing(
            f"unable to read {name.lower()} in GATEWAY_SECRETS: {error.strerror}",
            f"Let the gateway's user alone read it: chown it and chmod 400 {path}.",
        ) from error


def production() -> bool:
    """Tell whether this is a production deployment."""
    return os.environ.get("GATEWAY_ENV") == "production"


def now() -> datetime:
    """Return the gateway's time, in UTC; a test or the demo may set it by GATEWAY_NOW."""
    if text := os.environ.get("GATEWAY_NOW"):
        _refuse_in_production("GATEWAY_NOW")
        return datetime.fromisoformat(text).astimezone(UTC)
    return datetime.now(UTC)


def failpoint(step: str) -> None:
    """Die, raise or sleep here when GATEWAY_FAILPOINT names this step; otherwise do nothing."""
    name, _, action = os.environ.get("GATEWAY_FAILPOINT", "").partition("=")
    if not name:
        return
    _refuse_in_production("GATEWAY_FAILPOINT")
    if name != step:
        return
    if action.startswith("sleep:"):
        time.sleep(float(action[6:]))
    elif action == "raise":
        raise RuntimeError(f"failpoint {step}")
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def _refuse_in_production(variable: str) -> None:
    if production():
        raise SettingMissing(f"{variable} is set in production", f"Unset {variable}; it is for tests only.")
