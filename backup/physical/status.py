"""How a plan's WAL stands: the slot and what waits behind it, what is stored, and where it has gaps."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from backup import available, wiring
from backup.physical import ground as grounds
from backup.physical import ship, supply
from backup.physical.receive import wal_of
from backup.plans import Plan
from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import NotFound, WalGap


def status(deployment: Deployment, plan: Plan) -> dict[str, Any]:
    """Return how the WAL of a plan stands; `fault` says what is wrong, None when nothing is."""
    dsn = wiring.secret(deployment, wal_of(plan).connection)
    with (
        pg.platform_errors(plan.plan, "look at its slot"),
        closing(pg.connect(dsn, name="gateway wal", autocommit=True)) as c,
    ):
        slot = grounds.slot(c, plan.plan)
    found: dict[str, Any] = {
        "plan": plan.plan, "slot": grounds.slot_name(plan.plan), "state": slot.status if slot else "missing",
        "receiving": bool(slot and slot.active), "lag_bytes": slot.lag_bytes if slot else None, "limited": bool(slot and slot.limited),
        "waiting": len(ship.received(wiring.folder("wal", plan.plan))), "base": None, "segments": 0, "through": None, "fault": None,
    }  # fmt: skip
    try:
        made = available.at(deployment, plan, None, None, "physical").manifest
        source = supply.of(deployment, plan, made, plan.places, local=False)
        line, _ = source.line()
        found |= {"base": made.backup, "segments": len(line), "through": source.through(line)}
        source.whole()
    except (NotFound, WalGap) as error:
        found["fault"] = error.message
    if slot is None or slot.lost:
        found["fault"] = f"slot {found['slot']} is {found['state']}"
    elif not slot.active:
        found["fault"] = found["fault"] or "nobody receives"
    return found
