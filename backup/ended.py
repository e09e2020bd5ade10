"""What a run that broke off leaves: a whole backup where its manifest lies already, and else nothing."""

from __future__ import annotations

from contextlib import suppress

from backup import manifest as manifests
from backup import records, wiring
from backup.plans import Plan
from backup.ports import Kept
from gateway.deployment import Deployment
from gateway.errors import GatewayError


def broke_off(deployment: Deployment, plan: Plan, backup: str, error: GatewayError) -> None:
    """Note how a run ended that an error broke off: repositories that had its manifest by then keep the backup.

    Without any, its parts are removed; where a repository is away or holds them locked they stay, and are no backup.
    """
    raws = {place.repository: _manifest(deployment, plan, place.repository, backup) for place in plan.places}
    if raw := next((raw for raw in raws.values() if raw), None):
        made = manifests.read(raw, backup, deployment.keys.public_keys())
        kept = {name: _kept(deployment, plan, name, backup) for name, raw in raws.items() if raw}
        records.stored(deployment, plan, made, manifests.digest(raw), kept)
        records.fell_short(deployment, plan, backup, error)
        return
    records.failed(deployment, plan, backup, error)
    sweep(deployment, plan, backup)


def sweep(deployment: Deployment, plan: Plan, backup: str) -> None:
    """Remove what a run without a manifest left in the repositories, as far as they let it."""
    for place in plan.places:
        with suppress(GatewayError):
            wiring.repository(deployment, place).delete(backup)


def _manifest(deployment: Deployment, plan: Plan, repository: str, backup: str) -> bytes | None:
    with suppress(GatewayError):  # not there, or nobody can tell now
        return wiring.repository(deployment, plan.place(repository)).manifest(backup)
    return None


def _kept(deployment: Deployment, plan: Plan, repository: str, backup: str) -> Kept:
    with suppress(GatewayError):  # its lock is not known then; the store holds it all the same
        return wiring.repository(deployment, plan.place(repository)).kept(backup)
    return Kept()
