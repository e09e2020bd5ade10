"""A MariaDB server to try a backup on: reached by a socket that only this user may use, logging nothing, gone afterwards."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from backup.mysql import programs
from gateway.errors import ToolMissing

_START_SECONDS = 60
_SETTINGS = (
    "--skip-networking", "--skip-log-bin", "--skip-slave-start", "--event-scheduler=OFF", "--sql-mode=", "--max-allowed-packet=1G",
    "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=0", "--innodb-log-file-size=128M",
    "--innodb-buffer-pool-size=256M", "--default-time-zone=+00:00", "--local-infile=0",
)  # fmt: skip


class Scratch:
    """A context manager: the server runs inside, and is killed at the end with all it held."""

    def __init__(self, folder: Path, wanted: str, lower_case: int) -> None:
        """Take a folder that does not exist yet; ToolMissing when this machine has an older server than `wanted`."""
        self._server, self._make = programs.program("mariadbd"), programs.program("mariadb-install-db")
        said = subprocess.run([self._server, "--version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"\b(\d+\.\d+)\.\d+", said)
        if found is None or _version(found[1]) < _version(wanted):
            raise ToolMissing(
                f"mariadbd {wanted} or newer is needed, installed is {found[1] if found else said.strip()}",
                f"Install the package mariadb-server of version {wanted} where drills run.",
            )
        self._data, self._lower_case = folder, lower_case
        self._as = ["--user=root"] if os.geteuid() == 0 else []

    def __enter__(self) -> str:
        """Start it and return its socket; a socket's path may not be long, so that it has a folder of its own."""
        self._folder = Path(tempfile.mkdtemp(prefix="gateway-drill-"))
        self._socket, self._ready = str(self._folder / "s"), self._folder / "pid"
        common = ["--no-defaults", f"--datadir={self._data}", *self._as]
        made = subprocess.run(
            [self._make, *common, "--skip-test-db", "--innodb-log-file-size=16M", "--force", "--auth-root-authentication-method=normal",
             f"--lower-case-table-names={self._lower_case}"],
            capture_output=True, check=False,
        )  # fmt: skip
        if made.returncode:
            shutil.rmtree(self._folder)
            raise ToolMissing("mariadb-install-db makes no server", "Is there room where GATEWAY_HOME lies?")
        self._process = subprocess.Popen(
            [self._server, *common, *_SETTINGS, f"--socket={self._socket}", f"--pid-file={self._ready}",
             f"--secure-file-priv={self._folder}",
             f"--log-error={self._folder / 'log'}", f"--lower-case-table-names={self._lower_case}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            self._await()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self._socket

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _await(self) -> None:
        """Wait for the file that the server writes when it answers."""
        limit = time.monotonic() + _START_SECONDS
        while not self._ready.exists():
            if time.monotonic() > limit or self._process.poll() is not None:
                raise ToolMissing("the server for the drill does not start", "Try mariadbd by hand on that machine.")
            time.sleep(0.05)


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
