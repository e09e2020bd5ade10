"""`make bench` leaves it out: a database of many gigabytes backed up and drilled once, its memory watched all the while.

    python -m sandbox.bench_volume --gb 10

prints what each step took: seconds, CPU of our own processes, and the most memory that this process and the server's programs
it runs (`pg_dump`, `pg_restore`) held together. Servers are not counted: theirs is a setting. It needs five times the size in `--folder`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from backup import drill, run
from backup.plans import Plan
from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.ledger import migrate
from gateway.security.crypto import Keys
from sandbox import city, meter
from sandbox.bench_drills import plan

_GB = 1 << 30
_ROW = 1 << 10
_PROGRAMS = {"pg_dump", "pg_dumpall", "pg_restore", "psql"}
# No two rows are alike, and what is alike lies further apart than a compressor looks.
_FIRST = """create unlogged table volume as
    select i::bigint as id, (select string_agg(md5(i::text || '-' || j), '') from generate_series(1, {per_row}) j) as text
      from generate_series(1, {rows}) i"""
_AGAIN = "insert into volume select id + {rows}::bigint * {turn}, reverse(text) from volume where id <= {rows}"


def main() -> int:
    """Make the database, back it up, drill the backup; return 0 when the drill proved it."""
    options = argparse.ArgumentParser(prog="python -m sandbox.bench_volume", description=__doc__)
    options.add_argument("--gb", type=int, default=10, help="size of the table in GiB (default 10)")
    options.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where all of it lies meanwhile"
    )
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-volume-", dir=chosen.folder) as name:
        folder = Path(name)
        with Server(folder / "server", meter.SETTINGS | {"shared_buffers": "256MB"}) as server:
            for database in ("hub", "volume"):
                server.create_database(database)
            os.environ |= {"GATEWAY_HOME": str(folder / "home"), "GATEWAY_CONN_BENCH": server.dsn("volume")}
            _say(_watched("make", lambda: _fill(server.dsn("volume"), chosen.gb)))
            migrate.upgrade(server.dsn("hub"))
            keys = Keys.create(folder / "home" / "keys", hash_key=city.CERT_KEY)
            deployment = Deployment(meter.catalog(), server.dsn("hub"), keys)
            _prove(deployment, plan(deployment, folder), chosen.gb << 20)
    return 0


def _prove(deployment: Deployment, chosen: Plan, rows: int) -> None:
    def back_up() -> None:
        meter.check(run.run(deployment, chosen).rows == rows, "the rows of the backup")

    def prove() -> None:
        meter.check(drill.drill(deployment, chosen).passed, "what was restored")

    _say(_watched("backup", back_up))
    _say(_watched("drill", prove))


def _fill(dsn: str, gigabytes: int) -> None:
    rows = _GB // _ROW
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(_FIRST.format(rows=rows, per_row=_ROW // 32))
        cursor.execute("alter table volume alter text set storage external")
        for turn in range(1, gigabytes):
            cursor.execute(_AGAIN.format(rows=rows, turn=turn))
        cursor.execute("alter table volume add primary key (id)")


def _watched(name: str, job: Callable[[], None]) -> dict[str, Any]:
    """Run a job and return what it took."""
    peak, done = [0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(peak, done), daemon=True)
    watcher.start()
    before, began = os.times(), time.monotonic()
    job()
    seconds, after = time.monotonic() - began, os.times()
    done.set()
    watcher.join()
    cpu = sum(after[:4]) - sum(before[:4])
    return {
        "step": name,
        "seconds": round(seconds, 1),
        "own_cpu": round(cpu, 1),
        "peak_rss_mb": round(peak[0] / 1e6, 1),
    }


def _watch(peak: list[int], done: threading.Event) -> None:
    own = psutil.Process()
    while not done.wait(0.2):
        held = own.memory_info().rss
        for child in own.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                held += child.memory_info().rss if child.name() in _PROGRAMS else 0
        peak[0] = max(peak[0], held)


def _say(line: dict[str, Any]) -> None:
    print(json.dumps({**line, "free_gb": shutil.disk_usage(tempfile.gettempdir()).free >> 30}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
