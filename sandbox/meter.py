"""The meter of `make bench`: two servers, one table on each side, and the CPU seconds and memory that a job takes.

CPU is user + system of this process and of both servers; reference and engine alternate, and a ratio is the median of the
pairs' ratios. Every job's result is checked, or its line is void.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from rich.console import Console

from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.exchange import hub as hub_tables
from gateway.ledger import migrate
from gateway.model import Catalog, Dataset, DeleteLimit, Field, Platform, Route, Rule, SlaTerm, Unit
from gateway.security.crypto import Keys
from sandbox import city

BUILD = Path(__file__).parent.parent / "build"
# Autovacuum would visit each finished table within a minute and be charged to whichever job runs then.
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "maintenance_work_mem": "512MB", "autovacuum": "off"}
_TICKS = os.sysconf("SC_CLK_TCK")
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h
COLUMNS = "id_no, name, sex, birth, ethnicity, division_code, address, updated_at"
SHAPE = (
    "id_no char(18), name varchar(64), sex smallint, birth date, ethnicity smallint, division_code char(12), address text, "
    "updated_at timestamptz"
)
BAD_EVERY = 1253
say = Console(highlight=False, width=max(120, Console().width))


def _field(name: str, kind: str, *, required: bool = False, **limits: Any) -> Field:
    return Field(name, kind, required=required, classification="L3", limits=limits)


PERSON = Dataset(
    name="bench.person", chinese="性能测试人员", version="1.0.0", table="person", owner="bench",
    fields=(
        _field("id_no", "char(18)", required=True, pattern="^[0-9]{17}[0-9X]$"),
        _field("name", "varchar(64)", required=True, maxLength=64),
        _field("sex", "smallint", required=True),
        _field("birth", "date", required=True),
        _field("ethnicity", "smallint", minimum=1, maximum=98),
        _field("division_code", "char(12)", required=True, pattern="^13[0-9]{10}$"),
        _field("address", "text"),
        _field("updated_at", "timestamptz", required=True),
    ),
    key=("id_no",), cursor="updated_at", delete_limit=DeleteLimit(count=10_000_000),
    rules=(
        Rule("sex.values", "values", {"field": "sex", "values": ["0", "1", "2", "9"]}, fields=("sex",)),
        Rule("birth.consistency", "birth_matches", {"id": "id_no", "date": "birth"}, fields=("id_no", "birth")),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """What one job took."""

    cpu: float
    wall: float
    rss_mb: float


class Bench:
    """Both servers, one table, and the meter."""

    def __init__(self, folder: Path, rows: int) -> None:
        """Start the servers and make the table."""
        # A server that `pg_ctl` started becomes a child of this process, and so is found when it has ended, too.
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
        self.rows = rows
        self.bad = rows // BAD_EVERY
        self.servers = (Server(folder / "hub", SETTINGS), Server(folder / "source", SETTINGS))
        for server in self.servers:
            server.start()
        hub, source = self.servers
        hub.create_database("bench")
        source.create_database("bench")
        self.hub_dsn, self.source_dsn = hub.dsn("bench"), source.dsn("bench")
        os.environ |= {"GATEWAY_HOME": str(folder / "home"), "GATEWAY_CONN_BENCH": self.source_dsn}
        migrate.upgrade(self.hub_dsn)
        self.deployment = Deployment(
            catalog(), self.hub_dsn, Keys.create(folder / "home" / "keys", hash_key=city.CERT_KEY)
        )
        hub_tables.prepare(self.deployment)
        self.hub, self.source = psycopg2.connect(self.hub_dsn), psycopg2.connect(self.source_dsn)
        self.hub.autocommit = self.source.autocommit = True
        self._fill()

    def close(self) -> None:
        """Stop the servers."""
        self.hub.close()
        self.source.close()
        for server in self.servers:
            server.stop()

    def ask(self, statement: str, *, source: bool = False) -> Any:
        """Run a statement and return its rows."""
        with (self.source if source else self.hub).cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else None

    def meter(self, job: Callable[[], None]) -> Cost:
        """Run a job between two readings of all processes' CPU; a checkpoint first, a pause for exiting backends."""
        for connection in (self.hub, self.source):
            with connection.cursor() as cursor:
                cursor.execute("checkpoint")
        time.sleep(0.2)
        with _Memory() as memory:
            before, began = self._cpu(), time.monotonic()
            job()
            wall = time.monotonic() - began
            time.sleep(0.3)
            return Cost(self._cpu() - before, wall, memory.peak_mb)

    def pairs(
        self, name: str, count: int, limit: Callable[[], None], ours: Callable[[], None], between: Callable[[], None]
    ) -> dict[str, Any]:
        """Alternate reference and engine and return the line of the report."""
        limits, engines = [], []
        for turn in range(count):
            between()
            limits.append(self.meter(limit))
            between()
            engines.append(self.meter(ours))
            say.print(f"[dim]{name} {turn + 1}/{count}: limit {limits[-1].cpu:.2f} CPU s {limits[-1].wall:.2f} s, "
                      f"ours {engines[-1].cpu:.2f} CPU s {engines[-1].wall:.2f} s[/dim]")  # fmt: skip
        return line(name, limits, engines)

    def _cpu(self) -> float:
        """Return the CPU seconds of this process and of all servers it has started, those of drills among them."""
        own = os.times()
        client = own.user + own.system + own.children_user + own.children_system
        return client + sum(_tree_cpu(child.pid) for child in psutil.Process().children())

    def grow(self, times: int) -> None:
        """Make the source table as many times as long."""
        self.ask("drop table person", source=True)
        self.rows *= times
        self.bad = self.rows // BAD_EVERY
        self._fill()

    def _fill(self) -> None:
        say.print(f"[dim]making {self.rows:,} rows[/dim]")
        self.ask(f"create table person ({SHAPE})", source=True)
        # The first 30,000 dates repeat with another serial number each time, so that every ID number is different.
        self.ask(
            f"""insert into person
            select case when i % {BAD_EVERY} = 0 then 'X' else '1' end || '308' || lpad((i % 30)::text, 2, '0')
                   || to_char(d, 'YYYYMMDD') || lpad((i / 30000)::text, 4, '0'),
                   '王' || chr(20000 + i % 5000) || chr(21000 + i % 3000), i % 2 + 1, d, i % 56 + 1,
                   '1308' || lpad((i % 30)::text, 2, '0') || lpad((i % 999999)::text, 6, '0'),
                   '河北省承德市双桥区某某街道某某路' || i || '号某某小区' || (i % 30) || '号楼',
                   timestamptz '2026-11-01 00:00+08' - i * interval '1 second'
              from (select i, date '1940-01-01' + (i::bigint * 7919 % 30000)::int as d
                      from generate_series(1, {self.rows}) i) x""",
            source=True,
        )
        self.ask("create unique index on person (id_no)", source=True)
        self.ask("vacuum analyze person", source=True)


