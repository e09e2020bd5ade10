"""What comes over REST or in a file passes through a process whose memory does not grow with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import bench_memory
from sandbox.meter import Bench

_FEW, _MANY, _MORE_MB = 5_000, 60_000, 16


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Start the bench's servers."""
    for name in ("GATEWAY_HOME", "GATEWAY_CONN_BENCH"):
        monkeypatch.setenv(name, "")  # the bench sets them; they end with the test
    bench = Bench(tmp_path, 1_000)
    yield bench
    bench.close()


def test_memory_of_a_load_is_flat(bench: Bench) -> None:
    """Twelve times as many rows, which would be 60 MB and more as objects, take no more than the few do."""
    for kind in ("rest", "files"):
        few, many = (bench_memory.loaded(bench, kind, rows).rss_mb for rows in (_FEW, _MANY))
        assert few > 1
        assert many < few + _MORE_MB
