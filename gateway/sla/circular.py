"""What a circular (通报) says: one document of text and tables, made of an issue's figures, of which PDF and DOCX are printed.

Counts and facts stand before judgement; no person is named; what nobody looked at is named as the gateway's own fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from gateway.model import Catalog
from gateway.settings import CHINA
from gateway.sla import beside
from gateway.sla.beside import Block
from gateway.sla.calendar import Calendar
from gateway.sla.periods import Period
from gateway.sla.printed import WHY, percent

_NUMERALS = "一二三四五六七八九十"
_NAMED = 20  # routes named in the text; the annex has them all
_REPLY = 5  # working days in which who missed too much explains it
_KINDS = {"scheduled": "定时", "real_time": "实时"}
_UNIT_HEADS = ("名次", "责任单位", "按时/应计", "责任按时率%", "覆盖率%", "时延P95", "结果")
_UNIT_WIDTHS = (10, 46, 26, 23, 16, 18, 17)  # millimetres, 156 in all
_NOTE = (
    "注：责任按时率＝按时/（按时＋责任迟到），因交换平台迟到的不计入单位；应计少于5次或覆盖率低于95%的不参与排名；"
    "时延不足20次的列最长值。"
)


def document(catalog: Catalog, issue: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of an issue: `figures` with what the issue added to them."""
    made = issue["figures"]
    issuer = catalog.units[catalog.bureau].name if catalog.bureau in catalog.units else catalog.city
    stamp = issue["frozen_at"] or issue["drafted_at"]
    day = stamp.astimezone(CHINA).date() if isinstance(stamp, datetime) else date.fromisoformat(str(stamp)[:10])
    number = f"〔{day.year}〕第{issue['issue_no']}期" if issue["issue_no"] else "（草稿）"
    head = made["chinese"].split("（", maxsplit=1)[0]
    return {
        "draft": issue["state"] not in ("frozen", "published"), "masthead": f"{catalog.city}数据交换运行情况通报", "number": number,
        "title": [f"关于{head}数据交换", "时效考核情况的通报"], "to": "各有关单位：", "lead": _lead(made),
        "sections": _numbered(_sections(catalog, made, day)), "issuer": issuer, "date": chinese_day(day), "iso": day.isoformat(),
        "evidence": _evidence(issue),
    }  # fmt: skip


def chinese_day(day: date) -> str:
    """Return a day as official documents write it."""
    return f"{day.year}年{day.month}月{day.day}日"


def _evidence(issue: Mapping[str, Any]) -> str:
    if not issue["evidence_root"]:
        return "证据首值在定稿时写入。"
    return f"证据共{issue['evidence_count']}条，首值{issue['evidence_root']}。"


def _numbered(sections: Iterator[tuple[str, list[Block]]]) -> list[Block]:
    kept = [(title, blocks) for title, blocks in sections if blocks]
    return [{"heading": f"{_NUMERALS[n]}、{title}", "blocks": blocks} for n, (title, blocks) in enumerate(kept)]


def _sections(catalog: Catalog, made: Mapping[str, Any], day: date) -> Iterator[tuple[str, list[Block]]]:
    yield "总体情况", [beside.text(_overall(made))]
    yield "单位时效排名", list(_ranking(made))
    yield "结构变更通知", [beside.text(beside.notices(catalog, made))]
    yield "数据质量", [beside.text(beside.quality(catalog, made))]
    yield "留言与办件时限", list(beside.deadlines(made))
    yield "备份与恢复演练", list(beside.backups(catalog, made))
    yield "存在问题与要求", list(_problems(catalog, made, day))
    yield "更正", list(_corrections(made))


def _lead(made: Mapping[str, Any]) -> str:
    provisional = "（暂按法定节假日推算）" if made["provisional"] else ""
    days = f"本期共{made['workdays']}个工作日{provisional}，数据截至{_moment(made['as_of'])}。"
    return f"现将{made['chinese']}市数据交换平台各链路的时效考核情况通报如下。{days}"


def _overall(made: Mapping[str, Any]) -> str:
    total = made["totals"]["all"]
    counted = total["on_time"] + total["late"]
    words = (
        f"本期应交换{total['expected']}次，计入考核{counted}次，其中按时{total['on_time']}次，迟到{total['late']}次，"
        f"按时率{percent(total['rate_bp'])}%{_change(made)}；免考核{total['exempt']}次，未观测{total['unmeasured']}次，"
        f"观测覆盖率{percent(total['coverage_bp'])}%，未观测的不计为达标。"
    )
    moved = _moved(made)
    if total["compared"]:
        words += f"双方对账{total['compared']}条，差异{total['differing']}条，一致率{percent(total['agreeing_bp'])}%。"
    if made.get("epochs"):
        moments = "、".join(_moment(row["started_at"]) for row in made["epochs"])
        words += f"交换库于{moments}改由另一副本提供或恢复到较早的时点，其间缺失的回执按未观测计。"
    return words + moved


def _change(made: Mapping[str, Any]) -> str:
    before, now = made.get("before"), made["totals"]["all"]["rate_bp"]
    if not before or before["rate_bp"] is None or now is None:
        return ""
    moved = now - before["rate_bp"]
    return "，与上期持平" if moved == 0 else f"，较上期{'上升' if moved > 0 else '下降'}{percent(abs(moved))}个百分点"


