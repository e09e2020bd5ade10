"""Where a recovery finds WAL: in every repository of a plan, and on this machine what was received and is not stored yet."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from backup import wiring
from backup.manifest import Manifest
from backup.physical import lsn, segments
from backup.physical.segments import Archive
from backup.plans import Place, Plan
from backup.ports import Sealer
from gateway.deployment import Deployment
from gateway.errors import GatewayError, RepositoryRefused, RepositoryUnavailable, Tampered, WalGap

_PARTIAL = ".partial"


@dataclass
class Supply:
    """The WAL behind one base."""

    made: Manifest
    archives: Sequence[tuple[Archive, frozenset[str]]]
    local: Path | None
    opener: Sealer | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Return the size of a segment."""
        return int(self._physical["segment_bytes"])

    @property
    def _physical(self) -> dict[str, str]:
        assert self.made.physical is not None
        return dict(self.made.physical)

    def line(self) -> tuple[list[str], list[int]]:
        """Return the segments that follow the base without a gap, and the numbers that lack behind."""
        names = {name for _, stored in self.archives for name in stored} | set(self._here())
        return segments.line(names, self._physical["first"], self.size)

    def behind(self) -> tuple[list[str], list[int], list[int]]:
        """Return the segments that follow the base without a gap, the numbers it lacks up to its restore point, and all it lacks."""
        line, lacking = self.line()
        have = lsn.number(line[-1], self.size) if line else lsn.number(self._physical["first"], self.size) - 1
        needed = list(range(have + 1, lsn.number(self._physical["last"], self.size) + 1))
        return line, needed, sorted({*lacking, *needed})

    def to_point(self) -> None:
        """Refuse a base whose WAL lacks a segment before its restore point, whatever lacks behind that."""
        _, needed, _ = self.behind()
        if needed:
            self.whole()

    def whole(self, until: datetime | None = None) -> list[str]:
        """Return the segments that follow the base without a gap; WalGap when one that is needed lacks.

        Until a moment, a gap behind it does no harm; a base needs WAL up to its own restore point in any case.
        """
        line, behind, lacking = self.behind()
        if not lacking:
            return line
        last, through = self._physical["last"], self.through(line)
        if not behind and until is not None and through is not None and until <= through:
            return line
        raise WalGap(
            f"WAL of {self.made.plan} has a gap behind {self.made.backup}: {segments.named(lacking, last[:8], self.size)} not stored",
            f"Name a time up to {through.isoformat(timespec='seconds')}, or one after the next base backup." if through and not behind
            else "Restore from another base: `gateway backup list`.",
        )  # fmt: skip

    def through(self, line: Sequence[str]) -> datetime | None:
        """Return until when every commit lies in the stored segments, as the newest of them that knows says."""
        for name in reversed(line):
            for archive, stored in self.archives:
                if name in stored and (found := archive.told(name).through):
                    return found
        return None

    def fetch(self, name: str, folder: Path) -> Path | None:
        """Return a segment as a file in a folder; a copy that is damaged is passed over where there is another."""
        assert self.opener is not None
        failure: GatewayError | None = None
        for archive, stored in self.archives:
            if name not in stored:
                continue
            try:
                return archive.fetch(name, self.opener, folder)
            except (Tampered, RepositoryUnavailable, RepositoryRefused) as error:
                failure = error
                self.remarks.append(f"{name}: {error.message}")
        if here := self._here().get(name):
            return Path(shutil.copyfile(here, folder / name))
        if failure is not None:
            raise failure
        return None

    def _here(self) -> dict[str, Path]:
        """Return what this machine received and did not store yet: the last segment is not even full."""
        if self.local is None or not self.local.exists():
            return {}
        found = {p.name.removesuffix(_PARTIAL): p for p in sorted(self.local.glob(f"*{_PARTIAL}"))}
        found |= {p.name: p for p in self.local.iterdir() if lsn.known(p.name)}
        return {name: path for name, path in found.items() if lsn.known(name)}


def of(deployment: Deployment, plan: Plan, made: Manifest, places: Sequence[Place], *, local: bool) -> Supply:
    """Return the WAL behind a base; a repository that does not answer is passed over while another does."""
    assert made.physical is not None
    archives: list[tuple[Archive, frozenset[str]]] = []
    remarks: list[str] = []
    keys = deployment.keys.public_keys()
    for place in places:
        try:
            archive = Archive(wiring.repository(deployment, place), plan.plan, made.physical["system_identifier"], keys)
            archives.append((archive, frozenset(archive.names())))
        except (RepositoryUnavailable, RepositoryRefused) as error:
            remarks.append(error.message)
    here = wiring.folder("wal", plan.plan) if local else None
    return Supply(made, archives, here, remarks=remarks)
