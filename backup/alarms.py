"""What backups add to alarms: slots that hold back WAL of a plan's server, and keys that will not seal much longer.

Runs and drills that were missed, and what is not proven, `backup.watch` tells itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, time, timedelta

from backup import keys, plans, wiring
from backup.physical import ground as grounds
from gateway import pg
from gateway.alarms import machine
from gateway.alarms.alarm import EXPIRING, SLOT, Look, Wrong
from gateway.deployment import Deployment
from gateway.settings import CHINA


def slots(deployment: Deployment) -> Iterator[Wrong]:
    """Yield the slots of plans that keep WAL and do not read it in time."""
    for plan in plans.load(deployment.catalog).plans.values():
        if plan.wal is None:
            continue
        dsn = wiring.secret(deployment, plan.wal.connection)
        with (
            pg.platform_errors(plan.plan, "look at its slot"),
            closing(pg.connect(dsn, name="gateway alarms", autocommit=True)) as server,
        ):
            yield from machine.behind(server, plan.unit, grounds.slot_name(plan.plan))


def recipients(deployment: Deployment) -> Iterator[Wrong]:
    """Yield recipients whose last day comes soon, once for each plan that seals to them."""
    for plan in plans.load(deployment.catalog).plans.values():
        for name in plan.recipients:
            text = deployment.resolve(name)
            last = keys.last_day(text) if text else None
            if last is not None:
                ends = datetime.combine(last + timedelta(days=1), time(), CHINA)
                yield from machine.expiring(
                    f"{plan.plan} {name}", plan.unit, f"备份 {plan.name} 的收件密钥 {name} ", ends
                )


LOOKS = (Look("slots of backups", (SLOT,), slots), Look("recipients of backups", (EXPIRING,), recipients))
