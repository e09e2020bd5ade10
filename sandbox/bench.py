"""`make bench`: what the engine costs, as ratios to the physical limit measured in the same run.

Each line comes from a module of its own, `sandbox/bench_*.py`, and is metered as `sandbox/meter.py` tells. One JSON object a
line goes to build/bench.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.table import Table

from sandbox.bench_backups import backups
from sandbox.bench_delivery import deliver, front_end
from sandbox.bench_files import files_load
from sandbox.bench_loads import copy_plain, exact_compare, first_load, full_width, key_compare, memory_flat, one_percent
from sandbox.bench_memory import memory_flat as streamed_flat
from sandbox.bench_notices import notices
from sandbox.bench_pages import overview
from sandbox.bench_rest import rest_load
from sandbox.bench_shapes import shapes
from sandbox.bench_sla import sla
from sandbox.bench_soap import soap_parse
from sandbox.meter import BUILD, SETTINGS, Bench, say


def main() -> int:
    """Run the benchmark and return 0 when every job's result was right."""
    options = argparse.ArgumentParser(prog="python -m sandbox.bench", description=__doc__)
    options.add_argument("--rows", type=int, default=2_000_000, help="rows of the person table (default 2,000,000)")
    options.add_argument(
        "--persons", type=int, default=200_000, help="rows of pop.person at full width (default 200,000)"
    )
    options.add_argument("--records", type=int, default=200_000, help="records read over REST (default 200,000)")
    options.add_argument(
        "--streamed",
        type=int,
        default=200_000,
        help="rows of the small load of memory.rest and memory.files (default 200,000)",
    )
    options.add_argument("--batches", type=int, default=100_000, help="batches of a half month (default 100,000)")
    options.add_argument("--files", type=int, default=20_000, help="files of the tree backed up (default 20,000)")
    options.add_argument("--pairs", type=int, default=5, help="pairs of the first load (default 5)")
    chosen = options.parse_args()
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        bench = Bench(Path(folder), chosen.rows)
        try:
            lines = [
                copy_plain(bench),
                first_load(bench, chosen.pairs),
                exact_compare(bench),
                key_compare(bench),
                one_percent(bench),
                full_width(bench, chosen.persons),
                deliver(bench),
                front_end(bench),
                rest_load(bench, chosen.records, 3),
                files_load(bench, chosen.records, 3),
                soap_parse(bench, chosen.records // 4, 5),
                *shapes(bench, 5),
                notices(bench),
                *backups(bench, 3, chosen.files),
                memory_flat(bench, 5),
                *(streamed_flat(bench, kind, chosen.streamed, 5) for kind in ("rest", "files")),
                overview(bench),
                *sla(bench, chosen.batches),  # the last: it writes a chain of its own over that of the runs
            ]
        finally:
            bench.close()
    (BUILD / "bench.json").write_text(json.dumps(lines, indent=2))
    facts = {
        "python": sys.version, "machine": platform.platform(), "cores": os.cpu_count(),
        "load": os.getloadavg(), "server": SETTINGS,
    }  # fmt: skip
    (BUILD / "bench-environment.json").write_text(json.dumps(facts, indent=2))
    say.print(_table(lines))
    return 0


def _table(lines: list[dict[str, Any]]) -> Table:
    table = Table(title="ours against the limit, medians of pairs")
    for column in lines[0]:
        table.add_column(column, justify="left" if column == "name" else "right")
    for line in lines:
        table.add_row(*(str(v) for v in line.values()))
    return table


if __name__ == "__main__":
    sys.exit(main())
