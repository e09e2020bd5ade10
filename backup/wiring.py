"""From a plan's names to what they stand for: the source's address, the repositories, keys to seal for and to open with."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from backup import repositories, seal
from backup.plans import Place, Plan
from backup.ports import Repository, Sealer
from gateway import settings
from gateway.deployment import Deployment
from gateway.errors import ConnectionUnknown, SealKeyRefused, SourceUnfit


def source_dsn(deployment: Deployment, plan: Plan) -> str:
    """Return the address of what a plan backs up."""
    return deployment.hub_dsn if plan.connection is None else secret(deployment, plan.connection)


def tree(deployment: Deployment, plan: Plan) -> Path:
    """Return the folder of a tree of files; SourceUnfit when its connection leads to no folder of this machine."""
    if plan.connection is None:
        return Path(plan.path)
    found = urlsplit(secret(deployment, plan.connection))
    if found.scheme != "file" or found.netloc or not found.path.startswith("/"):
        raise SourceUnfit(
            f"connection {plan.connection} leads to no folder of this machine",
            "Write file:///folder; mount what is elsewhere.",
        )
    return Path(unquote(found.path))


def sealer(deployment: Deployment, plan: Plan) -> Sealer:
    """Return what seals for the plan's recipients: it cannot open what it sealed."""
    return seal.sealer(plan.profile, {name: _key(deployment, name) for name in plan.recipients})


def opener(deployment: Deployment, plan: Plan, profile: str) -> Sealer:
    """Return what opens with the plan's identity, which only workers that drill or restore have."""
    return seal.opener(profile, _key(deployment, plan.identity))


def repository(deployment: Deployment, place: Place) -> Repository:
    """Return a repository of a plan."""
    return repositories.open_repository(secret(deployment, place.connection))


def secret(deployment: Deployment, name: str) -> str:
    """Return what a connection's name stands for; ConnectionUnknown when nothing resolves it."""
    if found := deployment.resolve(name):
        return found
    hint = f"Set GATEWAY_CONN_{name} or add the Airflow connection {name.lower()}."
    raise ConnectionUnknown(f"connection {name} is not configured", hint)


def folder(kind: str, name: str) -> Path:
    """Return a working folder below GATEWAY_HOME/backup, readable by the gateway alone; made when missing."""
    found = settings.home() / "backup" / kind / name
    found.mkdir(parents=True, exist_ok=True, mode=0o700)
    return found


def _key(deployment: Deployment, name: str) -> str:
    if found := deployment.resolve(name):
        return found
    raise SealKeyRefused(f"key {name} is not configured", f"Set GATEWAY_CONN_{name}, or put it into GATEWAY_SECRETS.")
