"""The receipt of a delivered file: what its sender gets back. JSON beside the file, `<file>.receipt.json`; it holds no value."""

from __future__ import annotations

import json
from collections.abc import Iterator

from connectors.files_delivery import Delivered
from connectors.files_manifest import Manifest
from connectors.files_merge import OPERATIONS
from connectors.files_rows import OPERATION, Record, batches
from gateway.ports import Decided
from gateway.records import lines

SUFFIX = ".receipt.json"
FORMAT = "exchange-receipt/1"
_DELETED = "file.deleted"  # of a record that only names a key: no row in quarantine is like it


def name(manifest: Manifest) -> str:
    """Return what a delivery is called for good: a folder that begins anew at 1 brings others."""
    return f"{manifest.sequence}-{manifest.sha256}"


def written(manifest: Manifest, decided: Decided) -> bytes:
    """Return the receipt as JSON."""
    rejected = sum(decided.rules.values())
    said = {
        "format": FORMAT, "dataset": manifest.dataset, "sequence": manifest.sequence, "file": manifest.file,
        "sha256": manifest.sha256, "read": manifest.rows, "landed": manifest.rows - rejected, "rejected": rejected,
        "rules": dict(decided.rules), "rejects": [{"row": row, "rule": rule} for row, rule in decided.rejects],
        "batch": decided.batch, "receipt": decided.receipt, "hash": decided.hash, "decided_at": decided.at.isoformat(),
    }  # fmt: skip
    return json.dumps(said, ensure_ascii=False, indent=1).encode()


def numbered(delivered: Delivered, manifest: Manifest) -> Iterator[tuple[int, bytes]]:
    """Yield every record of a file as lines for the hub, those that delete too, each time with their number."""
    if manifest.kind == "full":  # its records say no operation
        yield from delivered.pieces()
        return
    for batch in batches(delivered.records()):
        yield len(batch), lines((fault, values[:-1]) for fault, values in map(_judged, batch))


def _judged(record: Record) -> Record:
    fault, values = record
    if fault is None and values[-1] not in OPERATIONS:
        return OPERATION, values
    return (_DELETED, values) if fault is None and values[-1] == "D" else record
