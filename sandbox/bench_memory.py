"""The benchmark's lines for memory: one load and another of several times as many rows, each in a process of its own.

`python -m sandbox.bench_memory KIND` is that process: it loads once from where its environment says, and tells the most
memory that it ever held.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.deployment import Deployment
from gateway.exchange import transfer
from gateway.model import Catalog
from gateway.security.crypto import Keys
from sandbox import bench_files, bench_rest, meter

# Of each kind: the catalog of its route, what serves a number of rows and gives the setting that tells where, its partition.
_KINDS: Mapping[str, tuple[Callable[[Catalog], Catalog], Callable[[int], AbstractContextManager[dict[str, str]]], str]]


def memory_flat(city: meter.Bench, kind: str, rows: int, times: int) -> dict[str, Any]:
    """Measure a whole process that loads `rows` over REST or from a file, and one that loads `times` as many."""
    small, big = (loaded(city, kind, count) for count in (rows, rows * times))
    meter.say.print(f"[dim]memory.{kind}: {small.rss_mb:.1f} MB, then {big.rss_mb:.1f} MB[/dim]")
    name = f"memory.{kind}.{meter.size(rows * times)}_from_{meter.size(rows)}"
    return meter.line(name, [small], [big])


def loaded(city: meter.Bench, kind: str, rows: int) -> meter.Cost:
    """Return what a first load of so many rows took, and the most memory that its process held."""
    _, served, partition = _KINDS[kind]
    bench_files.forget(city, partition, f"bench_{kind}_in")
    command, held = [sys.executable, "-m", "sandbox.bench_memory", kind], list[float]()
    with served(rows) as setting:
        environment = {**os.environ, **setting, "GATEWAY_HUB_DSN": city.hub_dsn}

        def load() -> None:
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            read, most = done.stdout.split()
            meter.check(int(read) == rows, "rows read")
            held.append(int(most) / 1000)

        cost = city.meter(load)
    return replace(cost, rss_mb=held[0])


@contextmanager
def _file(rows: int) -> Iterator[dict[str, str]]:
    with bench_files.delivered(rows) as file:
        yield {"GATEWAY_CONN_BENCH_FILES": file.parent.as_uri()}


@contextmanager
def _pages(rows: int) -> Iterator[dict[str, str]]:
    with bench_rest.server(rows, kept=False) as url:
        yield {"GATEWAY_CONN_BENCH_REST": url}


_KINDS = {
    "rest": (bench_rest.catalog, _pages, "bench_record__bench_rest"),
    "files": (bench_files.catalog, _file, "bench_row__bench_files"),
}


def _most() -> str:
    """Return the kB of memory that this process held at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("VmHWM:"))


def main(kind: str) -> None:
    """Load once, and tell how many rows were read and the most memory in kB."""
    keys = Keys(Path(os.environ["GATEWAY_HOME"]) / "keys")
    deployment = Deployment(_KINDS[kind][0](meter.catalog()), os.environ["GATEWAY_HUB_DSN"], keys)
    print(transfer.run(deployment, f"bench_{kind}_in").read, _most())


if __name__ == "__main__":
    main(sys.argv[1])
