"""The benchmark's delivery lines: a data set of the hub delivered to a platform, against a COPY into that very table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, BinaryIO

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway import catalog, pg
from gateway.deployment import Deployment
from gateway.exchange import carry
from gateway.exchange.pipe import pipe_copy
from gateway.model import Dataset, Platform
from sandbox import meter
from sandbox.city import DELIVER_ROLE

ROUTE = "pop_person_share"
UP = "up_pop_person"
# Batch, operation, time and source of a front end's row, as constants of the same size.
_ENVELOPE = "'1308000101202611251200000001'::varchar, 'I'::varchar, timestamp '2026-11-25 12:00:00', 'CDE'::varchar"


def deliver(city: meter.Bench) -> dict[str, Any]:
    """Compare the delivery of all of `pop.person`, numbered, judged and receipted, with a COPY into the same empty table.

    It takes the hub as `bench_loads.full_width` left it.
    """
    deployment = replace(city.deployment, catalog=catalog.load(meter.BUILD.parent / "catalog"))
    with closing(psycopg2.connect(os.environ["GATEWAY_CONN_SHARE_ADMIN"])) as platform:
        platform.autocommit = True
        table = deployment.route(ROUTE).dataset.table
        return _line(city, deployment, platform, "deliver.pop_person", table, [])


def front_end(city: meter.Bench) -> dict[str, Any]:
    """Compare the same delivery to a front end's up table, with envelope, judged by the table's limits, with a COPY."""
    found = catalog.load(meter.BUILD.parent / "catalog")
    there = found.platforms["prov"]
    options = {**there.options, "resources": {"pop.person": {"up": UP, "code": "0101"}}}
    prov: Platform = replace(there, options=options)
    route = replace(found.routes[ROUTE], peer=prov)
    deployment = replace(city.deployment, catalog=replace(found, routes={**found.routes, ROUTE: route}))
    with closing(psycopg2.connect(os.environ["GATEWAY_CONN_PROV_ADMIN"])) as platform:
        platform.autocommit = True
        with platform.cursor() as cursor:
            cursor.execute(_up_table(route.dataset))
        return _line(city, deployment, platform, "front_end.pop_person", UP, [sql.SQL(_ENVELOPE)])


def _line(
    city: meter.Bench, deployment: Deployment, platform: Connection, name: str, table: str, more: Sequence[sql.SQL]
) -> dict[str, Any]:
    """Measure a delivery of everything against a COPY of the same values into the emptied table."""
    dataset = deployment.route(ROUTE).dataset
    rows = city.ask("select count(*) from hub.pop_person")[0][0]
    fields = [f for f in dataset.fields if not more or f.name not in {"cd_time", "cd_operation"}]
    values = [
        sql.SQL("{} at time zone {}").format(sql.Identifier(f.name), sql.Literal(f.zone))
        if f.zone
        else sql.Identifier(f.name)
        for f in fields
    ]
    envelope = ["cd_batch", "cd_operation", "cd_time", "data_source"] if more else []
    copy_out = sql.SQL("copy (select {} from hub.pop_person) to stdout (format binary)").format(
        sql.SQL(", ").join([*values, *more])
    )
    copy_in = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(table), pg.names([*(f.name for f in fields), *envelope])
    )

    def between() -> None:
        pg.run(platform, sql.SQL("truncate {}").format(sql.Identifier(table)))

    def limit() -> None:
        def read(stream: BinaryIO) -> int:
            with city.hub.cursor() as cursor:
                cursor.copy_expert(copy_out, stream, size=262_144)
                return int(cursor.rowcount)

        meter.check(pipe_copy(read, platform, copy_in) == rows, "rows copied")

    def ours() -> None:
        outcome = carry.run(deployment, ROUTE, whole=True)
        meter.check((outcome.read, outcome.inserted) == (rows, rows), "rows delivered")

    return city.pairs(f"{name}.{meter.size(rows)}", 3, limit, ours, between)


def _up_table(dataset: Dataset) -> sql.Composed:
    """Return the statements that make the up table, with the indexes by which it is collected and read back."""
    own = [f for f in dataset.fields if f.name not in {"cd_time", "cd_operation"}]
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}{}").format(sql.Identifier(f.name), sql.SQL(f.type), sql.SQL(" not null" if f.required else ""))
        for f in own
    )
    return sql.SQL(
        "create table {0} ({1}, cd_batch varchar(32) not null, cd_operation varchar(2) not null, "
        "cd_time timestamp(0) not null, data_source varchar(3) not null); create index on {0} ({2}); create index on {0} (cd_batch); "
        "grant select, insert on {0} to {3}"
    ).format(sql.Identifier(UP), columns, pg.names(dataset.key), sql.Identifier(DELIVER_ROLE))
