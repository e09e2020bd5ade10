"""What was promised and what was reached: RPO and RTO of each plan, measured by drills that passed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from backup import records
from backup.physical import coverage, notes
from backup.plans import Plan, Plans, load
from gateway import pg
from gateway.model import Catalog


@dataclass(frozen=True, slots=True)
class Line:
    """One plan in a period. RPO is the worst there was, over proven backups alone; None: never proven."""

    plan: str
    unit: str
    proven: str | None
    rpo_promised_s: int
    rpo_worst_s: int | None
    rto_promised_s: int
    rto_worst_s: float | None
    stored: int
    failed: int
    drills_passed: int
    drills_failed: int

    @property
    def kept(self) -> bool:
        """Tell whether both promises were kept; what was never proven kept none."""
        if self.rpo_worst_s is None or self.rto_worst_s is None:
            return False
        return self.rpo_worst_s <= self.rpo_promised_s and self.rto_worst_s <= self.rto_promised_s

    def as_dict(self) -> dict[str, Any]:
        """Return the line for machines."""
        return {name: getattr(self, name) for name in self.__slots__} | {"kept": self.kept}


def lines(hub: Connection, plans: Plans, begins: datetime, ends: datetime) -> list[Line]:
    """Return a line a plan for the time from `begins` to `ends`."""
    return [_line(hub, plan, begins, ends) for plan in plans.plans.values()]


def promises(hub: Connection, city: Catalog, begins: datetime, ends: datetime) -> list[dict[str, Any]]:
    """Return what each plan of a city promised and kept, in whole numbers, for the figures of a period (`gateway.figures`)."""
    return [
        {
            "plan": line.plan, "unit": line.unit, "rpo_promised_s": line.rpo_promised_s, "rpo_worst_s": line.rpo_worst_s,
            "rto_promised_s": line.rto_promised_s, "rto_worst_ms": None if line.rto_worst_s is None else round(1000 * line.rto_worst_s),
            "kept": line.kept,
        }
        for line in lines(hub, load(city), begins, ends)
    ]  # fmt: skip


def worst_rpo(proofs: list[tuple[datetime, datetime]], begins: datetime, ends: datetime) -> timedelta | None:
    """Return the longest that data would have gone back in a period, from (snapshot, proven) pairs in the order of proof.

    At any time that is the time since the snapshot of the newest backup that was proven by then: it is longest just before the
    next proof, and at the end. None when there was a time without any proven backup.
    """
    newest: datetime | None = None
    worst = timedelta(0)
    for snapshot, proven in [*(pair for pair in proofs if pair[1] <= ends), (ends, ends)]:
        if proven > begins:
            if newest is None:
                return None
            worst = max(worst, proven - newest)
        newest = snapshot if newest is None else max(newest, snapshot)
    return worst


def _line(hub: Connection, plan: Plan, begins: datetime, ends: datetime) -> Line:
    proofs = records.asked(hub, "proven", {"plan": plan.plan})
    first = records.asked(hub, "first", {"plan": plan.plan})[0]["min"]
    counts = records.asked(hub, "period", {"plan": plan.plan, "begins": begins, "ends": ends})[0]
    stored = pg.dicts(hub, notes.STORED, {"plan": plan.plan})
    proven = [(row["snapshot_at"], row["proven_at"]) for row in proofs]
    pairs = sorted([*proven, *coverage.pairs(proofs, stored)], key=lambda pair: pair[1])
    since = max(begins, min(pairs[0][1], ends)) if pairs and first is not None and first >= begins else begins
    worst = worst_rpo(pairs, since, ends)
    rto = counts["worst_rto_ms"]
    return Line(
        plan=plan.plan, unit=plan.unit, proven=proofs[-1]["backup"] if proofs else None,
        rpo_promised_s=round(plan.rpo.total_seconds()), rpo_worst_s=None if worst is None else round(worst.total_seconds()),
        rto_promised_s=round(plan.rto.total_seconds()), rto_worst_s=None if rto is None else rto / 1000,
        stored=counts["stored"], failed=counts["failed"], drills_passed=counts["passed"], drills_failed=counts["refused"],
    )  # fmt: skip
