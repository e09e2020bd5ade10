"""WAL that no kept base needs goes after the bases that went."""

from __future__ import annotations

from backup import available, restoring, wiring
from backup.physical import lsn
from backup.physical.segments import Archive
from backup.plans import Place, Plan
from gateway.deployment import Deployment


def needless(deployment: Deployment, plan: Plan, place: Place) -> list[tuple[Archive, str]]:
    """Return the segments in a repository that lie before every base that is there; without a base, none."""
    repository, keys = wiring.repository(deployment, place), deployment.keys.public_keys()
    firsts: dict[str, tuple[str, int]] = {}
    for name in available.names(repository, plan):
        told = restoring.manifest(repository, name, keys).physical
        if told is not None:
            first, size = str(told["first"]), int(told["segment_bytes"])
            system = str(told["system_identifier"])
            oldest = firsts.get(system)
            if oldest is None or lsn.number(first, size) < lsn.number(oldest[0], size):
                firsts[system] = (first, size)
    found = []
    for system, (first, size) in firsts.items():
        archive = Archive(repository, plan.plan, system, keys)
        before = lsn.number(first, size)
        found += [(archive, n) for n in archive.names() if lsn.SEGMENT.fullmatch(n) and lsn.number(n, size) < before]
    return found
