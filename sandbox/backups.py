"""A department that reports the copies of its self-built systems by files: GB18030 CSV in a folder, with manifests.

It writes as the interface demands: under a temporary name, then renamed, the manifest last. No server: the folder is the
platform, and it outlives the process.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox import copies
from sandbox.copies import CELLS, KEY, STATUS, Row

SEED = 20261126
SERIES = "备份情况"
COLUMNS: Mapping[str, str] = {
    "system": "系统名称", "copy_id": "备份编号", "unit": "单位代码", "kind": "备份类型", "bytes": "字节数",
    "started_at": "开始时间", "finished_at": "完成时间", "sha256": "校验值", "restored_on": "最近恢复日期",
    "result": "结果", "note": "说明",
}  # fmt: skip
_CLERK = "填报人"


class BackupReports:
    """The stand-in department; a context manager, though nothing runs."""

    def __init__(self, folder: Path, *, seed: int = SEED, days: int = copies.DAYS) -> None:
        """Take the folder that is the platform; fill it with a full file when it is new."""
        self._root, self._folder, self._seed = folder, folder / "backup", seed
        for name in ("received", "licences", "returned"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        if not (folder / "bad.json").exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._fill(days)

    def __enter__(self) -> Self:
        """Do nothing: files need no server."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing."""

    @property
    def dsn(self) -> str:
        """Return the address as GATEWAY_CONN_SELF_ZJJ holds it."""
        return self._root.resolve().as_uri()

    @property
    def bad(self) -> Mapping[str, list[tuple[tuple[Any, ...], str]]]:
        """Return what was filled in badly: the key and the rule that is to find it."""
        said = json.loads((self._root / "bad.json").read_text(encoding="utf-8"))
        return {STATUS: [(tuple(key), rule) for key, rule in said]}

    @property
    def files(self) -> list[Path]:
        """Return the manifests in the order of their numbers."""
        return sorted(self._folder.glob("*.manifest.json"))

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""
        rows = sum(json.loads(p.read_text(encoding="utf-8"))["rows"] for p in self.files)
        return f"the self-built systems' files are in {self._folder}: {len(self.files)} of them, {rows:,} rows"

    def live(self) -> None:
        """Report a copy that was just made."""
        self.deliver([copies.copy(0, datetime.now(UTC), self._seed)])

    def deliver(self, rows: Iterable[Row], gone: Iterable[Row] = ()) -> Path:
        """Write a delta file: new or changed rows, and rows whose keys are gone; return its manifest."""
        told = [(row, "I") for row in rows] + [(row, "D") for row in gone]
        lines = [[*_cells(row), operation] for row, operation in told]
        return self._put("delta", lines, sum(operation == "D" for _, operation in told))

    def _fill(self, days: int) -> None:
        """Write good rows and bad ones as a full file."""
        rows = list(copies.copies(datetime.now(UTC), self._seed, days))
        bad = []
        for number, rule in enumerate(copies.breakable()):
            row = copies.broken(rule, rows[number * 5]) | {"copy_id": f"BK-坏{number:02}"}
            bad.append((row, rule))
        lines = [_cells(row) for row in rows]
        lines += [_cells(row)[:-3] if rule == CELLS else _cells(row) for row, rule in bad]
        self._put("full", lines, 0)
        noted = [([row[k] for k in KEY], rule) for row, rule in bad]
        (self._root / "bad.json").write_text(json.dumps(noted, ensure_ascii=False), encoding="utf-8")

    def _put(self, kind: str, lines: list[list[str]], deleted: int) -> Path:
        number = len(self.files) + 1
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow([*COLUMNS.values(), _CLERK, *["操作"][: kind == "delta"]])
        writer.writerows(lines)
        body, name = out.getvalue().encode("gb18030"), f"备份情况{number:06}.csv"
        manifest = {
            "format": "exchange-manifest/1", "dataset": SERIES, "sequence": number, "kind": kind, "file": name,
            "bytes": len(body), "sha256": sha256(body).hexdigest(), "rows": len(lines), "deleted": deleted,
            "taken_at": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        self._write(name, body)
        return self._write(f"{name}.manifest.json", json.dumps(manifest, ensure_ascii=False).encode())

    def _write(self, name: str, body: bytes) -> Path:
        part = self._folder / f".{name}.part"
        part.write_bytes(body)
        return part.rename(self._folder / name)


def _cells(row: Row) -> list[str]:
    return ["" if row[name] is None else str(row[name]) for name in COLUMNS] + ["王备份"]
