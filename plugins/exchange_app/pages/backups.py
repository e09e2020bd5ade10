"""Backups as those who oversee see them: each plan with its proof and its promises, and one backup with its drills.

This file must not postpone its annotations.
"""

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from backup import incidents, plans, report
from backup.plans import Plan
from exchange_app import frame
from exchange_app.rights import Reader
from gateway import settings
from gateway.errors import NotFound
from gateway.sql import queries

_SQL = queries(__file__)
_PERIOD = timedelta(days=30)

router = APIRouter()


@router.get("/backups")
def board(request: Request, _: Reader) -> Response:
    """Show for each plan its last copy and drill, and what was promised beside what was measured in the last thirty days."""
    city = frame.city()
    found, now = plans.load(city), settings.now()
    with frame.hub() as hub:
        rows = {row["plan"]: row for row in frame.rows(hub, _SQL["plans"], {"plans": list(found.plans)})}
        wrong = frame.rows(hub, _SQL["wrong"], {})
        lines = {line.plan: line for line in report.lines(hub, found, now - _PERIOD, now)}
    shown = [
        {"plan": plan, "unit": city.units[plan.unit].name, "line": lines[name], "badge": _badge(plan, rows[name], now), **rows[name]}
        for name, plan in found.plans.items()
    ]  # fmt: skip
    context = {"rows": shown, "wrong": wrong, "plans": found.plans, "broken": found.broken, "told": incidents.WORDS}
    return frame.page(request, "backups.html", context)


@router.get("/backups/{backup}")
def shown(request: Request, backup: str, _: Reader) -> Response:
    """Show the record of a backup; the name of a plan shows its newest ones."""
    found = plans.load(frame.city())
    with frame.hub() as hub:
        if backup in found.plans:
            recent = frame.rows(hub, _SQL["recent"], {"plan": backup})
            return frame.page(request, "backup_plan.html", {"plan": found.plans[backup], "rows": recent})
        asked = {"backup": backup}
        rows = frame.rows(hub, _SQL["backup"], asked)
        if not rows:
            raise NotFound(f"there is no backup {backup}", "See the page of backups.")
        copies, drills = (frame.rows(hub, _SQL[name], asked) for name in ("copies", "drills"))
    head = rows[0]
    context = {"head": head, "plan": found.plans.get(head["plan"]), "copies": copies, "drills": drills}
    return frame.page(request, "backup_record.html", context)


def _badge(plan: Plan, row: dict[str, Any], now: datetime) -> tuple[str, str, str]:
    """Return colour, Chinese and English of how a plan stands, worst first: what was never restored is red."""
    drill, proven = row["drill"], row["proven"]
    states = (
        (row["stored"] is None, ("bad", "从未备份", "never backed up")),
        (drill is None, ("bad", "从未恢复验证", "never restored")),
        (drill and not drill["passed"], ("bad", "最近演练未通过", "the last drill failed")),
        (proven is None, ("bad", "没有经恢复证明的备份", "nothing is proven")),
        (proven and now - datetime.fromisoformat(proven["snapshot_at"]) > plan.rpo, ("bad", "超过承诺 RPO", "older than the promised RPO")),
        (row["run"] and row["run"]["state"] == "failed", ("warn", "最近备份未完成", "the last run failed")),
    )  # fmt: skip
    return next((badge for holds, badge in states if holds), ("ok", "已恢复证明", "proven"))
