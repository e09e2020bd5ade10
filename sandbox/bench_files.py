"""The benchmark's line for files: a CSV file into the hub, every row checked, against COPY of the same file."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from gateway.deployment import Deployment
from gateway.exchange import hub as hub_tables
from gateway.exchange import transfer
from gateway.model import DeleteLimit, Platform, Route
from sandbox import bench_rest, meter

# A data set of its own: a key of bench.person may come from one source only.
ROW = replace(meter.PERSON, name="bench.row")
_COLUMNS = [name.strip() for name in meter.COLUMNS.split(",")]


def files_load(city: meter.Bench, rows: int, pairs: int) -> dict[str, Any]:
    """Compare a whole run (decoded, checked, keyed, receipted) with COPY CSV into a logged table and ADD PRIMARY KEY."""
    bad = rows // meter.BAD_EVERY
    deployment = _deployment(city)
    with tempfile.TemporaryDirectory(prefix="gateway-bench-files-") as folder:
        os.environ["GATEWAY_CONN_BENCH_FILES"] = Path(folder).as_uri()
        file = _delivered(Path(folder), rows)

        def between() -> None:
            city.ask("drop table if exists hub.bench_row__bench_files")
            city.ask("update gateway.route_state set loaded = false where route = 'bench_files_in'")
            city.ask("alter table gateway.quarantine disable trigger all; delete from gateway.quarantine")
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


def _deployment(city: meter.Bench) -> Deployment:
    """Return the bench's deployment with the route of this line alone."""
    catalog = city.deployment.catalog
    options = {"resources": {ROW.name: {"format": {"kind": "csv", "charset": "utf-8"}}}}
    source = Platform("bench_files", "测试文件", "files", "BENCH_FILES", "bench", options=options)
    route = Route(
        "bench_files_in", ROW, source, "incremental", "manual", catalog.terms["bench"], delete_limit=DeleteLimit()
    )
    alone = replace(catalog, datasets={ROW.name: ROW}, platforms={"bench_files": source}, routes={route.route: route})
    found = replace(city.deployment, catalog=alone)
    hub_tables.prepare(found)
    return found


def _delivered(folder: Path, rows: int) -> Path:
    file = folder / "rows.csv"
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(_COLUMNS)
        writer.writerows(bench_rest.record(i).values() for i in range(1, rows + 1))
    body = file.read_bytes()
    manifest = {
        "format": "exchange-manifest/1", "dataset": ROW.name, "sequence": 1, "kind": "full", "file": file.name,
        "bytes": len(body), "sha256": sha256(body).hexdigest(), "rows": rows, "taken_at": "2026-11-02T00:00:00+08:00",
    }  # fmt: skip
    (folder / f"{file.name}.manifest.json").write_text(json.dumps(manifest))
    return file
