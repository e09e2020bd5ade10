"""From received WAL to the repositories: each complete segment is sealed, stored in every one, noted, and only then removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backup import manifest as manifests
from backup import parts
from backup.physical import lsn, notes, segments
from backup.physical.segments import Told
from backup.plans import Plan
from backup.ports import Repository, Sealer
from gateway import settings
from gateway.deployment import Deployment
from gateway.errors import NotFound, RepositoryRefused, Tampered


def received(folder: Path) -> list[Path]:
    """Return what is received whole and not yet stored, in order; histories first, for they are short."""
    names = [p for p in folder.iterdir() if lsn.SEGMENT.fullmatch(p.name) or lsn.HISTORY.fullmatch(p.name)]
    return sorted(names, key=lambda p: (lsn.SEGMENT.fullmatch(p.name) is not None, p.name))


@dataclass
class Shipper:
    """Stores the segments of one plan's server."""

    deployment: Deployment
    plan: Plan
    system: str
    sealer: Sealer
    repositories: Sequence[Repository]
    folder: Path

    def ship(self, path: Path, through: datetime | None) -> None:
        """Store a segment everywhere; doing it twice changes nothing, and what an earlier try sealed is gone on with."""
        name = segments.set_name(self.plan.plan, self.system, path.name)
        plain = parts.sha256(path)
        lacking = [r for r in self.repositories if not self._has(r, name, plain)]
        sealed, raw = self._sealed(path, through)
        settings.failpoint("wal sealed")
        for repository in lacking:
            kept = repository.put_part(name, segments.PART, sealed)
            part = segments.read(raw, name, self.deployment.keys.public_keys()).part
            if (kept.bytes, kept.sha256) != (part.bytes, part.sha256):
                raise Tampered(f"{name} is not in the repository as it was sent", "It is sent again.")
            repository.put_manifest(name, raw)
            settings.failpoint("wal stored")
        notes.stored(self.deployment, self.plan, self.system, path.name, through, sealed.stat().st_size)
        for done in (path, *self._kept(path.name)):
            done.unlink()

    def _has(self, repository: Repository, name: str, plain: str) -> bool:
        """Tell whether a repository has a segment already; another one of that name is another server's."""
        try:
            told = segments.read(repository.manifest(name), name, self.deployment.keys.public_keys())
        except NotFound:
            return False
        if told.part.plain_sha256 != plain:
            raise RepositoryRefused(
                f"{name} is stored with other content: two servers write WAL under one identity",
                "Find the other one; a restored copy must have been promoted, and the old one be gone.",
            )
        return True

    def _sealed(self, path: Path, through: datetime | None) -> tuple[Path, bytes]:
        sealed, raw = self._kept(path.name)
        if not raw.exists():
            copy = sealed.with_name(path.name)
            copy.unlink(missing_ok=True)
            copy.hardlink_to(path)  # sealing removes its source
            part = parts.seal(segments.PART, [copy], self.sealer, sealed)
            told = Told(self.plan.plan, self.system, path.name, part, self.plan.profile, through)
            draft = raw.with_suffix(".draft")
            draft.write_bytes(manifests.signed(segments.body(told), self.deployment.keys))
            draft.rename(raw)
        return sealed, raw.read_bytes()

    def _kept(self, name: str) -> tuple[Path, Path]:
        """Return where the sealed form and its manifest lie until both are stored everywhere."""
        folder = self.folder / "sealed"
        folder.mkdir(exist_ok=True, mode=0o700)
        return folder / f"{name}.part", folder / f"{name}.json"

    def sweep(self) -> None:
        """Remove what a shipper that died left of segments that are stored, and half-sealed ones."""
        folder = self.folder / "sealed"
        waiting = {path.name for path in received(self.folder)}
        for path in folder.iterdir() if folder.exists() else ():
            if path.suffix not in {".part", ".json"} or path.stem not in waiting:
                path.unlink()
