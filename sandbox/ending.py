"""The end of the demo: time limits in figures, a circular to look at, where to look, and one login for each role."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from rich.table import Table

from gateway import settings
from gateway.deployment import Deployment
from gateway.errors import DocumentRefused
from gateway.sla import agreements, figures, issues
from gateway.sla.periods import Period

PAGES = {
    "总览 overview": "/exchange/", "时效看板 SLA board": "/exchange/sla", "通报 circulars": "/exchange/circulars",
    "结构变更 changes": "/exchange/changes", "备份 backups": "/exchange/backups", "一份回执 a receipt": "/exchange/receipts/2",
    "一条链路 a route": "/exchange/routes/pop_person_in",
}  # fmt: skip


def promise(deployment: Deployment) -> None:
    """Let what routes promise count from now on."""
    with closing(deployment.hub(name="demo")) as hub, hub:
        agreements.sync(hub, deployment.catalog, settings.now())


def sla(deployment: Deployment, folder: Path) -> dict[str, Any]:
    """Make the figures of this half month as they stand, print its circular as a draft; return the section of build/demo.json."""
    now = settings.now()
    period = Period.around(now.astimezone(settings.CHINA).date())
    made = figures.report(deployment, period, now)
    total = made["totals"]["all"]
    return {
        "period": period.name, "expected": total["expected"] - total["open"], "on_time": total["on_time"],
        "coverage": None if total["coverage_bp"] is None else total["coverage_bp"] / 10_000,
        "circular": _printed(deployment, made, period, folder).name,
    }  # fmt: skip


def pages(url: str, logins: list[tuple[str, str, str]]) -> list[Table]:
    """Return where to look, and as whom."""
    where = Table(title="看这里 look here", show_header=False)
    where.add_column(no_wrap=True)
    where.add_column(no_wrap=True)
    for name, path in PAGES.items():
        where.add_row(name, f"{url}{path}")
    who = Table(title="每种角色一个登录 one login for each role")
    for heading in ("角色 role", "登录 login", "口令 password"):
        who.add_column(heading, no_wrap=True)
    for row in logins:
        who.add_row(*row)
    return [where, who]


def _printed(deployment: Deployment, made: dict[str, Any], period: Period, folder: Path) -> Path:
    """Print the draft as PDF; as DOCX where no font can draw it."""
    for form in ("pdf", "docx"):
        path = folder / f"circular-{period.name}.{form}"
        try:
            path.write_bytes(issues.printed_as(deployment, form, made, period))
        except DocumentRefused:
            continue
        return path
    raise AssertionError("a DOCX needs no font")