class _Memory:
    """Samples this process's memory above what it was at the start."""

    def __enter__(self) -> _Memory:
        self._process = psutil.Process()
        self._base = self._process.memory_info().rss
        self.peak_mb, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            self.peak_mb = max(self.peak_mb, (self._process.memory_info().rss - self._base) / 1e6)


def forget(bench: Bench) -> None:
    """Make the hub forget the data set, so that the next run is a first load."""
    bench.ask("drop table if exists hub.bench_person__bench")
    bench.ask("update gateway.route_state set loaded = false")
    bench.ask("alter table gateway.quarantine disable trigger all; delete from gateway.quarantine")


def check(right: bool, what: str) -> None:  # noqa: FBT001 - reads like an assertion
    """Void the line when a job's result is not right."""
    if not right:
        raise RuntimeError(f"bench: {what} is not what it should be; the line is void")


def size(rows: int) -> str:
    """Return a number of rows as the names of lines tell it."""
    return f"{rows // 1_000_000}m" if rows >= 1_000_000 else f"{rows // 1000}k"


def catalog() -> Catalog:
    """Return a city of one platform, one data set and one route."""
    source = Platform("bench", "测试平台", "postgres", "BENCH", "bench")
    term = SlaTerm("bench", "测试", 1, 10_000)
    route = Route("bench_in", PERSON, source, "incremental", "manual", term, delete_limit=DeleteLimit(count=10_000_000))
    return Catalog(
        city="测试市", english="Bench", division="130800", root=Path(), units={"bench": Unit("bench", "测试单位")},
        platforms={"bench": source}, datasets={PERSON.name: PERSON}, routes={"bench_in": route}, terms={"bench": term},
    )  # fmt: skip


def line(name: str, limits: list[Cost], engines: list[Cost]) -> dict[str, Any]:
    """Return a line of the report: medians of both sides, and the median of the pairs' ratios."""

    def median(values: list[float]) -> float:
        return round(statistics.median(values), 3)

    both = list(zip(limits, engines, strict=True))
    return {
        "name": name, "n": len(both), "ours_cpu": median([e.cpu for e in engines]), "limit_cpu": median([c.cpu for c in limits]),
        "ratio_cpu": median([e.cpu / c.cpu for c, e in both]), "ours_wall": median([e.wall for e in engines]),
        "limit_wall": median([c.wall for c in limits]), "ratio_wall": median([e.wall / c.wall for c, e in both]),
        "rss_mb": median([e.rss_mb for e in engines]),
    }  # fmt: skip


def _tree_cpu(postmaster: int) -> float:
    """Return the CPU seconds of a server: the postmaster with its reaped children, and its living children."""
    total = _cpu_ticks(postmaster, with_children=True)
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(postmaster).children():
            total += _cpu_ticks(child.pid, with_children=False)
    return total / _TICKS


def _cpu_ticks(pid: int, *, with_children: bool) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return sum(int(v) for v in fields[11 : 15 if with_children else 13])
