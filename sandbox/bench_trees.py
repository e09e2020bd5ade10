"""The benchmark's line for a tree of many small files: backed up, every file hashed, against `tar` of the same tree."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from backup import keys, plans, run
from sandbox import meter

_FOLDER = 1_000  # files of a folder
_PLAN = """\
plan: bench_tree
name: 性能测试文件
unit: {unit}
source: {{engine: files, path: {root}}}
schedule: manual
seal: {{recipients: [BENCH_TREE_RECIPIENT], identity: BENCH_TREE_IDENTITY}}
repositories: [{{repository: near, connection: BENCH_TREE_NEAR}}]
keep: {{daily: 1}}
promise: {{rpo: 1d, rto: 1h}}
drill: {{schedule: manual}}
"""


def trees(city: meter.Bench, folder: Path, files: int) -> dict[str, Any]:
    """Compare the backup of a tree with a tar of it; its memory does not grow with the number of files."""
    root, tarred = folder / "tree", folder / "tree.tar"
    _fill(root, files)
    plan = _plan(city, folder, root)
    tar = shutil.which("tar") or "tar"

    def limit() -> None:
        subprocess.run([tar, "--create", f"--file={tarred}", f"--directory={root}", "."], check=True)

    def ours() -> None:
        entries = files + -(-files // _FOLDER)
        meter.check(run.run(city.deployment, plan).rows == entries, "the entries of the tree")

    try:
        return city.pairs(f"backup.tree.{meter.size(files)}", 1, limit, ours, lambda: tarred.unlink(missing_ok=True))
    finally:
        shutil.rmtree(root)


def _fill(root: Path, files: int) -> None:
    """Make files of a few hundred bytes, no two alike."""
    for number in range(files):
        inside = root / f"{number // _FOLDER:06}"
        if number % _FOLDER == 0:
            inside.mkdir(parents=True)
        (inside / f"{number:09}.txt").write_text(f"{number:09}" * (20 + number % 20), encoding="ascii")


def _plan(city: meter.Bench, folder: Path, root: Path) -> plans.Plan:
    identity, recipient = keys.create()
    (folder / "near_tree").mkdir()
    os.environ |= {
        "GATEWAY_CONN_BENCH_TREE_RECIPIENT": recipient, "GATEWAY_CONN_BENCH_TREE_IDENTITY": identity,
        "GATEWAY_CONN_BENCH_TREE_NEAR": (folder / "near_tree").as_uri(),
    }  # fmt: skip
    path = folder / "bench_tree.yaml"
    path.write_text(_PLAN.format(unit=next(iter(city.deployment.catalog.units)), root=root), encoding="utf-8")
    return plans.read(path, city.deployment.catalog)
