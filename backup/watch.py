"""Looks after every plan by the clock: a run or drill that was missed, and data whose proof is older than was promised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from croniter import croniter

from backup import incidents
from backup.incidents import DRILL_MISSED, RUN_MISSED, UNPROVEN
from backup.plans import Plan, Plans
from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.ledger.acts import acting
from gateway.settings import CHINA

_GRACE = timedelta(hours=1)  # for a schedule that waits its turn


def watch(deployment: Deployment, plans: Plans) -> list[dict[str, Any]]:
    """Open what went wrong with any plan and close what is over, each told once; return what is wrong now."""
    now = settings.now()
    for plan in plans.plans.values():
        with acting(deployment, "look after a plan") as act:
            found = incidents.newest(act.hub, plan.plan) | {"seen_at": incidents.seen(act.hub, plan)}
            wrong = dict(_wrong(plan, found, now))
            for kind in (RUN_MISSED, DRILL_MISSED, UNPROVEN):
                if kind in wrong:
                    incidents.begins(act, plan, kind, wrong[kind])
                else:
                    incidents.ends(act, plan, kind)
    with closing(deployment.hub(name="gateway backup watch", autocommit=True)) as hub, pg.hub_errors("read incidents"):
        return incidents.listing(hub)


def _wrong(plan: Plan, found: dict[str, Any], now: datetime) -> Iterator[tuple[str, str]]:
    """Yield each kind of what is wrong with a plan, in words."""
    if strike := _missed(plan.schedule, found["run_at"], found["seen_at"], now - _GRACE):
        yield (
            RUN_MISSED,
            (
                f"计划 {plan.plan}（{plan.name}）应于 {strike:%Y-%m-%d %H:%M} 开始的备份没有进行。\n\n"
                f"The backup due at {strike:%Y-%m-%d %H:%M} (China time) was not begun. Is its DAG paused, its worker up?"
            ),
        )
    # A drill is known by its end: it may have begun in time.
    if strike := _missed(plan.drills, found["drilled_at"], found["seen_at"], now - _GRACE - plan.limit):
        yield (
            DRILL_MISSED,
            (
                f"计划 {plan.plan}（{plan.name}）应于 {strike:%Y-%m-%d %H:%M} 进行的恢复演练没有完成。\n\n"
                f"The drill due at {strike:%Y-%m-%d %H:%M} (China time) was not made: run `gateway backup drill {plan.plan}`."
            ),
        )
    proven = found["proven_at"]
    if now - (proven or found["seen_at"]) > plan.rpo:
        since = f"{proven.astimezone(CHINA):%Y-%m-%d %H:%M}" if proven else None
        yield (
            UNPROVEN,
            (
                f"计划 {plan.plan}（{plan.name}）{f'最近一次经恢复证明的数据截至 {since}' if since else '从未经恢复证明'}，"
                f"承诺 RPO 为 {plan.rpo}。\n\nThe newest proven data is {f'of {since}' if since else 'none'}; promised RPO {plan.rpo}."
            ),
        )


def _missed(schedule: str, last: datetime | None, seen: datetime, by: datetime) -> datetime | None:
    """Return the newest strike of a schedule up to a moment when nothing came after it, though the plan was there."""
    if schedule == "manual":
        return None
    strike: datetime = croniter(schedule, by.astimezone(CHINA)).get_prev(datetime)
    return strike if seen <= strike and (last is None or last < strike) else None
