"""The catalogue of backups is part of the chain of receipts; here it is held against the ledger and every repository."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection

from backup import available, records, wiring
from backup import manifest as manifests
from backup.plans import Place, Plan, Plans
from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import NotFound, Tampered
from gateway.exchange import proof

_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the catalogue holds: records of the chain and manifests that were checked, and every fault."""

    ok: bool
    records: int
    manifests: int
    faults: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict for machines."""
        return {"ok": self.ok, "records": self.records, "manifests": self.manifests, "faults": list(self.faults)}


def verify(deployment: Deployment, plans: Plans) -> Verdict:
    """Check the chain, then that ledger and repositories hold what it says: no backup more, none less, none changed.

    Each manifest carries the end of the chain as it was then: a chain cut off later is found by that.
    """
    chain = proof.verify(deployment, content=False)
    faults = [f"chain: {chain.first_fault}"] if chain.first_fault else []
    checked = 0
    with (
        closing(deployment.hub(name="gateway backup catalogue", autocommit=True)) as hub,
        pg.hub_errors("read the catalogue"),
    ):
        told = _told(hub)
        faults += _ledger_faults(hub, told)
        for plan in plans.plans.values():
            for place in plan.places:
                found = dict(_stored(deployment, plan, place))
                checked += len(found)
                faults += _repository_faults(deployment, hub, told, place, found)
                gone = {row["backup"] for row in records.copies(hub, plan.plan, place.repository)} - found.keys()
                faults += [f"{name} is no longer in repository {place.repository}" for name in sorted(gone)]
    return Verdict(not faults, chain.checked, checked, tuple(faults))


def _told(hub: Connection) -> dict[str, Mapping[str, Any]]:
    """Return what the chain says was stored, by backup."""
    bodies = [json.loads(row["body"]) for row in records.asked(hub, "chained", {})]
    return {body["backup"]: body for body in bodies if body["what"] == "stored"}


def _ledger_faults(hub: Connection, told: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    kept = {row["backup"]: row for row in records.listing(hub, limit=_LIMIT) if row["manifest"]}
    for name in sorted(told.keys() | kept.keys()):
        if name not in kept:
            yield f"the ledger lost backup {name}"
        elif name not in told:
            yield f"the chain has no record of backup {name}"
        elif kept[name]["manifest"] != told[name]["manifest"]:
            yield f"the ledger's row of {name} was changed"


def _stored(deployment: Deployment, plan: Plan, place: Place) -> Iterator[tuple[str, bytes]]:
    repository = wiring.repository(deployment, place)
    for name in available.names(repository, plan):
        try:
            yield name, repository.manifest(name)
        except NotFound:  # pruned just now
            continue


def _repository_faults(
    deployment: Deployment,
    hub: Connection,
    told: Mapping[str, Mapping[str, Any]],
    place: Place,
    found: Mapping[str, bytes],
) -> Iterator[str]:
    for name, raw in found.items():
        where = f"{name} in repository {place.repository}"
        try:
            head = manifests.read(raw, name, deployment.keys.public_keys()).head
        except Tampered as error:
            yield f"{where}: {error.message}"
            continue
        if name not in told:
            yield f"{where} is not in the chain"
        elif told[name]["manifest"] != manifests.digest(raw):
            yield f"{where} has another manifest than the chain says"
        if head is not None:
            known = records.asked(hub, "hash_at", {"no": head["no"]})
            if not known or known[0]["hash"] != head["hash"]:
                yield f"{where} knows a record {head['no']} of the chain that is not there: the chain was cut off or replaced"
