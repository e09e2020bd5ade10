"""What became of runs that died, decided by what they left in the repositories."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection

from backup import ended, records, wiring
from backup import manifest as manifests
from backup.plans import Plan
from backup.ports import Repository
from gateway.deployment import Deployment
from gateway.errors import BackupFailed, NotFound


def settle(deployment: Deployment, hub: Connection, plan: Plan, kind: str) -> None:
    """Decide what became of runs that died: where a manifest lies, the backup exists; without one it came to nothing."""
    for backup in records.dead(hub, plan, kind):
        places = {place.repository: wiring.repository(deployment, place) for place in plan.places}
        found = {name: _manifest(repository, backup) for name, repository in places.items()}
        if raw := next((raw for raw in found.values() if raw), None):
            made = manifests.read(raw, backup, deployment.keys.public_keys())
            kept = {name: places[name].kept(backup) for name, raw in found.items() if raw}
            records.stored(deployment, plan, made, manifests.digest(raw), kept)
        else:
            gone = BackupFailed(f"the run of {backup} ended without a word", "Nothing is to be done.")
            records.failed(deployment, plan, backup, gone)
            ended.sweep(deployment, plan, backup)


def _manifest(repository: Repository, backup: str) -> bytes | None:
    try:
        return repository.manifest(backup)
    except NotFound:
        return None
