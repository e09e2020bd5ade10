"""Which backups lie in a plan's repositories, told by their manifests alone: it works when hub and ledger are lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from backup import parts, restoring, wiring
from backup.manifest import Manifest
from backup.plans import Place, Plan
from backup.ports import Repository
from gateway.deployment import Deployment
from gateway.errors import NotFound, RepositoryRefused, RepositoryUnavailable, Tampered


@dataclass(frozen=True, slots=True)
class Copy:
    """A backup in one repository."""

    place: Place
    repository: Repository
    manifest: Manifest


def at(
    deployment: Deployment, plan: Plan, moment: datetime | None, repository: str | None = None, kind: str = "logical"
) -> Copy:
    """Return the newest backup of a kind taken at or before a moment, from the first repository that has it whole.

    A manifest that is not ours is passed over, a repository that does not answer too; NotFound when nothing is left.
    """
    best: Copy | None = None
    why: list[str] = []
    for place in [plan.place(repository)] if repository else plan.places:
        try:
            for copy in _copies(deployment, plan, place, why):
                fits = copy.manifest.kind == kind and (moment is None or copy.manifest.snapshot_at <= moment)
                if fits and (best is None or copy.manifest.snapshot_at > best.manifest.snapshot_at):
                    best = copy
        except (RepositoryUnavailable, RepositoryRefused) as error:
            why.append(error.message)
    if best is None:
        when = f" at or before {moment.isoformat()}" if moment else ""
        more = f": {'; '.join(why)}" if why else ""
        raise NotFound(
            f"no backup of plan {plan.plan} was taken{when}{more}", "Name a later time; see `gateway backup list`."
        )
    return best


def names(repository: Repository, plan: Plan) -> list[str]:
    """Return the backups of a plan in a repository, oldest first."""
    return sorted(name for name in repository.manifests() if name.rsplit("-", 2)[0] == plan.plan)


def _copies(deployment: Deployment, plan: Plan, place: Place, why: list[str]) -> Iterator[Copy]:
    repository = wiring.repository(deployment, place)
    for name in names(repository, plan):
        try:
            yield Copy(place, repository, restoring.manifest(repository, name, deployment.keys.public_keys()))
        except Tampered as error:
            why.append(error.message)


def verify(deployment: Deployment, place: Place, backup: str) -> list[str]:
    """Return what is wrong with the stored parts of a backup: missing, changed or unknown ones; nothing is opened."""
    repository = wiring.repository(deployment, place)
    folder = wiring.folder("verify", backup)
    faults = []
    try:
        for part in restoring.manifest(repository, backup, deployment.keys.public_keys()).parts:
            try:
                parts.fetch(repository, backup, part, folder).unlink()
            except Tampered as error:
                faults.append(error.message)
    except Tampered as error:
        faults.append(error.message)
    finally:
        shutil.rmtree(folder)
    return faults
