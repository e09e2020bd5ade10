"""A MariaDB server of its own for the tests, on loopback, under an account that is not root; and a front end on it."""
# ruff: noqa: D102 - the harness does what suite.SourcePeer and suite.TargetPeer say

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql

from connectors.frontend_mysql import MysqlFrontend
from connectors.frontend_mysql_target import MysqlFrontendTarget
from gateway.model import Dataset, Platform
from tests.conformance.suite import Row

PASSWORD = "p@ss:wörd/?#"
PROGRAMS = ("mariadbd", "mariadb-install-db")
ENVELOPE = "cd_batch varchar(32) not null, cd_operation varchar(2) not null, cd_time datetime not null, data_source varchar(3) not null"
OPTIONS = {
    "region": "130800",
    "source": "CDE",
    "returns": "dn_audit_abnormal",
    "resources": {"test.everything": {"up": "up_everything", "down": "everything", "code": "0101", "row_key": "code"}},
}
_TYPES = {"timestamp(0)": "datetime", "boolean": "tinyint(1)", "numeric(24,6)": "decimal(24,6)", "integer": "int"}


class MariaDb:
    """One server. `kill` is what a power cut does to it; `start` brings it back with what it had committed."""

    def __init__(self, folder: Path) -> None:
        """Make an empty server in a folder that does not exist yet."""
        self.folder, self._as = folder, {}
        folder.mkdir(mode=0o755)
        if os.geteuid() == 0:
            account = pwd.getpwnam("mysql")
            self._as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(folder, account.pw_uid, account.pw_gid)
        make = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--skip-test-db", "--force"]
        make += ["--auth-root-authentication-method=normal", "--innodb-log-file-size=8M"]
        subprocess.run(make, check=True, capture_output=True, **self._as)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])

    def start(self, *more: str) -> None:
        """Start, and wait until it answers."""
        command = [
            str(shutil.which("mariadbd")), "--no-defaults", f"--datadir={self.folder}/data", f"--port={self.port}",
            "--bind-address=127.0.0.1", f"--socket={self.folder}/s", f"--log-error={self.folder}/log",
            f"--pid-file={self.folder}/pid", "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=24M",
            "--max-allowed-packet=1M", "--sql-mode=", "--default-time-zone=+00:00", "--character-set-server=utf8mb4",
            "--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync", "--sync-frm=0", "--debug-no-sync", *more,
        ]  # fmt: skip
        ready = self.folder / "pid"  # written when the server answers
        ready.unlink(missing_ok=True)
        self._process = subprocess.Popen(command, **self._as)
        for _ in range(400):
            if ready.exists():
                return
            assert self._process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        """End at once."""
        self._process.kill()
        self._process.wait()

    def owner(self, database: str | None = None) -> pymysql.Connection[Any]:
        """Return a session of the server's owner, autocommitting."""
        return pymysql.connect(
            unix_socket=f"{self.folder}/s",
            user="root",
            database=database,
            charset="utf8mb4",
            autocommit=True,
            ssl_disabled=True,
        )


class MysqlPeer:
    """A front end on MariaDB whose down table the platform fills, and whose up table the gateway does."""

    def __init__(self, server: MariaDb) -> None:
        """Make a fresh database, with an account for the gateway and one without rights."""
        self.server = server
        self.secrets = (PASSWORD, quote(PASSWORD, safe=""), "a wrong one")
        self.run("drop database if exists front", database=None)
        self.run("create database front character set utf8mb4", database=None)
        for user, grants in (("gateway", "select, insert, update"), ("stranger", "create")):
            self.run(f"create user if not exists {user}@'%' identified by '{PASSWORD}'", database=None)
            self.run(f"grant {grants} on front.* to {user}@'%'", database=None)

    def run(
        self, statement: str, values: Any = None, database: str | None = "front", *, many: bool = False
    ) -> list[Any]:
        """Run a statement as the platform's owner and return its rows."""
        with self.server.owner(database) as owner, owner.cursor() as cursor:
            (cursor.executemany if many else cursor.execute)(statement, values)
            return list(cursor.fetchall())

    def create(self, dataset: Dataset, engine: str = "InnoDB", *, more: str = "") -> None:
        columns = ", ".join(
            f"`{f.name}` {_TYPES.get(f.type, f.type).replace('numeric', 'decimal')} {'not null' if f.required else ''}"
            for f in dataset.fields
        )
        for name in (dataset.table, f"up_{dataset.table}"):
            self.run(
                f"create table {name} (id int auto_increment primary key, {columns}, {ENVELOPE}{more}) engine={engine}"
            )
            self.run(f"alter table {name} drop column id")
        self.run(
            "create table dn_audit_abnormal (err_type varchar(100), remark varchar(1000), table_sql_name varchar(50), "
            "table_row_guid varchar(50), table_cd_batch varchar(32), table_cd_source varchar(10), table_cd_time datetime, "
            "row_guid varchar(50), cd_time datetime)"
        )

    def write(self, dataset: Dataset, rows: Iterable[Row]) -> None:
        self.tell("I", dataset, rows)

    def tell(self, operation: str, dataset: Dataset, rows: Iterable[Row], at: str = "2026-11-24 12:00:00") -> None:
        """Add rows of one operation to the down table."""
        names = (*dataset.columns, "cd_batch", "cd_operation", "cd_time", "data_source")
        marks = ", ".join(["%s"] * len(names))
        lines = [[*(row[c] for c in dataset.columns), "theirs", operation, at, "HEB"] for row in rows]
        self.run(
            f"insert into {dataset.table} ({', '.join(f'`{n}`' for n in names)}) values ({marks})", lines, many=True
        )

    def held(self, dataset: Dataset) -> list[tuple[Any, ...]]:
        columns = ", ".join(f"`{f.name}`" for f in dataset.fields)
        with self.server.owner("front") as owner, owner.cursor() as cursor:
            cursor.execute("set sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'")
            cursor.execute(
                f"select {columns}, cd_operation from up_{dataset.table} order by cast(code as binary), cd_time desc"
            )
            newest: dict[Any, tuple[Any, ...]] = {}
            for *values, operation in cursor.fetchall():
                newest.setdefault(values[0], (operation, *values))
        yes = dataset.columns.index("yes")
        kept = [list(row[1:]) for row in newest.values() if row[0].strip() != "D"]
        return [tuple(None if v is None else bool(v) if i == yes else v for i, v in enumerate(row)) for row in kept]

    def source(self) -> MysqlFrontend:
        return MysqlFrontend(self.platform, self.dsn())

    def source_with_wrong_password(self) -> MysqlFrontend:
        return MysqlFrontend(self.platform, self.dsn(password="a wrong one"))

    def source_without_rights(self) -> MysqlFrontend:
        return MysqlFrontend(self.platform, self.dsn(user="stranger"))

    def source_that_is_down(self) -> MysqlFrontend:
        return MysqlFrontend(self.platform, self.dsn(port=1))

    def target(self, port: int | None = None) -> MysqlFrontendTarget:
        return MysqlFrontendTarget(self.platform, self.dsn(port=port))

    @property
    def platform(self) -> Platform:
        """Return the platform as a catalog declares it."""
        return Platform("peer", "前置库", "frontend", "PEER", "gxj", options=OPTIONS)

    def dsn(self, *, user: str = "gateway", password: str = PASSWORD, port: int | None = None, query: str = "") -> str:
        """Return the connection of an account."""
        return f"mysql://{user}:{quote(password, safe='')}@127.0.0.1:{port or self.server.port}/front{query}"
