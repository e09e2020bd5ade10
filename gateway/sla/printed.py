"""Figures as files for offices: CSV with a byte-order mark, and a workbook in which no cell is a formula or a link."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

import xlsxwriter

from gateway import pg
from gateway.deployment import Deployment
from gateway.settings import CHINA
from gateway.sla import figures
from gateway.sla.periods import Period

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_KINDS: dict[Any, str] = {"scheduled": "定时", "real_time": "实时"}
_VERDICTS: dict[Any, str] = {"late": "迟到", "exempt": "免考核", "unmeasured": "未观测"}
_CLOCKS: dict[Any, str] = {"source": "源端", "hub": "交换平台", "target": "对端", None: ""}
WHY: dict[Any, str] = {"": "", "too_few": "样本不足", "too_little_measured": "观测不足"}
_UNITS = (
    ("名次", "place"), ("类别", "kind"), ("单位代码", "unit"), ("单位", "name"), ("应到", "expected"), ("按时", "on_time"),
    ("迟到", "late"), ("本单位责任迟到", "late_own"), ("交换平台责任迟到", "late_hub"),
    ("免考核", "exempt"), ("未观测", "unmeasured"), ("未到期", "open"),
    ("责任按时率（%）", "rate_bp"), ("观测覆盖率（%）", "coverage_bp"), ("允许迟到次数", "allowed"), ("说明", "why"),
)  # fmt: skip
_ROUTES = (
    ("链路", "route"), ("数据集", "dataset"), ("类别", "kind"), ("单位代码", "unit"), ("应到", "expected"), ("按时", "on_time"),
    ("迟到", "late"), ("源端", "late_source"), ("交换平台", "late_hub"),
    ("对端", "late_target"), ("免考核", "exempt"), ("未观测", "unmeasured"),
    ("按时率（%）", "rate_bp"), ("目标（%）", "target_bp"), ("允许迟到次数", "allowed"), ("剩余", "left"), ("批次", "batches"),
    ("读取条数", "read"), ("退回条数", "rejected"), ("退回率（%）", "rejected_bp"), ("对账一致率（%）", "agreeing_bp"),
    ("数据截至", "fresh_at"), ("对账截至", "verified_through"),
)  # fmt: skip
_OVERDUE = (
    ("时限", "name"),
    ("编号", "no"),
    ("承办单位", "unit"),
    ("应办结日", "due"),
    ("逾期工作日", "workdays_over"),
)
_BACKUPS = (
    ("备份计划", "plan"),
    ("单位代码", "unit"),
    ("备份次数", "stored"),
    ("失败次数", "failed"),
    ("演练通过", "drills_passed"),
    ("演练未通过", "drills_failed"),
    ("承诺数据丢失窗口（秒）", "rpo_promised_s"),
    ("实测最长（秒）", "rpo_worst_s"),
    ("承诺恢复用时（秒）", "rto_promised_s"),
    ("实测最长（毫秒）", "rto_worst_ms"),
    ("最近通过的演练", "drilled_at"),
    ("经证明的数据截至", "proven_snapshot"),
    ("结果", "kept"),
)
_KEPT: dict[Any, str] = {True: "达标", False: "未达标"}
_MOMENTS = ("fresh_at", "verified_through", "drilled_at", "proven_snapshot")  # text of the figures, in UTC
_MISSES = (
    ("链路", "route"), ("数据集", "dataset"), ("单位代码", "unit"), ("时段", "slot"), ("应到时间", "due"), ("源端可见", "seen_at"),
    ("已交付", "handed_at"), ("已确认", "confirmed_at"), ("结论", "verdict"), ("责任", "blame"), ("回执号", "receipt"), ("卷号", "docket"),
)  # fmt: skip


def as_bytes(deployment: Deployment, form: str, made: Mapping[str, Any], period: Period, as_of: datetime) -> bytes:
    """Return the figures as `csv` or `xlsx`; the workbook lists every late, exempt or unmeasured occurrence too."""
    if form == "csv":
        return as_csv(_UNITS, made["units"])
    with (
        closing(deployment.hub(name="gateway sla annex", autocommit=True)) as hub,
        pg.hub_errors("read the occurrences"),
    ):
        return workbook(made, figures.misses(hub, period, as_of))


def as_csv(columns: Sequence[tuple[str, str]], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as CSV that office programs open as what it is: marked as UTF-8, and no cell begins a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([title for title, _ in columns])
    writer.writerows([_guarded(shown(name, row)) for _, name in columns] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def workbook(made: Mapping[str, Any], misses: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a workbook of units, routes, every occurrence that was not on time, what waits beyond its day, and backups."""
    overdue = [{"name": line["name"], **row} for line in made.get("deadlines", []) for row in line["overdue"]]
    data = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(data, options) as book:
        bold = book.add_format({"bold": True})
        for title, columns, rows in (
            ("单位", _UNITS, made["units"]), ("链路", _ROUTES, made["routes"]), ("迟到、免考核与未观测", _MISSES, misses),
            ("逾期未办结", _OVERDUE, overdue), ("备份", _BACKUPS, made["backups"]),
        ):  # fmt: skip
            sheet = book.add_worksheet(title)
            sheet.freeze_panes(1, 0)
            for column, (head, _) in enumerate(columns):
                sheet.write_string(0, column, head, bold)
            for number, row in enumerate(rows, 1):
                for column, (_, name) in enumerate(columns):
                    value = shown(name, row)
                    if isinstance(value, int):
                        sheet.write_number(number, column, value)
                    else:
                        sheet.write_string(number, column, value)
            sheet.autofit()
    return data.getvalue()


def shown(name: str, row: Mapping[str, Any]) -> str | int:
    """Return a value as offices write it: rates with two decimals, moments in China, words for codes."""
    value = row.get(name)  # an issue that was frozen by an older version has fewer
    words: Mapping[Any, str] | None = {
        "kind": _KINDS,
        "verdict": _VERDICTS,
        "blame": _CLOCKS,
        "why": WHY,
        "kept": _KEPT,
    }.get(name)
    if words is not None:
        return str(words.get(value, value))
    if name.endswith("_bp"):
        return percent(value)
    if name in _MOMENTS and value:
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
    return value if isinstance(value, int) else "" if value is None else str(value)


def percent(bp: int | None) -> str:
    """Return basis points as a percentage with two decimals; a dash for none."""
    return "—" if bp is None else f"{bp // 100}.{bp % 100:02}"


def _guarded(value: str | int) -> str | int:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
