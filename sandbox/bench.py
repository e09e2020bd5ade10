"""`make bench`: what the engine costs, as ratios to the physical limit measured in the same run.

CPU is user + system of this process and of both servers; engine and reference alternate and the ratio is the median of
the pairs' ratios. Every job's result is checked, or its line is void. One JSON object a line goes to build/bench.json.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import psutil
import psycopg2
from psycopg2 import sql
from rich.console import Console
from rich.table import Table

from gateway import catalog
from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.exchange import compare, reconcile, transfer
from gateway.exchange import hub as hub_tables
from gateway.exchange.landing import Landing
from gateway.exchange.pipe import pipe_copy
from gateway.ledger import migrate
from gateway.model import Catalog, Dataset, DeleteLimit, Field, Platform, Route, Rule, SlaTerm, Unit
from gateway.ports import Hashing
from gateway.security.crypto import Keys
from gateway.settings import CHINA
from sandbox import city

BUILD = Path(__file__).parent.parent / "build"
# Autovacuum would visit each finished table within a minute and be charged to whichever job runs then.
_SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "maintenance_work_mem": "512MB", "autovacuum": "off"}
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
        self.servers = (Server(folder / "hub", _SETTINGS), Server(folder / "source", _SETTINGS))
        for server in self.servers:
            server.start()
        hub, source = self.servers
        hub.create_database("bench")
        source.create_database("bench")
        self.hub_dsn, self.source_dsn = hub.dsn("bench"), source.dsn("bench")
        os.environ |= {"GATEWAY_HOME": str(folder / "home"), "GATEWAY_CONN_BENCH": self.source_dsn}
        migrate.upgrade(self.hub_dsn)
        self.deployment = Deployment(
            _catalog(), self.hub_dsn, Keys.create(folder / "home" / "keys", hash_key=city.CERT_KEY)
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
        return _line(name, limits, engines)

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


def copy_plain(bench: Bench) -> dict[str, Any]:
    """Compare our pipe with `psql | psql`: the plain limit."""
    out, into = (
        f"copy person ({COLUMNS}) to stdout (format binary)",
        f"copy plain ({COLUMNS}) from stdin (format binary)",
    )
    from gateway.embedded import pg_binary  # noqa: PLC0415 - only this line needs psql

    psql = str(pg_binary("psql"))

    def between() -> None:
        bench.ask("drop table if exists plain")
        bench.ask(f"create unlogged table plain ({SHAPE})")

    def limit() -> None:
        sender = [psql, "-qX", bench.source_dsn, "-c", out]
        with subprocess.Popen(sender, stdout=subprocess.PIPE) as first:
            subprocess.run([psql, "-qX", bench.hub_dsn, "-c", into], stdin=first.stdout, check=True)
        check(first.returncode == 0 and bench.ask("select count(*) from plain")[0][0] == bench.rows, "psql pipe")

    def ours() -> None:
        def read(stream: BinaryIO) -> int:
            with bench.source.cursor() as cursor:
                cursor.copy_expert(out, stream, size=262_144)
                return int(cursor.rowcount)

        check(pipe_copy(read, bench.hub, sql.SQL(into)) == bench.rows, "pipe")

    return bench.pairs(f"copy.{size(bench.rows)}", 3, limit, ours, between)


def first_load(bench: Bench, pairs: int) -> dict[str, Any]:
    """Compare a whole run (every row checked, keyed, durable, receipted) with COPY + ADD PRIMARY KEY."""

    def between() -> None:
        forget(bench)
        bench.ask("drop table if exists keyed")

    def limit() -> None:
        keyed_copy(bench)

    def ours() -> None:
        outcome = transfer.run(bench.deployment, "bench_in")
        check(outcome.kind == "first_load" and outcome.inserted == bench.rows - bench.bad, "rows landed")
        check(outcome.rejected == bench.bad, "rows rejected")

    return bench.pairs(f"first_load.{size(bench.rows)}", pairs, limit, ours, between)


def keyed_copy(bench: Bench) -> None:
    """Do the physical minimum of a first load: COPY into a logged table, then ADD PRIMARY KEY."""
    bench.ask(f"create table keyed ({SHAPE})")

    def read(stream: BinaryIO) -> int:
        with bench.source.cursor() as cursor:
            cursor.copy_expert(f"copy person ({COLUMNS}) to stdout (format binary)", stream, size=262_144)
            return int(cursor.rowcount)

    pipe_copy(read, bench.hub, sql.SQL(f"copy keyed ({COLUMNS}) from stdin (format binary)"))
    bench.ask("alter table keyed add primary key (id_no)")


def two_hash_scans(bench: Bench) -> None:
    """Do the least that tells where two sides differ: one scan of each that makes 16,384 bucket hashes."""
    buckets = (
        "select count(*), sum(b) from (select bit_xor(pg_catalog.hash_record_extended(_r_, 0)) as b from "
        "(select id_no::text, name, sex, birth, ethnicity, division_code::text, address, updated_at from {}) _r_ "
        "group by hashtext(id_no) & 16383) x"
    )
    bench.ask(buckets.format("person"), source=True)
    bench.ask(buckets.format("hub.bench_person"))


def exact_compare(bench: Bench) -> dict[str, Any]:
    """Compare a reconciliation of equal sides (decided by count and hash sum, quarantine included) with two hash scans."""

    def ours() -> None:
        found = reconcile.run(bench.deployment, "bench_in")
        check(bool(found.passed) and found.method == "totals" and found.quarantined == bench.bad, "reconciliation")

    return bench.pairs(f"compare.{size(bench.rows)}", 3, lambda: two_hash_scans(bench), ours, lambda: None)


def key_compare(bench: Bench) -> dict[str, Any]:
    """Compare the look at every key, which names the rows that differ, with two hash scans, which do not."""
    route = bench.deployment.route("bench_in")

    def ours() -> None:
        hub = bench.deployment.hub(name="bench", autocommit=True)
        source = bench.deployment.source(route.peer)
        landing = Landing(hub, PERSON, 1, "bench", _today())
        landing.drop()
        with source.snapshot() as snapshot:
            if not isinstance(snapshot, Hashing):
                raise TypeError(type(snapshot).__name__)
            found = compare.stream(landing, snapshot)
        check(found.equal and found.source_rows == bench.rows and found.quarantined == bench.bad, "comparison")
        landing.drop()
        source.close()
        hub.close()

    return bench.pairs(f"compare_keys.{size(bench.rows)}", 3, lambda: two_hash_scans(bench), ours, lambda: None)


def full_width(bench: Bench, persons: int) -> dict[str, Any]:
    """Compare a first load of `pop.person` (36 columns, all its rules, look-ups and keyed hashes) with COPY + ADD PRIMARY KEY."""
    found = city.accounts(bench.servers[1].dsn())
    city.fill(bench.servers[1].dsn(), scale=persons / city.PERSONS, progress=lambda _: None)
    os.environ |= {f"GATEWAY_CONN_{name}": dsn for name, dsn in found.items()}
    deployment = replace(bench.deployment, catalog=catalog.load(BUILD.parent / "catalog"))
    hub_tables.prepare(deployment)
    source = psycopg2.connect(found["POP_ADMIN"])
    dataset = deployment.catalog.datasets["pop.person"]
    columns = ", ".join(dataset.columns)
    with source.cursor() as cursor:
        cursor.execute(f"select count(*) from {dataset.table}")
        rows = cursor.fetchall()[0][0]

    def between() -> None:
        bench.ask("drop table if exists wide; drop table if exists hub.pop_person__pop")
        bench.ask("update gateway.route_state set loaded = false; delete from gateway.quarantine")

    def limit() -> None:
        bench.ask("create table wide (" + ", ".join(f"{f.name} {f.type}" for f in dataset.fields) + ")")

        def read(stream: BinaryIO) -> int:
            with source.cursor() as cursor:
                cursor.copy_expert(f"copy {dataset.table} ({columns}) to stdout (format binary)", stream, size=262_144)
                return int(cursor.rowcount)

        pipe_copy(read, bench.hub, sql.SQL(f"copy wide ({columns}) from stdin (format binary)"))
        bench.ask("alter table wide add primary key (citizen_id)")

    def ours() -> None:
        outcome = transfer.run(deployment, "pop_person_in")
        check(outcome.kind == "first_load" and outcome.inserted + outcome.rejected == rows, "persons landed")

    try:
        return bench.pairs(f"first_load.pop_person.{size(rows)}", 3, limit, ours, between)
    finally:
        source.close()


def one_percent(bench: Bench) -> dict[str, Any]:
    """Carry 1 % of changes, deletes included, by a whole comparison; the reference is a checked reload by ON CONFLICT."""
    changed, gone = bench.rows // 100, bench.rows // 1000
    step = [0]

    def between() -> None:
        step[0] += 1
        bench.ask(f"update person set address = address || '改{step[0]}' where ctid in "
                  f"(select ctid from person where left(id_no, 1) = '1' and hashtext(id_no) % 97 = {step[0]} limit {changed})", source=True)  # fmt: skip
        bench.ask(f"delete from person where id_no in (select id_no from person where left(id_no, 1) = '1' "
                  f"order by updated_at limit {gone})", source=True)  # fmt: skip

    def reload_all() -> None:
        bench.ask("drop table if exists staged")
        bench.ask(f"create unlogged table staged ({SHAPE})")

        def read(stream: BinaryIO) -> int:
            with bench.source.cursor() as cursor:
                cursor.copy_expert(f"copy person ({COLUMNS}) to stdout (format binary)", stream, size=262_144)
                return int(cursor.rowcount)

        pipe_copy(read, bench.hub, sql.SQL(f"copy staged ({COLUMNS}) from stdin (format binary)"))
        sets = ", ".join(f"{c} = excluded.{c}" for c in COLUMNS.split(", ")[1:])
        bench.ask(f"insert into keyed as k select * from staged where id_no not like 'X%' on conflict (id_no) do update set {sets} "
                  "where row(k.*) is distinct from row(excluded.*)")  # fmt: skip
        bench.ask("delete from keyed k where not exists (select from staged s where s.id_no = k.id_no)")

    def ours() -> None:
        outcome = transfer.run(bench.deployment, "bench_in", whole=True)
        check(outcome.kind == "compare" and outcome.deleted >= gone and outcome.updated > 0, "1 % carried")

    bench.ask("drop table if exists keyed")
    keyed_copy(bench)
    return bench.pairs(f"sync_1pct.{size(bench.rows)}", 2, reload_all, ours, between)


def memory_flat(bench: Bench, times: int) -> dict[str, Any]:
    """Measure the client's memory for a first load of `times` as many rows; the reference is the smaller one."""
    forget(bench)
    small = bench.meter(lambda: _loaded(bench))
    forget(bench)
    bench.grow(times)
    big = bench.meter(lambda: _loaded(bench))
    return _line(f"memory.{size(bench.rows)}_from_{size(bench.rows // times)}", [small], [big])


