"""One delivered file as records: its bytes are compared with its manifest while they are read, and counted at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, BinaryIO

from connectors import files_csv, files_jsonl, files_xlsx, files_xml
from connectors.files_charset import decoded, utf8
from connectors.files_manifest import Manifest
from connectors.files_options import Resource
from connectors.files_rows import Record, batches, places, written
from connectors.files_store import Store
from connectors.http_peer import Clock
from connectors.soap_records import Plan
from gateway.errors import PlatformUnavailable, SchemaMismatch, SourceChanged
from gateway.model import Dataset

_CHUNK = 262_144
_PIECE = 32_768  # what an SFTP server sends in one answer


class Delivered:
    """The file of a manifest. Raises SourceChanged (retryable) when it is not what the manifest says, SchemaMismatch."""

    def __init__(
        self, store: Store, resource: Resource, dataset: Dataset, manifest: Manifest, clock: Clock, where: str
    ) -> None:
        """Keep where it is; nothing is opened yet."""
        self._store, self._resource, self._dataset, self._manifest = store, resource, dataset, manifest
        self._clock, self._what = clock, f"file {manifest.file} of {where}"

    def records(self) -> Iterator[Record]:
        """Yield every record; when the last has come, the file was whole and as its manifest says."""
        came = 0
        with self._cause_first():
            for record in self._read():
                came += 1
                yield record
        self._refuse_other(came)

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """Yield lines of records, each time with their number; after the last the file was as its manifest says."""
        came = 0
        with self._cause_first():
            for number, text in self._encoded():
                came += number
                yield number, text
        self._refuse_other(came)

    def copy(self, out: BinaryIO) -> int:
        """Write a line for every record and return their number; then the file was whole and as its manifest says."""
        came = 0
        for number, text in self.pieces():
            out.write(text)
            came += number
        return came

    def _refuse_other(self, came: int) -> None:
        if came != self._manifest.rows:
            raise SchemaMismatch(
                f"{self._what} has {came} rows, its manifest says {self._manifest.rows}",
                "Ask the platform's owner which is right; nothing of it was taken.",
            )

    def names(self) -> tuple[set[str] | None, list[str]]:
        """Return the fields that its header or its first records have (None without a record), and every name there."""
        with self._cause_first():
            return self._names()

    @contextmanager
    def _cause_first(self) -> Iterator[None]:
        """Tell that a file is not as its manifest tells rather than what that led to."""
        try:
            yield
        except SchemaMismatch:
            for _ in self._chunks():
                pass
            raise

    def _names(self) -> tuple[set[str] | None, list[str]]:
        kind, resource = self._resource.format["kind"], self._resource
        if kind in {"csv", "xlsx"}:
            header = self._header(kind)
            columns = dict(zip(self._dataset.columns, resource.columns, strict=True))
            return {field for field, column in columns.items() if column in header}, header
        if kind == "jsonl":
            first = next(batches(files_jsonl.objects(self._texts(), self._what)), [])
            names = list(dict.fromkeys(name for _, found in first for name in found))
            return ({f for f, p in resource.fields.items() if p[0] in names} if first else None), names
        return self._elements_seen()

    def _header(self, kind: str) -> list[str]:
        if kind == "csv":
            return files_csv.header(self._texts(), self._resource.format.get("delimiter", ","), self._what)
        with self._whole() as file:
            return files_xlsx.header(file, self._resource.format.get("sheet"), self._what)

    def _elements_seen(self) -> tuple[set[str] | None, list[str]]:
        plan, found, names, came = Plan(self._resource.fields), set[str](), dict[str, None](), 0
        for came, element in enumerate(self._elements(), 1):
            found |= plan.found(element)
            names.update((child.tag.rpartition("}")[2], None) for child in element)
            if came == 1_000:  # noqa: PLR2004 - a sample
                break
        return (found if came else None), list(names)

    def _encoded(self) -> Iterator[tuple[int, bytes]]:
        if self._resource.format["kind"] == "csv":
            return files_csv.encoded(utf8(self._chunks(), self._resource.charset, self._what), *self._table)
        return written(self._read())

    @property
    def _table(self) -> tuple[str, str, Callable[[list[str]], list[int | None]], str]:
        form = self._resource.format
        return form.get("delimiter", ","), form.get("null", ""), self._place, self._what

    def _read(self) -> Iterator[Record]:
        form, resource = self._resource.format, self._resource
        if form["kind"] == "csv":
            yield from files_csv.records(self._texts(), *self._table)
        elif form["kind"] == "jsonl":
            yield from files_jsonl.records(
                self._texts(), self._dataset, resource.columns, resource.operation, self._what
            )
        elif form["kind"] == "xml":
            plan = Plan({**resource.fields, "": (resource.operation,)})
            yield from map(plan.values, self._elements())
        else:
            with self._whole() as file:
                yield from files_xlsx.records(file, form.get("sheet"), self._place, self._what)

    def _elements(self) -> Iterator[Any]:
        return files_xml.elements(self._texts(), self._resource.format["record"], self._what)

    @property
    def _place(self) -> Callable[[list[str]], list[int | None]]:
        return lambda header: places(header, self._dataset, self._resource, self._what)

    def _texts(self) -> Iterator[str]:
        return decoded(self._chunks(), self._resource.charset, self._what)

    def _whole(self) -> BinaryIO:
        """Return a copy that can be read from any place."""
        copy = tempfile.TemporaryFile(prefix="gateway-files-")  # noqa: SIM115 - its reader closes it
        for chunk in self._chunks():
            copy.write(chunk)
        copy.seek(0)
        return copy

    def _chunks(self) -> Iterator[bytes]:
        """Yield the file's bytes; SourceChanged at their end, or before, when they are not the manifest's."""
        digest, size = sha256(), 0
        with self._store.open(self._resource.folder, self._manifest.file) as file:
            while chunk := self._next(file):
                size += len(chunk)
                digest.update(chunk)
                if size > self._manifest.bytes:
                    break
                yield chunk
        if size != self._manifest.bytes or digest.hexdigest() != self._manifest.sha256:
            raise SourceChanged(
                f"{self._what} is not what its manifest tells: its checksum differs",
                "The run is repeated. When it stays so, the file was changed or cut after its manifest was written: "
                "ask the platform's owner to send it again.",
            )

    def _next(self, file: BinaryIO) -> bytes:
        """Return some more of the file, asked for in pieces small enough for the clock to be looked at in between."""
        pieces, size = list[bytes](), 0
        while size < _CHUNK and (piece := self._piece(file)):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def _piece(self, file: BinaryIO) -> bytes:
        if self._clock.left() <= 0:
            self._store.close()  # a file of a slow server would be closed when what was asked for has come
            raise PlatformUnavailable(
                f"{self._what} did not come within the time of one read",
                "Raise `limits.seconds` of the platform, or ask its owner for smaller files.",
            )
        with self._store.errors(f"read {self._manifest.file}"):
            return file.read(_PIECE)
