"""A backup copied from one repository of its plan to another: every part held to the signed manifest, which comes last."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

from backup import available, records, restoring, wiring
from backup.plans import Place, Plan
from backup.repositories import copying
from backup.run import Progress, quiet
from gateway import settings
from gateway.deployment import Deployment
from gateway.errors import NotFound, RestoreRefused, Tampered


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied."""

    backup: str
    source: str
    target: str
    parts: int
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome for machines."""
        return {name: getattr(self, name) for name in self.__slots__}


def copy(
    deployment: Deployment,
    plan: Plan,
    source: str,
    target: str,
    progress: Progress = quiet,
    *,
    backup: str | None = None,
) -> Copied:
    """Copy a backup, the newest unless one is named; what an earlier try brought there is read back and not sent again.

    A damaged copy there gives way to it.

    The copy counts as stored: a drill of its own proves it. Tampered names a part that is not as it was stored; BackupBusy
    while a drill, a prune or another copy has the plan.
    """
    here, there = plan.place(source), plan.place(target)
    if here == there:
        raise RestoreRefused(f"repository {source} is both source and target", "Name two repositories of the plan.")
    with records.alone(deployment, plan, "copies") as hub:
        rows = [row for row in records.copies(hub, plan.plan, here.repository) if row["kind"] == "logical"]
        if backup is None and not rows:
            raise NotFound(f"plan {plan.plan} has no backup in repository {source}", "See `gateway backup list`.")
        name = backup or str(rows[-1]["backup"])
        near, far = wiring.repository(deployment, here), wiring.repository(deployment, there)
        made = restoring.manifest(near, name, deployment.keys.public_keys())
        if name in far.manifests():
            _make_way(deployment, here, there, name)
        spool = wiring.folder("copy", plan.plan)
        shutil.rmtree(spool)  # of a copy that died
        spool = wiring.folder("copy", plan.plan)
        try:
            restoring.refuse_space(max((part.bytes for part in made.parts), default=0), spool, f"copying {name}")
            copying.copy(name, {part.name: part.sha256 for part in made.parts}, near, far, spool, progress)
        finally:
            shutil.rmtree(spool)
        settings.failpoint("backup copied")
        records.copied(deployment, name, source, target, far.kept(name))
    return Copied(name, source, target, len(made.parts), made.bytes)


def _make_way(deployment: Deployment, here: Place, there: Place, backup: str) -> None:
    """Remove a copy that is damaged, once the one that is to replace it was read whole; a whole one stays."""
    if not available.verify(deployment, there, backup):
        return
    if faults := available.verify(deployment, here, backup):
        raise Tampered(f"{backup} is damaged in both repositories: {faults[0]}", "Keep both, and take another backup.")
    wiring.repository(deployment, there).delete(backup)
    records.moved(deployment, "drop", backup, there.repository, "damaged: a whole copy takes its place")
