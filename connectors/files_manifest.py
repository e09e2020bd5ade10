"""The manifest of a delivered file: what a reader goes by, written last. JSON beside the file, `<file>.manifest.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jsonschema import Draft202012Validator

from connectors import strict_json
from gateway.errors import SchemaMismatch

SUFFIX = ".manifest.json"
LARGEST = 65_536
FORMAT = "exchange-manifest/1"
_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**53}
_NAME = {"type": "string", "pattern": r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,199}\Z"}
_VALIDATOR = Draft202012Validator(
    {
        "type": "object",
        "required": ["format", "dataset", "sequence", "kind", "file", "bytes", "sha256", "rows", "taken_at"],
        "properties": {
            "format": {"const": FORMAT},
            "dataset": {"type": "string", "minLength": 1},
            "sequence": {**_COUNT, "minimum": 1},
            "kind": {"enum": ["full", "delta"]},
            "file": _NAME,
            "bytes": _COUNT,
            "sha256": {"type": "string", "pattern": r"^[0-9a-f]{64}\Z"},
            "rows": _COUNT,
            "deleted": _COUNT,
            "taken_at": {"type": "string"},
            "sender": {"type": "object", "required": ["hub", "number"]},
        },
    }
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says of its file; `name` is the manifest's own.

    `rows` counts every line of the file, those of `deleted` keys among them. No row bears a cursor later than `taken_at`.
    """

    name: str
    dataset: str
    sequence: int
    kind: str
    file: str
    bytes: int
    sha256: str
    rows: int
    deleted: int
    taken_at: datetime
    sender: Mapping[str, Any] = field(default_factory=dict)

    @property
    def same(self) -> tuple[Any, ...]:
        """Return what two manifests of one delivery have in common."""
        return self.sequence, self.kind, self.bytes, self.sha256, self.rows, self.deleted


def parsed(name: str, body: bytes, platform: str) -> Manifest:
    """Return a manifest; SchemaMismatch naming the file and the first wrong field."""
    where = f"manifest {name} of platform {platform}"
    if len(body) > LARGEST:
        raise SchemaMismatch(f"{where} is larger than {LARGEST // 1024} KB", "A manifest is a small JSON object.")
    try:
        said = strict_json.loads(body.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except (ValueError, RecursionError):
        raise SchemaMismatch(
            f"{where} is no JSON in UTF-8", "Write it anew, under a temporary name, and rename it."
        ) from None
    wrong = next(iter(sorted(_VALIDATOR.iter_errors(said), key=lambda e: str(e.path))), None)
    if wrong is not None:
        place = ".".join(map(str, wrong.absolute_path)) or "its top"
        raise SchemaMismatch(
            f"{where}: {place} breaks {wrong.validator}", "The manual's page Connectors tells the fields."
        )
    return Manifest(
        name=name, taken_at=_moment(said["taken_at"], where), deleted=said.get("deleted", 0), sender=said.get("sender", {}),
        **{n: said[n] for n in ("dataset", "sequence", "kind", "file", "bytes", "sha256", "rows")},
    )  # fmt: skip


def written(manifest: Manifest) -> bytes:
    """Return the manifest as JSON."""
    said = {
        "format": FORMAT, "dataset": manifest.dataset, "sequence": manifest.sequence, "kind": manifest.kind,
        "file": manifest.file, "bytes": manifest.bytes, "sha256": manifest.sha256, "rows": manifest.rows,
        "deleted": manifest.deleted, "taken_at": manifest.taken_at.isoformat(),
    }  # fmt: skip
    if manifest.sender:
        said["sender"] = dict(manifest.sender)
    return json.dumps(said, ensure_ascii=False, indent=1).encode()


def _moment(text: str, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 - refused below, as it has no zone
    if moment.tzinfo is None:
        raise SchemaMismatch(f"{where}: taken_at is no moment with its offset", "Write 2026-11-25T02:00:00+08:00.")
    return moment
