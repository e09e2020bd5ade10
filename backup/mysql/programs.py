"""MariaDB's own programs: where they are, how they reach a server, and what they said when they failed."""

from __future__ import annotations

import os
import re
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backup.mysql.session import told
from backup.tools import Failure
from gateway.errors import GatewayError, ToolMissing
from gateway.mysql_address import Address

_PACKAGES = {"mariadb-dump": "mariadb-client", "mariadb": "mariadb-client", "mariadbd": "mariadb-server",
             "mariadb-install-db": "mariadb-server"}  # fmt: skip
_NUMBER = re.compile(r"(?:error:? |ERROR )(\d{4})\b|\((\d{4})\)")
_BESIDE = ("/usr/sbin", "/usr/local/sbin")


def program(name: str) -> Path:
    """Return a program; ToolMissing names the package that brings it."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *_BESIDE])
    if found := shutil.which(name, path=path):
        return Path(found)
    raise ToolMissing(f"{name} is not installed", f"Install the package {_PACKAGES[name]}.")


def reaching(address: Address | str, ca: str | None) -> list[str]:
    """Return the options that lead a program to a server, without the password."""
    common = ["--no-defaults", "--default-character-set=utf8mb4"]
    if isinstance(address, str):
        return [*common, f"--socket={address}", "--user=root"]
    verified = ["--skip-ssl"]
    if address.tls is not None:
        verified = [f"--ssl-ca={ca or ssl.get_default_verify_paths().cafile}", "--ssl-verify-server-cert"]
    return [
        *common,
        "--protocol=tcp",
        f"--host={address.host}",
        f"--port={address.port}",
        f"--user={address.user}",
        *verified,
    ]


def environment(address: Address | str) -> dict[str, str]:
    """Return what a program runs with: the password, for a command line is seen by every user of the machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MYSQL", "MARIADB"))}
    password = {} if isinstance(address, str) else {"MYSQL_PWD": address.password}
    return {**kept, **password, "LC_ALL": "C.UTF-8"}


def failing(kind: Callable[[str, str], GatewayError], said: Path, where: str, doing: str) -> Failure:
    """Return what makes the error of a program: by the number that it named, whose words may quote a row."""

    def failure(message: str, hint: str) -> GatewayError:
        found = _NUMBER.search(said.read_text(encoding="utf-8", errors="replace")) if said.exists() else None
        if found is None or "longer than it may" in message:
            return kind(message, hint)
        error = told(where, doing, int(found[1] or found[2]))
        return kind(error.message, error.hint)

    return failure


def loading(address: Address | str, ca: str | None, database: str) -> list[str | Path]:
    """Return the command that loads a dump from its standard input."""
    return [
        program("mariadb"),
        *reaching(address, ca),
        "--max-allowed-packet=1G",
        "--binary-mode",
        f"--database={database}",
    ]


def dumping(address: Address, ca: str | None, exclude: tuple[str, ...], file: Path) -> list[Any]:
    """Return the command that dumps a database in one transaction into a file."""
    left_out = [f"--ignore-table={address.database}.{name}" for name in exclude]
    return [
        program("mariadb-dump"), *reaching(address, ca), "--single-transaction", "--skip-lock-tables", "--quick", "--hex-blob",
        "--routines", "--triggers", "--events", "--tz-utc", "--no-tablespaces", "--skip-dump-date", "--max-allowed-packet=1G",
        *left_out, f"--result-file={file}", address.database,
    ]  # fmt: skip
