"""WAL in a repository: each segment a sealed part with a signed manifest of its own, named so that a gap is seen from the names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from backup import manifest as manifests
from backup import parts
from backup.manifest import Part
from backup.physical import lsn
from backup.ports import Repository, Sealer
from gateway.errors import Tampered

PART = "wal.part"
_SHOWN = 3  # gaps that an error names


@dataclass(frozen=True, slots=True)
class Told:
    """What a segment's manifest says: whose it is, its one part, and until when every commit lies in it or before it."""

    plan: str
    system: str
    segment: str
    part: Part
    profile: str
    through: datetime | None


def set_name(plan: str, system: str, segment: str) -> str:
    """Return the name under which a segment lies in a repository; no backup has such a name."""
    return f"{plan}.wal-{system}-{segment}"


def body(told: Told) -> dict[str, Any]:
    """Return a segment's manifest, to be signed."""
    return {
        "format": 1, "kind": "wal", "backup": set_name(told.plan, told.system, told.segment), "plan": told.plan,
        "system_identifier": told.system, "segment": told.segment, "part": manifests.part_body(told.part),
        "seal": {"profile": told.profile}, "through": told.through.isoformat() if told.through else None,
    }  # fmt: skip


def read(raw: bytes, name: str, public_keys: Mapping[str, str]) -> Told:
    """Return what a stored segment's manifest says; Tampered when it is changed, not ours, or another's."""
    found = manifests.opened(raw, name, public_keys)
    if found.get("kind") != "wal":
        raise Tampered(f"the manifest of {name} is that of no WAL", "Take another copy.")
    through = found["through"]
    return Told(
        found["plan"], found["system_identifier"], found["segment"], manifests.read_part(found["part"]), found["seal"]["profile"],
        datetime.fromisoformat(through) if through else None,
    )  # fmt: skip


class Archive:
    """The WAL of one server in one repository."""

    def __init__(self, repository: Repository, plan: str, system: str, public_keys: Mapping[str, str]) -> None:
        """Keep where it lies; nothing is read yet."""
        self._repository = repository
        self._plan, self._system, self._public_keys = plan, system, public_keys

    def names(self) -> list[str]:
        """Return the segments and timeline histories that are stored."""
        pattern = re.compile(re.escape(set_name(self._plan, self._system, "")) + r"([0-9A-F]{24}|[0-9A-F]{8}\.history)")
        return sorted(found[1] for name in self._repository.manifests() if (found := pattern.fullmatch(name)))

    def told(self, segment: str) -> Told:
        """Return what is known of a stored segment."""
        name = set_name(self._plan, self._system, segment)
        told = read(self._repository.manifest(name), name, self._public_keys)
        if (told.plan, told.system, told.segment) != (self._plan, self._system, segment):
            raise Tampered(f"the manifest of {name} is that of segment {told.segment}", "Take another copy.")
        return told

    def fetch(self, segment: str, opener: Sealer, folder: Path) -> Path:
        """Write a segment, checked and opened, into a folder; Tampered names what is missing or changed."""
        told = self.told(segment)
        sealed = parts.fetch(self._repository, set_name(self._plan, self._system, segment), told.part, folder)
        parts.unpack(told.part, sealed, opener, folder)
        return folder / segment

    def delete(self, segment: str) -> None:
        """Remove a segment that no kept base needs."""
        self._repository.delete(set_name(self._plan, self._system, segment))


def line(names: Iterable[str], first: str, size: int) -> tuple[list[str], list[int]]:
    """Return the segments that follow a first one without a gap, and the numbers that lack behind them.

    A server that was promoted goes on in another timeline: its segment of the same number follows too.
    """
    stored: dict[int, list[str]] = {}
    for name in names:
        if lsn.SEGMENT.fullmatch(name):
            stored.setdefault(lsn.number(name, size), []).append(name)
    begin = lsn.number(first, size)
    whole: list[str] = []
    at = begin
    while at in stored:
        whole += sorted(stored[at])
        at += 1
    last = max(stored, default=begin - 1)
    return whole, [n for n in range(at, last + 1) if n not in stored]


def named(numbers: Sequence[int], timeline: str, size: int) -> str:
    """Return missing segments as people read them: the first few, from and to."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])

    def name(n: int) -> str:
        return lsn.segment(int(timeline, 16), n * size, size)

    shown = [name(a) if a == b else f"{name(a)} to {name(b)}" for a, b in runs[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(runs) - _SHOWN} more gaps" if len(runs) > _SHOWN else "")
