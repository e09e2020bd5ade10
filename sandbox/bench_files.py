"""The benchmark's line for files: a CSV file into the hub, every row checked, against COPY of the same file."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.exchange import hub as hub_tables
from gateway.exchange import transfer
from gateway.model import Catalog, DeleteLimit, Platform, Route
from sandbox import bench_rest, meter

# A data set of its own: a key of bench.person may come from one source only.
ROW = replace(meter.PERSON, name="bench.row")
_COLUMNS = [name.strip() for name in meter.COLUMNS.split(",")]


def files_load(city: meter.Bench, rows: int, pairs: int) -> dict[str, Any]:
    """Compare a whole run (decoded, checked, keyed, receipted) with COPY CSV into a logged table and ADD PRIMARY KEY."""
    bad = rows // meter.BAD_EVERY
    deployment = replace(city.deployment, catalog=catalog(city.deployment.catalog))
    hub_tables.prepare(deployment)
    with delivered(rows) as file:
        os.environ["GATEWAY_CONN_BENCH_FILES"] = file.parent.as_uri()

        def between() -> None:
            forget(city, "bench_row__bench_files", "bench_files_in")
            city.ask(f"drop table if exists plain; create table plain ({meter.SHAPE})")

        def limit() -> None:
            with file.open("rb") as opened, city.hub.cursor() as cursor:
                cursor.copy_expert(
                    f"copy plain ({meter.COLUMNS}) from stdin (format csv, header)", opened, size=262_144
                )
                meter.check(cursor.rowcount == rows, "rows copied")
            city.ask("alter table plain add primary key (id_no)")

        def ours() -> None:
            outcome = transfer.run(deployment, "bench_files_in")
            meter.check((outcome.inserted, outcome.rejected) == (rows - bad, bad), "rows landed")

        return city.pairs(f"files_load.{meter.size(rows)}", pairs, limit, ours, between)


def forget(city: meter.Bench, partition: str, route: str) -> None:
    """Make the hub forget what a route brought, so that its next run is a first load."""
    city.ask(f"drop table if exists hub.{partition}")
    city.ask(f"update gateway.route_state set loaded = false where route = '{route}'")
    city.ask("alter table gateway.quarantine disable trigger all; delete from gateway.quarantine")


def catalog(of: Catalog) -> Catalog:
    """Return the bench's catalog with the route of this line alone."""
    options = {"resources": {ROW.name: {"format": {"kind": "csv", "charset": "utf-8"}}}}
    source = Platform("bench_files", "测试文件", "files", "BENCH_FILES", "bench", options=options)
    route = Route("bench_files_in", ROW, source, "incremental", "manual", of.terms["bench"], delete_limit=DeleteLimit())
    return replace(of, datasets={ROW.name: ROW}, platforms={"bench_files": source}, routes={route.route: route})


@contextmanager
def delivered(rows: int) -> Iterator[Path]:
    """Write a file of so many rows with its manifest into a folder of its own, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-files-") as folder:
        file = Path(folder) / "rows.csv"
        with file.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.writer(opened)
            writer.writerow(_COLUMNS)
            writer.writerows(bench_rest.record(i).values() for i in range(1, rows + 1))
        with file.open("rb") as opened_again:
            digest = hashlib.file_digest(opened_again, "sha256").hexdigest()
        manifest = {
            "format": "exchange-manifest/1", "dataset": ROW.name, "sequence": 1, "kind": "full", "file": file.name,
            "bytes": file.stat().st_size, "sha256": digest, "rows": rows, "taken_at": "2026-11-02T00:00:00+08:00",
        }  # fmt: skip
        file.with_name(f"{file.name}.manifest.json").write_text(json.dumps(manifest))
        yield file
