"""A platform that exchanges files: writes deliveries into a folder as their owner does, and wrong ones too."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


def text(value: Any) -> str:
    """Return a value as a file holds it; null is nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def table(columns: Sequence[str], rows: Iterable[Row], charset: str = "utf-8", end: str = "\n") -> bytes:
    """Return a CSV file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end)
    writer.writerow(columns)
    writer.writerows([[text(row.get(c)) for c in columns] for row in rows])
    return out.getvalue().encode(charset)


@dataclass
class Folder:
    """Deliveries of one series, numbered as they are put."""

    path: Path
    series: str = "test.everything"
    number: int = 0

    def put(
        self, body: bytes, rows: int, kind: str = "delta", *, suffix: str = "csv", late: bool = False, **said: Any
    ) -> str:
        """Put a file and, unless it comes late, its manifest; `said` bends the manifest. Return the file's name."""
        self.number = said.get("sequence", self.number + 1)
        name = said.get("file", f"{self.series}.{self.number:04}.{suffix}")
        (self.path / name).write_bytes(body)
        if not late:
            self.tell(name, body, rows, kind, **said)
        return str(name)

    def tell(self, name: str, body: bytes, rows: int, kind: str = "delta", **said: Any) -> Path:
        """Write a manifest."""
        manifest = {
            "format": "exchange-manifest/1", "dataset": self.series, "sequence": self.number, "kind": kind, "file": name,
            "bytes": len(body), "sha256": sha256(body).hexdigest(), "rows": rows,
            "taken_at": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        place = self.path / said.pop("manifest", f"{name}.manifest.json")
        place.write_text(json.dumps(manifest | said), encoding="utf-8")
        return place