def _moved(made: Mapping[str, Any]) -> str:
    """Return which units rose and fell by their own rate since the issue before; no word when there was none."""
    before = {(row["kind"], row["unit"]): row["rate_bp"] for row in (made.get("before") or {}).get("units", [])}
    rose: list[str] = []
    fell: list[str] = []
    for row in made["units"]:
        then = before.get((row["kind"], row["unit"]))
        if then is None or row["rate_bp"] is None or row["why"] or then == row["rate_bp"]:
            continue
        words = f"{row['name']}（{_KINDS[row['kind']]}，{percent(then)}%至{percent(row['rate_bp'])}%）"
        (rose if row["rate_bp"] > then else fell).append(words)
    told = [f"责任按时率{name}的：{'、'.join(rows)}。" for name, rows in (("提高", rose), ("下降", fell)) if rows]
    return "".join(told)


def _ranking(made: Mapping[str, Any]) -> Iterator[Block]:
    number = 0
    for kind, title in (("scheduled", "定时数据"), ("real_time", "实时数据")):
        rows = [_ranked(row, made["routes"]) for row in made["units"] if row["kind"] == kind]
        if not rows:
            continue
        yield {"kind": "level2", "text": f"（{_NUMERALS[number]}）{title}"}
        yield {"kind": "table", "heads": list(_UNIT_HEADS), "widths": list(_UNIT_WIDTHS), "rows": rows}
        number += 1
    yield {"kind": "note", "text": _NOTE}
    days = [row for row in made["days"] if row["on_time"] + row["late"]]
    if days:
        bars = [[int(row["day"][-2:]), row["on_time"] * 10_000 // (row["on_time"] + row["late"])] for row in days]
        yield {"kind": "bars", "bars": bars, "text": "各日按时率（%）"}


def _ranked(row: Mapping[str, Any], routes: Sequence[Mapping[str, Any]]) -> list[str]:
    counted = row["on_time"] + row["late_own"]
    result = WHY[row["why"]] or ("达标" if row["late_own"] <= row["allowed"] else "未达标")
    own = [r["latency"] for r in routes if (r["unit"], r["kind"]) == (row["unit"], row["kind"])]
    worst = max((x["p95_ms"] if x["p95_ms"] is not None else x["longest_ms"] for x in own if x["n"]), default=None)
    return [
        str(row["place"] or "—"), row["name"], f"{row['on_time']}/{counted}", percent(row["rate_bp"]), percent(row["coverage_bp"]),
        "—" if worst is None else beside.span(worst), result,
    ]  # fmt: skip


def _problems(catalog: Catalog, made: Mapping[str, Any], day: date) -> Iterator[Block]:
    late = sorted((r for r in made["routes"] if r["late"]), key=lambda r: (-r["late"], r["route"]))
    for row in late[:_NAMED]:
        clocks = (("源端", row["late_source"]), ("交换平台", row["late_hub"]), ("对端", row["late_target"]))
        whose = "、".join(f"{name}{count}次" for name, count in clocks if count)
        kept = "未超出" if row["late"] <= row["allowed"] else "已超出"
        yield beside.text(
            f"{beside.unit(catalog, row['unit'])}的{beside.route(catalog, row['route'])}"
            f"迟到{row['late']}次（{whose}），{kept}允许的{row['allowed']}次，"
            f"按时{row['on_time']}/{row['on_time'] + row['late']}，逐次情况和回执号见附件。"
        )
    if len(late) > _NAMED:
        yield beside.text(f"另有{len(late) - _NAMED}条链路迟到，见附件。")
    if any(row["late"] > row["allowed"] for row in late):
        answered = Calendar.from_files(catalog.calendar_files).add_workdays(day, _REPLY)
        yield beside.text(
            f"迟到超出允许次数的，责任单位应于{chinese_day(answered)}（印发后第{_REPLY}个工作日）前书面说明原因和整改情况；"
            "有异议的可提出申诉，裁定结果列入下期更正。"
        )
    unseen = made["totals"]["all"]["unmeasured"]
    if unseen:
        yield beside.text(f"未观测{unseen}次，责任在交换平台，已列入附件，市数据交换平台应当查明原因并整改。")
    if not late and not unseen:
        yield beside.text("本期没有迟到和未观测的情况。")


def _corrections(made: Mapping[str, Any]) -> Iterator[Block]:
    yield from (beside.text(_correction(row)) for row in made.get("corrections", []))
    if corrected := made.get("corrected"):
        name = Period.of(corrected["period"]).chinese.split("（", maxsplit=1)[0]
        yield beside.text(
            f"经上述更正，{name}按时率由{percent(corrected['before_bp'])}%改为{percent(corrected['after_bp'])}%，"
            f"迟到由{corrected['before_late']}次改为{corrected['after_late']}次；已印发的上期通报不作改动。"
        )


def _correction(row: Mapping[str, Any]) -> str:
    kind = {"exempt": "免考核", "dispute": "申诉"}[row["kind"]]
    result = "撤回" if row["withdrawn_at"] else "准予" if row["ruling"] == "granted" else "不予采纳"
    return f"{row['no']}号{kind}已{result}：{row['withdrawn_why'] or row['ruling_words']}。"


def _moment(text: str) -> str:
    at = datetime.fromisoformat(text).astimezone(CHINA)
    return f"{chinese_day(at.date())}{at.hour}时{at.minute:02}分"
