"""Exchange files with a platform, in a folder or over SFTP: CSV, JSON Lines, XML, XLSX, each with a manifest.

The platform's state is its newest full file with the delta files after it. What it sends is not typed: every value leaves
as text, and the hub judges it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, BinaryIO, Literal

from connectors import (
    files_manifest,
    files_merge,
    files_options,
    files_receipt,
    files_series,
    files_sftp,
    files_store,
    untyped,
)
from connectors.files_delivery import Delivered
from connectors.files_manifest import Manifest
from connectors.files_options import OPTIONS, Limits, Resource
from connectors.files_series import Series
from connectors.files_store import Store
from connectors.files_target import FilesTarget
from connectors.http_peer import Clock
from gateway.errors import AccessDenied, SchemaMismatch
from gateway.model import Dataset, Platform
from gateway.ports import Brought, Decided, Description, Mark, Probe, Shape, Window

__all__ = ["OPTIONS", "Files", "connect", "connect_target"]
_MANIFESTS = 10_000
_HEAD = 65_536  # bytes that show how a file is written


def connect(platform: Platform, dsn: str) -> Files:
    """Return the platform as a source; CatalogInvalid for wrong options, SettingMissing for a DSN of no use."""
    options = files_options.checked(platform)
    return Files(platform, _store(platform, dsn), Limits(**options.get("limits", {})))


def connect_target(platform: Platform, dsn: str) -> FilesTarget:
    """Return the platform as a target; CatalogInvalid for wrong options, SettingMissing for a DSN of no use."""
    files_options.checked(platform)
    return FilesTarget(platform, _store(platform, dsn))


def _store(platform: Platform, dsn: str) -> Store:
    return files_sftp.remote(platform, dsn) if dsn.startswith("sftp:") else files_store.local(platform, dsn)


class Files:
    """Raises PlatformUnavailable, SourceChanged (retryable); AccessDenied, SchemaMismatch, CatalogInvalid (permanent)."""

    format: Literal["binary", "text"] = "text"
    typed = False

    def __init__(self, platform: Platform, store: Store, limits: Limits) -> None:
        """Keep where the files are."""
        self._platform, self._store, self._limits = platform, store, limits
        self._there: dict[str, Manifest] = {}
        self._read: tuple[Manifest, ...] = ()
        self._shown: tuple[str, Manifest, list[str]] | None = None

    def __repr__(self) -> str:
        """Name the platform, never the DSN."""
        return f"Files({self._platform.platform!r})"

    def probe(self, dataset: Dataset) -> Probe:
        """Return our clock; complete is what the newest delivery says it holds."""
        found, now = self._series(dataset), datetime.now(UTC)
        return Probe(at=now, now=now, upper=min(found.newest.taken_at, now), identity=found.identity)

    def describe(self, dataset: Dataset) -> Shape:
        """Return what the newest file shows."""
        declared = files_options.resource(self._platform, dataset)
        newest = self._series(dataset).newest
        found, names = self._delivered(declared, dataset, newest, Clock(self._limits.seconds)).names()
        self._shown = (dataset.name, newest, names)
        if newest.kind == "delta":
            names = [name for name in names if name != declared.operation]
        return untyped.shape(dataset, declared.fields, declared.ignored | {declared.operation}, found, names)

    def told(self, dataset: Dataset) -> Description:
        """Return the beginning of the newest file and of another one, and how files are declared to be written."""
        declared = files_options.resource(self._platform, dataset)
        series = self._series(dataset)
        others = [m for m in (series.base, *series.deltas) if m is not None and m is not series.newest]
        files = {"newest": series.newest} | ({"other": random.choice(others)} if others else {})  # noqa: S311 - any will do
        facts = {**declared.format, "operation": declared.operation}
        documents = {name: self._beginning(declared, dataset, manifest) for name, manifest in files.items()}
        return Description("file", documents, facts, key=dataset.name)

    def mark(self, dataset: Dataset, memo: str) -> Mark:  # noqa: ARG002 - a beginning is short
        """Return the sign of how the newest file is written: what is declared, its columns, and a CSV's first line."""
        declared = files_options.resource(self._platform, dataset)
        if self._shown is None or self._shown[0] != dataset.name:
            self.describe(dataset)
        assert self._shown is not None
        _, newest, names = self._shown
        said: list[Any] = [dict(declared.format), [name for name in names if name != declared.operation]]
        if declared.format["kind"] == "csv":
            with self._store.open(declared.folder, newest.file) as file, self._store.errors(f"read {newest.file}"):
                said.append((file.read(_HEAD) or b"").partition(b"\n")[0].hex())
        text = sha256(json.dumps(said, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
        return Mark(text, names=frozenset(step for path in declared.fields.values() for step in path))

    def _beginning(self, declared: Resource, dataset: Dataset, manifest: Manifest) -> Mapping[str, Any]:
        """Return the names of a file's columns in order, and its first bytes."""
        names = self._delivered(declared, dataset, manifest, Clock(self._limits.seconds)).names()[1]
        with self._store.open(declared.folder, manifest.file) as file, self._store.errors(f"read {manifest.file}"):
            head = file.read(_HEAD) or b""
        return {"head": head, "columns": names}

    @contextmanager
    def snapshot(self, parts: int = 1) -> Iterator[FilesSnapshot]:  # noqa: ARG002 - files come one after the other
        """Yield what reads the platform; it is one part."""
        yield FilesSnapshot(self)

    def close(self) -> None:
        """Close the connection; may be called twice."""
        self._store.close()

    def write(self, dataset: Dataset, window: Window, out: BinaryIO) -> int:
        """Write the rows of a window, or more, and return their number; any error tells that none of them counts."""
        declared, clock = files_options.resource(self._platform, dataset), Clock(self._limits.seconds)
        found = self._series(dataset).since(window.after)
        self._read = (*([found.base] if found.base else []), *found.deltas)
        key = [dataset.columns.index(name) for name in dataset.key]
        base = self._delivered(declared, dataset, found.base, clock) if found.base else None
        if not found.deltas:
            return base.copy(out) if base else 0
        deltas = [self._delivered(declared, dataset, delta, clock).records() for delta in found.deltas]
        return files_merge.write(base.records() if base else (), deltas, key, out)

    def brought(self, dataset: Dataset) -> Sequence[Brought]:  # noqa: ARG002 - one is read at a time
        """Return the deliveries that the last read took; none where the platform wants no receipts."""
        if not self._platform.options.get("receipts", True):
            return ()
        return [Brought(files_receipt.name(manifest), manifest.taken_at) for manifest in self._read]

    def holds(self, dataset: Dataset, name: str) -> bool:  # noqa: ARG002 - one is read at a time
        """Tell whether a delivery was still there at the last read."""
        return name in self._there

    def records(self, dataset: Dataset, name: str, out: BinaryIO) -> int:
        """Write a line for each record of a delivery in its order and return their number."""
        declared, manifest = files_options.resource(self._platform, dataset), self._there[name]
        delivered, came = self._delivered(declared, dataset, manifest, Clock(self._limits.seconds)), 0
        for number, text in files_receipt.numbered(delivered, manifest):
            out.write(text)
            came += number
        return came

    def tell(self, dataset: Dataset, name: str, decided: Decided) -> None:
        """Write the receipt beside the file, under a temporary name and then its own."""
        declared, manifest = files_options.resource(self._platform, dataset), self._there[name]
        receipt = files_receipt.written(manifest, decided)
        try:
            self._store.write(declared.folder, manifest.file + files_receipt.SUFFIX, lambda out: out.write(receipt))
        except AccessDenied as denied:
            hint = "The batch is in the hub. Give the gateway's account the right to write, or set options.receipts to false."
            raise AccessDenied(denied.message, hint) from None

    def _series(self, dataset: Dataset) -> Series:
        declared = files_options.resource(self._platform, dataset)
        files = self._store.names(declared.folder)
        named = sorted(name for name in files if name.endswith(files_manifest.SUFFIX))
        if len(named) > _MANIFESTS:
            raise SchemaMismatch(
                f"platform {self._where} has more than {_MANIFESTS:,} manifests in one folder",
                "Move away what a later full file has made superfluous.",
            )
        manifests = [self._manifest(declared.folder, name) for name in named]
        mine = [manifest for manifest in manifests if manifest.dataset == declared.series]
        self._there = {files_receipt.name(manifest): manifest for manifest in mine if manifest.file in files}
        found = files_series.series(mine, files, f"{declared.series} of platform {self._where}")
        for manifest in (*([found.base] if found.base else []), *found.deltas):
            if manifest.bytes > self._limits.file_mb * 1_048_576:
                raise SchemaMismatch(
                    f"file {manifest.file} of platform {self._where} is larger than {self._limits.file_mb} MB",
                    "Raise `limits.file_mb` of the platform, or ask its owner for smaller files.",
                )
        return found

    def _manifest(self, folder: str, name: str) -> Manifest:
        with self._store.open(folder, name) as file, self._store.errors(f"read {name}"):
            body = file.read(files_manifest.LARGEST + 1)
        return files_manifest.parsed(name, body or b"", self._where)

    def _delivered(self, declared: Resource, dataset: Dataset, manifest: Manifest, clock: Clock) -> Delivered:
        return Delivered(self._store, declared, dataset, manifest, clock, f"platform {self._where}")

    @property
    def _where(self) -> str:
        return self._platform.platform


class FilesSnapshot:
    """Reads the platform as it is now."""

    parts = 1

    def __init__(self, source: Files) -> None:
        """Keep the source."""
        self._source = source

    def copy(self, dataset: Dataset, window: Window, out: BinaryIO, part: int = 0) -> int:
        """Write a line for each row, with what is wrong with it."""
        return self._source.write(dataset, window, out) if part == 0 else 0
