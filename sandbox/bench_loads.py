"""Loads between two PostgreSQL servers as `make bench` meters them: first loads, comparisons, changes, flat memory."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import Any, BinaryIO

import psycopg2
from psycopg2 import sql

from gateway import catalog, settings
from gateway.embedded import pg_binary
from gateway.exchange import compare, reconcile, transfer
from gateway.exchange import hub as hub_tables
from gateway.exchange.landing import Landing
from gateway.exchange.pipe import pipe_copy
from gateway.ports import Hashing
from gateway.settings import CHINA
from sandbox import city
from sandbox.meter import BUILD, COLUMNS, PERSON, SHAPE, Bench, check, forget, line, size


def copy_plain(bench: Bench) -> dict[str, Any]:
    """Compare our pipe with `psql | psql`: the plain limit."""
    out, into = (
        f"copy person ({COLUMNS}) to stdout (format binary)",
        f"copy plain ({COLUMNS}) from stdin (format binary)",
    )
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
        landing = Landing(hub, PERSON, 1, "bench", settings.now().astimezone(CHINA).date())
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
    return line(f"memory.{size(bench.rows)}_from_{size(bench.rows // times)}", [small], [big])


def _loaded(bench: Bench) -> None:
    check(transfer.run(bench.deployment, "bench_in").kind == "first_load", "first load")
