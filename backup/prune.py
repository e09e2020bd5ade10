"""Retention of a plan's copies: what goes, what stays and why; two steps with days between, and never the last proven one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from backup import records, retention, wiring
from backup.physical.prune import needless
from backup.plans import Place, Plan
from gateway import settings
from gateway.deployment import Deployment
from gateway.errors import RepositoryRefused

GRACE = timedelta(days=3)
_WHY = "no rule keeps it"
_BEFORE = "it lies before every base"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a copy: kept (and by which rules), expiring, deleted, or refused by the repository."""

    backup: str
    repository: str
    state: str
    fate: str
    why: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fate for machines."""
        return {name: getattr(self, name) for name in self.__slots__}


def prune(deployment: Deployment, plan: Plan, *, dry_run: bool = True) -> list[Fate]:
    """Return what becomes of each copy; delete and mark unless it is a dry run.

    A copy that no rule keeps is marked first and deleted three days later at the earliest. BackupBusy while a drill reads.
    """
    with records.alone(deployment, plan, "copies") as hub:
        return [fate for place in plan.places for fate in _prune(deployment, hub, plan, place, dry_run=dry_run)]


def _prune(deployment: Deployment, hub: Connection, plan: Plan, place: Place, *, dry_run: bool) -> list[Fate]:
    now, rows = settings.now(), records.copies(hub, plan.plan, place.repository)
    held = {
        row["backup"]: retention.Held(
            row["backup"], row["no"], row["snapshot_at"], row["state"], row["locked_until"],
            in_use=records.in_use(hub, row["backup"]),
        )
        for row in rows
    }  # fmt: skip
    kept: dict[str, tuple[str, ...]] = {}
    for kind in {row["kind"] for row in rows}:  # a dump stands for no base, nor a base for a dump
        kept |= retention.keep([held[row["backup"]] for row in rows if row["kind"] == kind], _rules(plan), now)
    fates = []
    for row in rows:
        fate, why = _fate(row, kept.get(row["backup"], ()), now)
        if not dry_run:
            fate, why = _carry_out(deployment, place, row, fate, why)
        fates.append(Fate(row["backup"], place.repository, row["state"], fate, why))
    return [*fates, *_wal(deployment, plan, place, dry_run=dry_run)]


def _wal(deployment: Deployment, plan: Plan, place: Place, *, dry_run: bool) -> Iterator[Fate]:
    """Let WAL go that lies before every base of a repository."""
    for archive, segment in needless(deployment, plan, place) if plan.wal else ():
        try:
            if not dry_run:
                archive.delete(segment)
            yield Fate(f"WAL {segment}", place.repository, "stored", "deleted", _BEFORE)
        except RepositoryRefused as error:
            yield Fate(f"WAL {segment}", place.repository, "stored", "refused", error.message)


def _rules(plan: Plan) -> retention.Rules:
    counts = {name: count for name, count in plan.keep.items() if name != "min_days"}
    none = dict.fromkeys(("daily", "weekly", "monthly", "yearly"), 0)
    return retention.Rules(**{**none, **counts}, minimum=timedelta(days=plan.keep.get("min_days", 0)))


def _fate(row: dict[str, Any], reasons: tuple[str, ...], now: datetime) -> tuple[str, str]:
    if reasons:
        return "kept", ", ".join(reasons)
    since = row["expiring_at"]
    return ("deleted" if since is not None and now - since >= GRACE else "expiring"), _WHY


def _carry_out(deployment: Deployment, place: Place, row: dict[str, Any], fate: str, why: str) -> tuple[str, str]:
    backup = row["backup"]
    if fate == "expiring" and row["expiring_at"] is None:
        records.moved(deployment, "expire", backup, place.repository)
    elif fate == "kept" and row["expiring_at"] is not None:
        records.moved(deployment, "spare", backup, place.repository)
    elif fate == "deleted":
        try:
            wiring.repository(deployment, place).delete(backup)
        except RepositoryRefused as error:
            return "refused", error.message
        settings.failpoint("prune deleted")
        records.moved(deployment, "drop", backup, place.repository, why)
    return fate, why
