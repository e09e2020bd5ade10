"""A server of its own with a plan that keeps WAL, and its receiver beside a test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2

from backup.physical import receive
from gateway.embedded import Server
from tests.integration.backup.conftest import Office

SWITCH_SECONDS = 1
GRANTED = ("pg_create_restore_point(text)", "pg_switch_wal()")


@dataclass
class Taken:
    """A base that was taken while somebody wrote, then an accident, and the moment just before it."""

    office: Office
    server: Server
    base: str
    before: datetime
    rows: int


class Copy(Server):
    """A recovered folder, started as its source's superuser would."""

    def __init__(self, folder: Path, source: Server) -> None:
        """Lay the source's password beside the data."""
        super().__init__(folder, {"shared_buffers": "32MB"})
        (folder / "password").write_text(source.password)


def do(dsn: str, statement: str) -> Any:
    """Run a statement in a session of its own and return its rows."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None


@contextmanager
def receiving(office: Office, **more: Any) -> Iterator[list[Exception]]:
    """Receive WAL beside the block; what ended it is in the list."""
    stop, failed = threading.Event(), list[Exception]()

    def call() -> None:
        try:
            receive.receive(office.deployment, office.plan, stop=stop, **more)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            failed.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        until(lambda: failed or active(office))
        yield failed
    finally:
        stop.set()
        thread.join(30)


def active(office: Office) -> bool:
    """Tell whether the slot is in use."""
    query = "select count(*) from pg_replication_slots where slot_name = 'gateway_permits' and active"
    return bool(do(office.dsn, query)[0][0])


def until(done: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for something and return it."""
    ends = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.05)
    return found


@contextmanager
def writing(dsn: str) -> Iterator[None]:
    """Write small transactions without a pause while the block runs."""
    stop = threading.Event()

    def call() -> None:
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            while not stop.wait(0.002):
                cursor.execute("insert into permit.permit (holder, plate) values (1, 'W')")

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
