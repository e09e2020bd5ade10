"""Write batches as files: a delta file of rows (U) and deleted keys (D), then its manifest, by which it is known again.

A file does not know what its reader holds: every row is new or changed, and counts as inserted.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, BinaryIO, Literal

from connectors import files_manifest, files_options
from connectors.files_manifest import Manifest
from connectors.files_options import Resource
from connectors.files_store import Store
from gateway.errors import CatalogInvalid
from gateway.model import Dataset, Platform
from gateway.ports import Delivery, Outgoing, Shape

_UNESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NULL = r"\N"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class FilesTarget:
    """A folder that the gateway may write. Raises PlatformUnavailable; AccessDenied, SchemaMismatch, CatalogInvalid."""

    format: Literal["binary", "text"] = "text"

    def __init__(self, platform: Platform, store: Store) -> None:
        """Keep where to write."""
        self._platform, self._store = platform, store

    def __repr__(self) -> str:
        """Name the platform, never the DSN."""
        return f"FilesTarget({self._platform.platform!r})"

    def describe(self, dataset: Dataset) -> Shape | None:  # noqa: ARG002 - nobody is there to ask
        """Return None: what the reader makes of a file cannot be asked."""
        return None

    def write(self, dataset: Dataset, batch: Outgoing) -> Delivery:
        """Write the batch's file and then its manifest; a number that has a manifest was delivered."""
        declared = self._declared(dataset)
        known = self._manifests(declared)
        for manifest in known:
            if manifest.sender.get("hub") == batch.hub and manifest.sender.get("number") == batch.number:
                return self._delivery(manifest, batch, repeated=True)
        noted = batch.memory.recall()  # the reader may have moved away whatever was here
        again = (noted.get("hub"), noted.get("number")) == (batch.hub, batch.number)
        if again and noted["written"]:
            return Delivery(batch.number, noted["rows"], 0, 0, noted["deleted"], repeated=True)
        newest = max([noted.get("sequence", 0), *(manifest.sequence for manifest in known)])
        sequence = noted["sequence"] if again else newest + 1
        made = self._store.write(
            declared.folder, _name(dataset, sequence), lambda out: _filled(out, declared, dataset, batch, sequence)
        )
        late = [manifest.taken_at for manifest in known]
        late += [datetime.fromisoformat(noted["taken_at"])] if noted else []
        made = replace(made, taken_at=max([made.taken_at, *late]))  # a batch sent again may have left before others
        batch.memory.keep(_note(made, batch, written=False))
        self._store.write(declared.folder, made.name, lambda out: out.write(files_manifest.written(made)))
        batch.memory.keep(_note(made, batch, written=True))
        return self._delivery(made, batch)

    def close(self) -> None:
        """Close the connection; may be called twice."""
        self._store.close()

    def _declared(self, dataset: Dataset) -> Resource:
        declared = files_options.resource(self._platform, dataset)
        if declared.format["kind"] != "csv":
            raise CatalogInvalid(
                f"platform {self._platform.platform}: options.resources.{dataset.name}.format: only csv is written",
                "Declare the resource's format as csv; the others are for reading.",
            )
        return declared

    def _manifests(self, declared: Resource) -> list[Manifest]:
        found = []
        for name in self._store.names(declared.folder):
            if name.endswith(files_manifest.SUFFIX):
                with self._store.open(declared.folder, name) as file, self._store.errors(f"read {name}"):
                    body = file.read(files_manifest.LARGEST + 1)
                found.append(files_manifest.parsed(name, body, self._platform.platform))
        return [manifest for manifest in found if manifest.dataset == declared.series]

    @staticmethod
    def _delivery(manifest: Manifest, batch: Outgoing, *, repeated: bool = False) -> Delivery:
        return Delivery(batch.number, manifest.rows - manifest.deleted, 0, 0, manifest.deleted, repeated)


def _name(dataset: Dataset, sequence: int) -> str:
    return f"{dataset.hub_name}_{sequence:06}.csv"


