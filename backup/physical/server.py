"""A server in recovery: a copy's files, WAL handed to it, a moment to stop at; a socket of its own, and nothing of its old life.

A copied configuration brings port, archive command, subscriptions and libraries along. All of it is overridden on the command
line, which nothing in the copy can override.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import psycopg2

from backup import tools
from gateway import embedded, pg
from gateway.embedded import Server
from gateway.errors import HubUnavailable, RestoreFailed

# What the copy may not decide while it is recovered and looked at.
FORCED = {
    "listen_addresses": "", "archive_mode": "off", "archive_command": "", "max_logical_replication_workers": "0",
    "max_wal_senders": "0", "primary_conninfo": "", "synchronous_standby_names": "", "shared_preload_libraries": "",
    "session_preload_libraries": "", "local_preload_libraries": "", "ssl": "off", "logging_collector": "off",
    "log_destination": "stderr", "lc_messages": "C", "log_timezone": "UTC", "default_transaction_read_only": "off", "hot_standby": "off",
    "autovacuum": "off", "shared_buffers": "128MB", "max_connections": "40", "max_locks_per_transaction": "1024",
    "recovery_target": "", "recovery_target_name": "", "recovery_target_time": "", "recovery_target_xid": "",
    "recovery_target_lsn": "", "recovery_target_timeline": "latest", "recovery_target_action": "promote",
}  # fmt: skip
_UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_NOT_REACHED = "recovery ended before configured recovery target was reached"
_LAST = re.compile(r"last completed transaction was at log time (\S+ [\d:.+-]+)")
_POLL = 0.1
_PORT = "5432"  # part of the socket's name alone
_CONFIG = "# Only what the command line says counts.\n"


@dataclass(frozen=True, slots=True)
class Target:
    """Where recovery ends: a named point, a time, or (neither) the end of WAL."""

    name: str = ""
    moment: datetime | None = None

    def settings(self) -> dict[str, str]:
        """Return what the server is told."""
        if self.name:
            return {"recovery_target_name": self.name}
        return {"recovery_target_time": self.moment.isoformat(sep=" ")} if self.moment else {}


class Recovering(Server):
    """A copy in `data`, recovered to a target; what it needs besides lies in `folder`."""

    def __init__(
        self,
        folder: Path,
        data: Path,
        physical: Mapping[str, object],
        major: int,
        *,
        lasting: bool,
        seconds: Callable[[], float],
    ) -> None:
        """Start nothing; a copy that is not to last is not synced to the disk."""
        super().__init__(folder, {}, binary=lambda name: tools.program(name, major))
        self._data = data
        self._superuser = str(physical["superuser"])
        prepared = {"max_prepared_transactions": str(physical["prepared"])}
        self._forced = {**FORCED, **prepared, **({} if lasting else _UNSAFE)}
        self._seconds = seconds
        self._socket: Path | None = None

    def dsn(self, dbname: str = "postgres", user: str | None = None, _password: str | None = None) -> str:
        """Return the address of a database over the socket; only this machine's owner of the folder reaches it."""
        host = quote(str(self._socket), safe="")
        return (
            f"postgresql://{quote(user or self._superuser, safe='')}@/{quote(dbname, safe='')}?host={host}&port={_PORT}"
        )

    def recover(self, target: Target, restore_command: str) -> bool:
        """Recover to a target and open for writing; return whether the target was met by a later commit or a point.

        RestoreFailed says what the server said. A time behind the last commit that is stored is no failure: then all is there.
        """
        (self._data / "recovery.signal").touch()
        try:
            self._begin(target, restore_command)
        except HubUnavailable as error:
            said = self._log()
            if _NOT_REACHED not in said or not target.moment:
                raise RestoreFailed(f"recovery failed: {_first(said) or error.message}", _hint(said)) from error
            self._begin(Target(), restore_command)
            return False
        return True

    def _begin(self, target: Target, restore_command: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._socket = self._socket or Path(tempfile.mkdtemp(prefix="gateway-pg-"))
        hba, config = self._folder / "pg_hba.conf", self._folder / "postgresql.conf"
        hba.write_text("local all all trust\n")
        (self._folder / "pg_ident.conf").write_text("")
        config.write_text(_CONFIG)
        (self._folder / "server.log").touch()
        self._hand_over()
        told = {
            **{k: v for k, v in self._forced.items() if k not in target.settings()},
            **target.settings(),  # behind those that are reset: the server refuses two, even in passing
            "restore_command": restore_command, "config_file": str(config),
            "hba_file": str(hba), "ident_file": str(self._folder / "pg_ident.conf"), "port": _PORT,
            "unix_socket_directories": str(self._socket),
        }  # fmt: skip
        options = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in told.items())
        (self._folder / "server.log").write_text("")
        ends = time.monotonic() + self._seconds()
        left = str(max(round(self._seconds()), 1))
        self._ctl("start", "-w", "-t", left, "-l", str(self._folder / "server.log"), "-o", options)
        while not self._is_open():  # it may have stopped at once, or recover on
            if not self.running():
                raise HubUnavailable("the server ended while it recovered")
            if time.monotonic() > ends:
                raise RestoreFailed("recovery took longer than it may", "Raise max_minutes of the plan.")
            time.sleep(_POLL)

    def _is_open(self) -> bool:
        try:
            with closing(pg.connect(self.dsn(), name="gateway recovery", autocommit=True)) as connection:
                return not pg.one(connection, "select pg_is_in_recovery()")[0]
        except psycopg2.OperationalError:
            return False

    def _hand_over(self) -> None:
        """Let the server's user own the copy, where we are root."""
        assert self._socket is not None
        if os.geteuid() != 0:
            return
        self._prepare_for_root()
        embedded.let_through(self._data.parent)
        user = embedded.owner()
        assert user is not None
        places = [link.resolve() for link in (self._data / "pg_tblspc").iterdir()]
        for place in places:
            embedded.let_through(place.parent)
        for top in (self._folder, self._data, self._socket, *places):
            os.chown(top, *user)
            for parent, folders, files in os.walk(top):
                for name in (*folders, *files):
                    os.chown(Path(parent) / name, *user, follow_symlinks=False)

    def close(self, *, keep: bool) -> None:
        """Stop the server, properly when the copy is to be kept, and remove its socket."""
        try:
            if self.running():
                self.stop() if keep else self.kill()
        finally:
            if self._socket is not None:
                shutil.rmtree(self._socket, ignore_errors=True)

    def last_commit(self) -> datetime | None:
        """Return when the last transaction that is there was committed, as the server said of its recovery."""
        found = _LAST.findall(self._log())
        return datetime.fromisoformat(found[-1]) if found else None

    def _log(self) -> str:
        path = self._folder / "server.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _first(said: str) -> str:
    lines = [line for line in said.splitlines() if "FATAL" in line or "PANIC" in line]
    return re.sub(r"^.*?(FATAL|PANIC):\s*", "", lines[-1])[:300] if lines else ""


def _hint(said: str) -> str:
    if "No space left" in said:
        return "Free space where it is restored to."
    if _NOT_REACHED in said:
        return "WAL that is stored does not hold that point: name a time, or another base by --backup."
    return "Restore from another repository, or from an older base: `gateway backup list`."
