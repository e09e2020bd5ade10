"""What is wrong with a plan's backups: told once to whoever answers for its unit when it begins, and when it is over."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection as Connection

from backup.plans import Plan
from gateway import pg, settings
from gateway.ledger.acts import Act
from gateway.notify import outbox
from gateway.sql import queries

_SQL = queries(__file__)
KIND = "backup"
RUN_FAILED, RUN_MISSED, DRILL_FAILED, DRILL_MISSED, UNPROVEN = (
    "run failed", "run missed", "drill failed", "drill missed", "unproven",
)  # fmt: skip
WORDS = {
    RUN_FAILED: ("备份未完成", "a backup was not made"),
    RUN_MISSED: ("备份未按时进行", "no backup was begun by the schedule"),
    DRILL_FAILED: ("恢复演练未通过", "a drill failed"),
    DRILL_MISSED: ("恢复演练逾期", "no drill was made by the schedule"),
    UNPROVEN: ("备份超过承诺时限未经恢复证明", "nothing younger than the promised RPO is proven"),
}


def begins(act: Act, plan: Plan, kind: str, said: str, repository: str = "") -> bool:
    """Note inside an act that something is wrong and tell the unit; False, and nothing told, when that is known."""
    values = _values(plan, kind, repository) | {"unit": plan.unit, "said": said}
    found = pg.one(act.hub, _SQL["begin"], values)
    if found is None:
        return False
    number = int(found[0])
    act.chained(
        KIND, {"what": "incident", "incident": number, "plan": plan.plan, "kind": kind, "repository": repository}
    )
    _tell(act, plan, number, "opened", f"[{WORDS[kind][0]}] {plan.name}", said)
    return True


def ends(act: Act, plan: Plan, kind: str, repository: str = "") -> bool:
    """Note inside an act that something is over and tell the unit; False when nothing was wrong."""
    found = pg.one(act.hub, _SQL["end"], _values(plan, kind, repository))
    if found is None:
        return False
    number, (chinese, english) = int(found[0]), WORDS[kind]
    act.chained(
        KIND, {"what": "recovered", "incident": number, "plan": plan.plan, "kind": kind, "repository": repository}
    )
    where = f"（仓库 {repository}）" if repository else ""
    words = f"{plan.name}{where}已恢复正常，此前：{chinese}。\n\nPlan {plan.plan} is in order again; before: {english}."
    _tell(act, plan, number, "closed", f"[已恢复正常] {plan.name}", words)
    return True


def listing(hub: Connection, plan: str | None = None) -> list[dict[str, Any]]:
    """Return what is wrong now, the oldest first."""
    return pg.dicts(hub, _SQL["open"], {"plan": plan})


def seen(hub: Connection, plan: Plan) -> Any:
    """Return when a plan was first seen."""
    return pg.one(hub, _SQL["seen"], {"plan": plan.plan, "now": settings.now()})[0]


def newest(hub: Connection, plan: str) -> dict[str, Any]:
    """Return when a plan was last run and drilled, and the moment of its newest proven backup."""
    return pg.dicts(hub, _SQL["newest"], {"plan": plan})[0]


def _values(plan: Plan, kind: str, repository: str) -> dict[str, Any]:
    return {"plan": plan.plan, "kind": kind, "repository": repository, "now": settings.now()}


def _tell(act: Act, plan: Plan, number: int, purpose: str, subject: str, words: str) -> None:
    topic = f"backup incident {number}"
    outbox.tell(act.hub, act.deployment.keys, [plan.unit], (topic, purpose), subject, words)