def _filled(out: BinaryIO, declared: Resource, dataset: Dataset, batch: Outgoing, sequence: int) -> Manifest:
    """Write a batch as a file and return what its manifest says."""
    file = _File(out, declared.charset)
    file.put([*declared.columns, declared.operation], declared)
    width, places = len(dataset.columns), [dataset.columns.index(k) for k in dataset.key]
    gone = batch.gone(_as_binary(_Lines(lambda cells: file.put([*_spread(cells, places, width), "D"], declared))))
    stamp = dataset.columns.index(dataset.cursor) if dataset.cursor else None
    newest = ""

    def put(cells: list[str | None]) -> None:
        nonlocal newest
        file.put([*cells, "U"], declared)
        if stamp is not None:
            newest = max(newest, cells[stamp] or "")  # the hub writes moments in UTC: they sort as text

    rows, name = batch.rows(_as_binary(_Lines(put))), _name(dataset, sequence)
    return Manifest(
        name + files_manifest.SUFFIX, declared.series, sequence, "delta", name, file.size, file.digest.hexdigest(),
        rows + gone, gone, max(batch.left, _moment(newest)), {"hub": batch.hub, "number": batch.number},
    )  # fmt: skip


def _note(made: Manifest, batch: Outgoing, *, written: bool) -> dict[str, Any]:
    """Return what to remember of a delivery: its number is used up when its manifest may have been seen."""
    return {
        "hub": batch.hub, "number": batch.number, "sequence": made.sequence, "taken_at": made.taken_at.isoformat(),
        "rows": made.rows - made.deleted, "deleted": made.deleted, "written": written,
    }  # fmt: skip


class _File:
    """A CSV file in the making, with its size and checksum."""

    def __init__(self, out: BinaryIO, charset: str) -> None:
        self._out, self._charset = out, charset
        self.size, self.digest = 0, sha256()

    def put(self, cells: Sequence[str | None], declared: Resource) -> None:
        """Write a row: null as it is declared, a text that reads like null in quotes."""
        delimiter, null = declared.format.get("delimiter", ","), declared.format.get("null", "")
        texts = [null if cell is None else _quoted(cell, delimiter, null) for cell in cells]
        data = (delimiter.join(texts) + "\r\n").encode(self._charset)
        self._out.write(data)
        self.size += len(data)
        self.digest.update(data)


class _Lines(io.RawIOBase):
    """Takes a COPY stream in text format and hands each row on."""

    def __init__(self, put: Callable[[list[str | None]], None]) -> None:
        self._put, self._rest = put, b""

    def writable(self) -> bool:
        """Tell that it is there to be written to."""
        return True

    def write(self, data: object) -> int:
        """Take a piece, which may end anywhere."""
        piece = bytes(data)  # type: ignore[call-overload]
        *whole, self._rest = (self._rest + piece).split(b"\n")
        for line in whole:
            self._put([_value(cell) for cell in line.decode().split("\t")])
        return len(piece)


def _moment(text: str) -> datetime:
    """Return the moment of a cursor: a row may be of the very second in which its batch left, but none is of the future."""
    try:
        return min(datetime.fromisoformat(text), datetime.now(UTC))
    except ValueError:  # none, infinity, or beyond the year 9999
        return _LONG_AGO


def _as_binary(lines: _Lines) -> BinaryIO:
    return lines  # type: ignore[return-value]


def _value(cell: str) -> str | None:
    if cell == _NULL:
        return None
    if "\\" not in cell:
        return cell
    first, *others = cell.split("\\")
    made, literal = [first], False
    for part in others:
        if literal or part:
            made.append(part if literal else _UNESCAPED.get(part[0], part[0]) + part[1:])
            literal = False
        else:  # two in a row are one
            made.append("\\")
            literal = True
    return "".join(made)


def _quoted(text: str, delimiter: str, null: str) -> str:
    if text == null or not text or any(sign in text for sign in ('"', "\n", "\r", delimiter)) or text[0].isspace():
        return '"' + text.replace('"', '""') + '"'
    return text


def _spread(cells: Sequence[str | None], places: Sequence[int], width: int) -> list[str | None]:
    """Return a row that holds a key alone."""
    row: list[str | None] = [None] * width
    for place, cell in zip(places, cells, strict=True):
        row[place] = cell
    return row
