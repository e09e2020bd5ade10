"""The files of a data set in their order: the newest full file and the delta files after it are its state.

What counts is decided by manifests, never by names or times of files. A file without a manifest is not there yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from connectors.files_manifest import Manifest
from gateway.errors import SchemaMismatch, SourceChanged

_REPEATED = "The run is repeated."


@dataclass(frozen=True, slots=True)
class Series:
    """The full file that the state begins with, if any, and the delta files after it."""

    base: Manifest | None
    deltas: tuple[Manifest, ...]

    @property
    def newest(self) -> Manifest:
        """Return the last delivery."""
        last = self.deltas[-1] if self.deltas else self.base
        assert last is not None
        return last

    @property
    def identity(self) -> str:
        """Return what changes when rows may be gone: a new full file, or a delta file that deletes."""
        deleting = [delta.sequence for delta in self.deltas if delta.deleted]
        base = f"{self.base.sequence}:{self.base.sha256}" if self.base else "0"
        return f"{self.newest.dataset}@{base}/{max(deleting, default=0)}"

    def since(self, moment: datetime | None) -> Series:
        """Return the part of the series that may hold rows stamped after a moment."""
        if moment is None or (self.base and self.base.taken_at > moment):
            return self
        return Series(None, tuple(delta for delta in self.deltas if delta.taken_at > moment))


def series(manifests: Iterable[Manifest], files: Mapping[str, int], what: str) -> Series:
    """Return the state's files. SchemaMismatch for a contradiction, SourceChanged (retryable) for a gap or a partial file."""
    ordered = _once_each(manifests, files, what)
    if not ordered:
        raise SchemaMismatch(
            f"{what} has no delivery yet",
            "A delivery is a file and its manifest, which comes last; the manual's page Connectors tells how they are named.",
        )
    _refuse_turned_clock(ordered, what)
    fulls = [manifest for manifest in ordered if manifest.kind == "full"]
    base = fulls[-1] if fulls else None
    deltas = tuple(m for m in ordered if m.sequence > (base.sequence if base else 0))
    _refuse_gap(base, deltas, what)
    _refuse_doubles(deltas, what)
    for manifest in (*([base] if base else []), *deltas):
        _refuse_partial(manifest, files, what)
    return Series(base, deltas)


def _once_each(manifests: Iterable[Manifest], files: Mapping[str, int], what: str) -> list[Manifest]:
    """Return one manifest a sequence number in order; the same delivery sent again is nothing new."""
    found: dict[int, Manifest] = {}
    for manifest in sorted(manifests, key=lambda m: m.name):
        known = found.get(manifest.sequence)
        if known and known.same != manifest.same:
            raise SchemaMismatch(
                f"delivery {manifest.sequence} of {what} was sent twice with other content: "
                f"{known.name} and {manifest.name} differ",
                "Take the wrong one away; what is corrected comes as a delivery with a number of its own.",
            )
        if known is None or known.file not in files:
            found[manifest.sequence] = manifest
    return [found[number] for number in sorted(found)]


def _refuse_turned_clock(ordered: list[Manifest], what: str) -> None:
    for before, after in pairwise(ordered):
        if after.taken_at < before.taken_at:
            raise SchemaMismatch(
                f"delivery {after.sequence} of {what} was taken before delivery {before.sequence}",
                "Ask the platform's owner which of the two is the newer; its number must be the higher.",
            )


def _refuse_gap(base: Manifest | None, deltas: tuple[Manifest, ...], what: str) -> None:
    """Wait for a delivery that is missing between others: what came after it does not count before it."""
    expected = base.sequence + 1 if base else 1
    for manifest in deltas:
        if manifest.sequence != expected:
            raise SourceChanged(
                f"delivery {expected} of {what} is missing, delivery {manifest.sequence} is there",
                "Ask the platform's owner to send it, or a full file; a file counts when its manifest is there.",
            )
        expected += 1


def _refuse_doubles(deltas: tuple[Manifest, ...], what: str) -> None:
    """Refuse a file that came before, unless its sender numbers both: a key may come, go, and come again alike."""
    seen: dict[str, Manifest] = {}
    for manifest in deltas:
        known = seen.get(manifest.sha256)
        if manifest.rows and known and (not manifest.sender or manifest.sender == known.sender):
            raise SchemaMismatch(
                f"delivery {manifest.sequence} of {what} is delivery {known.sequence} again under another number",
                "Ask the platform's owner for what belongs there: old rows would replace newer ones.",
            )
        seen[manifest.sha256] = manifest


def _refuse_partial(manifest: Manifest, files: Mapping[str, int], what: str) -> None:
    size = files.get(manifest.file)
    if size is None:
        alike = sorted(name for name, other in files.items() if other == manifest.bytes)
        words = f"; {alike[0]} is as large: was it renamed?" if alike else ""
        raise SourceChanged(
            f"file {manifest.file} of delivery {manifest.sequence} of {what} is not there{words}",
            f"{_REPEATED} A file keeps the name that its manifest tells.",
        )
    if size != manifest.bytes:
        raise SourceChanged(
            f"file {manifest.file} of {what} is partial: {size} of {manifest.bytes} bytes are there",
            f"{_REPEATED} A writer uploads under a temporary name, renames, and writes the manifest last.",
        )
