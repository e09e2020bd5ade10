"""The benchmark's delivery line: a data set of the hub delivered to a platform's keyed table, against a COPY into that table."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, BinaryIO

import psycopg2
from psycopg2 import sql

from gateway import catalog, pg
from gateway.exchange import carry
from gateway.exchange.pipe import pipe_copy
from sandbox import bench

ROUTE = "pop_person_share"


def deliver(city: bench.Bench) -> dict[str, Any]:
    """Compare the delivery of all of `pop.person`, numbered, judged and receipted, with a COPY into the same empty table.

    It takes the hub as `bench.full_width` left it.
    """
    deployment = replace(city.deployment, catalog=catalog.load(bench.BUILD.parent / "catalog"))
    dataset = deployment.route(ROUTE).dataset
    platform = psycopg2.connect(os.environ["GATEWAY_CONN_SHARE_ADMIN"])
    platform.autocommit = True
    rows = city.ask("select count(*) from hub.pop_person")[0][0]
    values = sql.SQL(", ").join(
        sql.SQL("{} at time zone {}").format(sql.Identifier(f.name), sql.Literal(f.zone))
        if f.zone
        else sql.Identifier(f.name)
        for f in dataset.fields
    )
    copy_out = sql.SQL("copy (select {} from hub.pop_person) to stdout (format binary)").format(values)
    copy_in = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(dataset.table), pg.names(dataset.columns)
    )

    def between() -> None:
        pg.run(platform, sql.SQL("truncate {}").format(sql.Identifier(dataset.table)))

    def limit() -> None:
        def read(stream: BinaryIO) -> int:
            with city.hub.cursor() as cursor:
                cursor.copy_expert(copy_out, stream, size=262_144)
                return int(cursor.rowcount)

        bench.check(pipe_copy(read, platform, copy_in) == rows, "rows copied")

    def ours() -> None:
        outcome = carry.run(deployment, ROUTE, whole=True)
        bench.check((outcome.read, outcome.inserted) == (rows, rows), "rows delivered")

    try:
        return city.pairs(f"deliver.pop_person.{bench.size(rows)}", 3, limit, ours, between)
    finally:
        platform.close()