def forget(bench: Bench) -> None:
    """Make the hub forget the data set, so that the next run is a first load."""
    bench.ask("drop table if exists hub.bench_person__bench")
    bench.ask("update gateway.route_state set loaded = false")
    bench.ask("alter table gateway.quarantine disable trigger all; delete from gateway.quarantine")


def main() -> int:
    """Run the benchmark and return 0 when every job's result was right."""
    from sandbox.bench_backups import backups  # noqa: PLC0415
    from sandbox.bench_delivery import deliver, front_end  # noqa: PLC0415 - they import this module
    from sandbox.bench_files import files_load  # noqa: PLC0415
    from sandbox.bench_notices import notices  # noqa: PLC0415
    from sandbox.bench_pages import overview  # noqa: PLC0415
    from sandbox.bench_rest import rest_load  # noqa: PLC0415
    from sandbox.bench_shapes import shapes  # noqa: PLC0415
    from sandbox.bench_sla import sla  # noqa: PLC0415
    from sandbox.bench_soap import soap_parse  # noqa: PLC0415

    options = argparse.ArgumentParser(prog="python -m sandbox.bench", description=__doc__)
    options.add_argument("--rows", type=int, default=2_000_000, help="rows of the person table (default 2,000,000)")
    options.add_argument(
        "--persons", type=int, default=200_000, help="rows of pop.person at full width (default 200,000)"
    )
    options.add_argument("--records", type=int, default=200_000, help="records read over REST (default 200,000)")
    options.add_argument("--batches", type=int, default=100_000, help="batches of a half month (default 100,000)")
    options.add_argument("--files", type=int, default=20_000, help="files of the tree backed up (default 20,000)")
    options.add_argument("--pairs", type=int, default=5, help="pairs of the first load (default 5)")
    chosen = options.parse_args()
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        bench = Bench(Path(folder), chosen.rows)
        try:
            lines = [copy_plain(bench), first_load(bench, chosen.pairs), exact_compare(bench), key_compare(bench)]
            lines += [one_percent(bench), full_width(bench, chosen.persons), deliver(bench), front_end(bench)]
            lines += [rest_load(bench, chosen.records, 3), files_load(bench, chosen.records, 3)]
            lines += [
                soap_parse(bench, chosen.records // 4, 5),
                *shapes(bench, 5),
                notices(bench),
                *backups(bench, 3, chosen.files),
                memory_flat(bench, 5),
                overview(bench),
                *sla(bench, chosen.batches),  # the last: it writes a chain of its own over that of the runs
            ]
        finally:
            bench.close()
    (BUILD / "bench.json").write_text(json.dumps(lines, indent=2))
    load = os.getloadavg()
    facts = {
        "python": sys.version,
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "load": load,
        "server": _SETTINGS,
    }
    (BUILD / "bench-environment.json").write_text(json.dumps(facts, indent=2))
    say.print(_table(lines))
    return 0


def _loaded(bench: Bench) -> None:
    check(transfer.run(bench.deployment, "bench_in").kind == "first_load", "first load")


def _catalog() -> Catalog:
    source = Platform("bench", "测试平台", "postgres", "BENCH", "bench")
    term = SlaTerm("bench", "测试", 1, 10_000)
    route = Route("bench_in", PERSON, source, "incremental", "manual", term, delete_limit=DeleteLimit(count=10_000_000))
    return Catalog(
        city="测试市", english="Bench", division="130800", root=Path(), units={"bench": Unit("bench", "测试单位")},
        platforms={"bench": source}, datasets={PERSON.name: PERSON}, routes={"bench_in": route}, terms={"bench": term},
    )  # fmt: skip


def _line(name: str, limits: list[Cost], engines: list[Cost]) -> dict[str, Any]:
    def median(values: list[float]) -> float:
        return round(statistics.median(values), 3)

    both = list(zip(limits, engines, strict=True))
    return {
        "name": name, "n": len(both), "ours_cpu": median([e.cpu for e in engines]), "limit_cpu": median([c.cpu for c in limits]),
        "ratio_cpu": median([e.cpu / c.cpu for c, e in both]), "ours_wall": median([e.wall for e in engines]),
        "limit_wall": median([c.wall for c in limits]), "ratio_wall": median([e.wall / c.wall for c, e in both]),
        "rss_mb": median([e.rss_mb for e in engines]),
    }  # fmt: skip


def _table(lines: list[dict[str, Any]]) -> Table:
    table = Table(title="ours against the limit, medians of pairs")
    for column in lines[0]:
        table.add_column(column, justify="left" if column == "name" else "right")
    for line in lines:
        table.add_row(*(str(v) for v in line.values()))
    return table


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


def check(right: bool, what: str) -> None:  # noqa: FBT001 - reads like an assertion
    """Void the line when a job's result is not right."""
    if not right:
        raise RuntimeError(f"bench: {what} is not what it should be; the line is void")


def size(rows: int) -> str:
    """Return a number of rows as the names of lines tell it."""
    return f"{rows // 1_000_000}m" if rows >= 1_000_000 else f"{rows // 1000}k"


def _today() -> Any:
    from gateway import settings  # noqa: PLC0415 - the clock is read when the job runs

    return settings.now().astimezone(CHINA).date()


if __name__ == "__main__":
    sys.exit(main())
