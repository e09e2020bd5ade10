"""The benchmark's lines for whole backups: dump and hashes against the dump alone, a drill against pg_restore, and memory."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2

from backup import copied, drill, dump, keys, plans, run, scratch, snapshot, survey, tools
from backup.plans import Plan
from backup.snapshot import Held
from gateway.deployment import Deployment
from gateway.errors import BackupFailed, DrillFailed
from sandbox import meter

_HOUR = 3600.0
_SMALL = 4  # how many times smaller the second run is whose memory is compared
_PLAN = """\
plan: bench
name: 性能测试
unit: {unit}
source: {{engine: postgresql, connection: BENCH}}
schedule: manual
seal: {{recipients: [BENCH_RECIPIENT], identity: BENCH_IDENTITY}}
repositories: [{{repository: near, connection: BENCH_NEAR}}]
keep: {{daily: 1}}
promise: {{rpo: 1d, rto: 1h}}
drill: {{schedule: manual}}
"""


def drills(city: meter.Bench, folder: Path, pairs: int) -> list[dict[str, Any]]:
    """Return the lines of dump, drill and memory."""
    chosen = plan(city.deployment, folder)
    return [_dumping(city, folder, pairs), *_running(city, chosen, folder), _drilling(city, chosen, folder, pairs)]


def plan(deployment: Deployment, folder: Path) -> Plan:
    """Return the plan of what the connection BENCH leads to, with a repository in a folder."""
    identity, recipient = keys.create()
    (folder / "near").mkdir()
    os.environ |= {
        "GATEWAY_CONN_BENCH_RECIPIENT": recipient, "GATEWAY_CONN_BENCH_IDENTITY": identity,
        "GATEWAY_CONN_BENCH_NEAR": (folder / "near").as_uri(),
    }  # fmt: skip
    path = folder / "bench.yaml"
    path.write_text(_PLAN.format(unit=next(iter(deployment.catalog.units))), encoding="utf-8")
    return plans.read(path, deployment.catalog)


def _dumping(city: meter.Bench, folder: Path, pairs: int) -> dict[str, Any]:
    """Compare a dump, every table counted beside it and hashed as it came, with the same dump alone."""
    spool = folder / "spool"
    ((rows,),) = city.ask("select count(*) from person", source=True)  # lines before this one took some away

    def between() -> None:
        shutil.rmtree(spool, ignore_errors=True)
        spool.mkdir()

    def limit() -> None:
        with snapshot.held(city.source_dsn) as held:
            dump.take(city.source_dsn, held, (), spool, jobs=2, deadline=time.monotonic() + _HOUR)

    def ours() -> None:
        with snapshot.held(city.source_dsn) as held, ThreadPoolExecutor(1) as beside:
            counted = beside.submit(
                survey.take, lambda: snapshot.connect(city.source_dsn, "gateway bench", held.id), (), jobs=2,
                read=copied.counted,
            )  # fmt: skip
            dump.take(city.source_dsn, held, (), spool, jobs=2, deadline=time.monotonic() + _HOUR)
        files = dump.tables(spool, held, deadline=time.monotonic() + _HOUR)
        found = copied.hashed(counted.result(), files, spool / dump.FORMAT, jobs=2)
        meter.check(found.rows >= rows, "the rows that were hashed")

    return city.pairs("backup.dump", pairs, limit, ours, between)


def _running(city: meter.Bench, plan: Plan, folder: Path) -> list[dict[str, Any]]:
    """Compare whole backups of a part of the table and of all of it with packed dumps: their memory is to be the same."""
    city.ask("create schema small", source=True)
    city.ask(f"create table small.person as select * from person limit {city.rows // _SMALL}", source=True)
    spool = folder / "limit"
    lines = []
    for name, schema, left_out in (("backup.run.part", "small", "public"), ("backup.run", "public", "small")):
        narrow = replace(plan, exclude=(left_out,))
        ((tables,),) = city.ask(f"select count(*) from pg_tables where schemaname = '{schema}'", source=True)

        def limit(schema: str = schema) -> None:
            command: list[str | Path] = [
                tools.program("pg_dump", 18), "--format=directory", "--jobs=2", "--compress=gzip:1", f"--schema={schema}",
                f"--file={spool}",
            ]  # fmt: skip
            tools.run(
                command, tools.environment(city.source_dsn), folder / "said", deadline=time.monotonic() + _HOUR,
                failure=BackupFailed, doing="dump",
            )  # fmt: skip

        def ours(narrow: Plan = narrow, tables: int = tables) -> None:
            meter.check(run.run(city.deployment, narrow).tables == tables, "the tables of the backup")

        lines.append(city.pairs(name, 1, limit, ours, lambda: shutil.rmtree(spool, ignore_errors=True)))
    city.ask("drop schema small cascade", source=True)
    return lines


def _drilling(city: meter.Bench, plan: Plan, folder: Path, pairs: int) -> dict[str, Any]:
    """Compare a drill, from the repository to the last comparison, with pg_restore of the same dump on such a server."""
    spool = folder / "spool"
    held = _dumped(city, spool)
    scratched = scratch.server(folder / "pg", held.major)
    scratched.start()
    command: list[str | Path] = [
        tools.program("pg_restore", held.major), "--exit-on-error", "--jobs=2", "--dbname=restored", spool / dump.FORMAT,
    ]  # fmt: skip
    dsn = scratched.dsn("postgres")

    def between() -> None:
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute("drop database if exists restored")
            cursor.execute("create database restored template template0")

    def limit() -> None:
        tools.run(
            command, tools.environment(scratched.dsn("restored")), folder / "said", deadline=time.monotonic() + _HOUR,
            failure=DrillFailed, doing="load the dump",
        )  # fmt: skip

    def ours() -> None:
        meter.check(drill.drill(city.deployment, plan).passed, "what was restored")

    try:
        return city.pairs("backup.drill", pairs, limit, ours, between)
    finally:
        scratched.kill()


def _dumped(city: meter.Bench, spool: Path) -> Held:
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir()
    with snapshot.held(city.source_dsn) as held:
        dump.take(city.source_dsn, held, (), spool, jobs=2, deadline=time.monotonic() + _HOUR)
    return held
