"""What a circular says beside the rates: notices, quality, deadlines and backups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

from gateway.exchange.outcome import utc
from gateway.model import Catalog
from gateway.settings import CHINA
from gateway.sla.printed import percent

_WAITING = 10  # overdue messages or cases named; the annex has them all
Block = dict[str, Any]


def text(words: str) -> Block:
    """Return a paragraph."""
    return {"kind": "text", "text": words}


def notices(catalog: Catalog, made: Mapping[str, Any]) -> str:
    """Tell what was announced and answered, what changed unannounced, and what is still open."""
    told = made["notices"]
    numbers = {row["number"] for row in told}
    required = [row for row in told if row["required"]]
    words = f"本期发出结构变更通知{len(numbers)}份，须签收{len(required)}家次，按期签收{sum(r['in_time'] for r in required)}家次"
    if told:
        words += f"，最短提前{min(row['lead_workdays'] for row in told)}个工作日"
    if hours := sorted(row["hours"] for row in required if row.get("hours") is not None):
        words += f"，签收用时中位数{hours[(len(hours) - 1) // 2]}小时"
    sudden = [row for row in made["incidents"] if row["kind"] == "unannounced" and row["opened_at"] >= _begins(made)]
    names = "、".join(sorted({platform(catalog, row["platform"]) for row in sudden}))
    words += f"。未经通知的变更{len(sudden)}起：{names}。" if sudden else "。未发现未经通知的变更。"
    still = [row for row in made["incidents"] if row["resumed_at"] is None and row["closed_at"] is None]
    names = "、".join(sorted({f"{platform(catalog, row['platform'])}{row['route'] or ''}" for row in still}))
    return words + (f"截至本期数据时点，尚未恢复的变更事件{len(still)}起：{names}。" if still else "")


def _begins(made: Mapping[str, Any]) -> str:
    return str(utc(datetime.combine(date.fromisoformat(made["first"]), time(), CHINA)))


def quality(catalog: Catalog, made: Mapping[str, Any]) -> str:
    """Tell how many rows were refused, and where most."""
    total = made["totals"]["all"]
    worst = sorted((r for r in made["routes"] if r["rejected"]), key=lambda r: (-r["rejected"], r["route"]))[:3]
    words = f"各链路共读取{total['read']}条，退回{total['rejected']}条，退回率{percent(total['rejected_bp'])}%。"
    named = "，".join(
        f"{route(catalog, row['route'])}{row['rejected']}条（{percent(row['rejected_bp'])}%）" for row in worst
    )
    return words + (f"退回较多的链路：{named}。" if worst else "")


def deadlines(made: Mapping[str, Any]) -> Iterator[Block]:
    """Tell of each deadline what was kept, and name what waits longest."""
    for row in made.get("deadlines", []):
        words = (
            f"{row['name']}（{row['basis']}）本期应办结{row['due']}件，按期{row['kept']}件，逾期{row['late']}件，"
            f"按期率{percent(row['kept_bp'])}%；截至本期数据时点，逾期未办结{row['waiting']}件"
        )
        yield text(words + ("，其中逾期较久的：" if row["overdue"] else "。"))
        if row["overdue"]:
            rows = [
                [one["no"], one["unit"], one["due"], str(one["workdays_over"])] for one in row["overdue"][:_WAITING]
            ]
            yield {
                "kind": "table",
                "heads": ["编号", "承办单位", "应办结日", "逾期工作日"],
                "widths": [58, 50, 26, 22],
                "rows": rows,
            }


def backups(catalog: Catalog, made: Mapping[str, Any]) -> Iterator[Block]:
    """Tell which plans a drill has proven, and what was promised beside what was reached."""
    plans = made["backups"]
    if not plans:
        yield text("本期没有备份记录，没有恢复过的备份不算数。")
        return
    proven = [row for row in plans if row["proven_snapshot"]]
    passed, failed = (sum(row[name] for row in plans) for name in ("drills_passed", "drills_failed"))
    words = (
        f"备份计划{len(plans)}个，有经恢复演练证明的副本的{len(proven)}个；本期演练通过{passed}次，未通过{failed}次。"
    )
    lacking = "、".join(f"{unit(catalog, r['unit'])}（{r['plan']}）" for r in plans if not r["proven_snapshot"])
    yield text(words + (f"未经演练证明的：{lacking}。" if lacking else "") + "承诺与实测：")
    rows = [
        [
            f"{unit(catalog, row['unit'])} {row['plan']}", _against(row["rpo_promised_s"], row["rpo_worst_s"]),
            _against(row["rto_promised_s"], None if row["rto_worst_ms"] is None else -(-row["rto_worst_ms"] // 1000)),
            "—" if row["drill_age_days"] is None else f"{row['drill_age_days']}天前", "达标" if row["kept"] else "未达标",
        ]
        for row in plans
    ]  # fmt: skip
    heads = ["备份计划", "数据丢失窗口 承诺/实测", "恢复用时 承诺/实测", "最近演练", "结果"]
    yield {"kind": "table", "heads": heads, "widths": [42, 45, 36, 17, 16], "rows": rows}


def _against(promised: int | None, reached: int | None) -> str:
    return "/".join("—" if seconds is None else span(1000 * seconds) for seconds in (promised, reached))


def span(milliseconds: int) -> str:
    """Return a duration as offices write it: 38秒, 2小时06分, 3天4小时."""
    seconds = -(-milliseconds // 1000)
    if seconds < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{seconds}秒"
    minutes = -(-seconds // 60)
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest}分"
    return f"{hours}小时{rest:02}分" if hours < 24 else f"{hours // 24}天{hours % 24}小时"  # noqa: PLR2004 - hours of a day


def unit(catalog: Catalog, unit: str) -> str:
    """Return a unit's name."""
    return catalog.units[unit].name if unit in catalog.units else unit


def platform(catalog: Catalog, platform: str) -> str:
    """Return a platform's name."""
    return catalog.platforms[platform].name if platform in catalog.platforms else platform


def route(catalog: Catalog, name: str) -> str:
    """Return a route as offices read it, with the name under which the annex has it."""
    found = catalog.routes.get(name)
    return f"{found.dataset.chinese}链路（{name}）" if found else f"{name}链路"
