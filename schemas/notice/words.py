"""What a notice says: the words of classes, effects, answers and kinds of change, Chinese first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from gateway.settings import CHINA

SECRECY = "内部（仅发主送单位，不向社会公开）"
PRESSING = "回执期过半和截止前2个工作日各催办一次；截止后第1个工作日告知贵单位负责人，第2个工作日上报{bureau}。未回执不视为同意。"
FLAGS = {True: "是", False: "否", None: "—"}
IMPACT = {"none": "无影响", "info": "可能涉及", "warn": "请核对", "breaking": "须改造"}
IMPACT_ENGLISH = {"none": "not affected", "info": "possibly affected", "warn": "please check", "breaking": "must adapt"}
ANSWERS = {"no_impact": "已知悉无影响", "adapted": "已改造", "needs_time": "需延期至…", "objects": "有异议"}
ANSWERS_ENGLISH = {
    "no_impact": "no impact on us", "adapted": "we have adapted", "needs_time": "we need time until", "objects": "we object",
}  # fmt: skip
MEASURES = {
    "breaking": "请在生效日前按变更后的结构改造取数或供数程序，并回执。",
    "warn": "请核对长度、含义、顺序是否影响贵单位使用。",
    "info": "贵单位目前未使用所涉字段，如有其他用途请核对。",
    "none": "无需处理。",
}
SOURCES = {"mapping": "映射", "sql": "SQL", "observed": "观测", "declared": "申报"}
REHEARSED = {"pass": "通过", "fail": "未通过", "not_possible": "无法演练"}
_KINDS = {
    "add": "新增", "drop": "删除", "remove": "删除", "rename": "改名", "swap": "字段互换", "recreated": "删除后重建",
    "widen": "放宽类型", "narrow": "收紧类型", "shift": "类型改变", "family": "类型改变", "timezone": "时区含义改变",
    "forbid": "改为必填", "allow": "改为可空", "move": "移动", "on": "启用行级权限", "revoke": "收回权限",
}  # fmt: skip
_DONE = {"added": "新增", "removed": "删除", "renamed": "改名", "moved": "移动"}

_PARTS = {
    "name": "名称",
    "type": "类型",
    "notnull": "必填",
    "default": "缺省",
    "enum": "取值",
    "collation": "排序规则",
    "score": "相似度",
}


def day(found: date | str) -> str:
    """Return a day as offices write it."""
    when = date.fromisoformat(found) if isinstance(found, str) else found
    return f"{when.year}年{when.month}月{when.day}日"


def kind(rule: str, change: str = "") -> str:
    """Return what a rule's change is called, by the last word of its name that is known, else by that of the change's kind."""
    known = (_KINDS[word] for word in reversed(rule.split(".")) if word in _KINDS)
    return next(known, _DONE.get(change.rpartition("_")[2], "改变"))


def value(found: Any) -> str:
    """Return a shape's value as a person reads it in a table; signs that nobody sees are shown as their codes."""
    if found is None:
        return "—"
    if isinstance(found, bool):
        return FLAGS[found]
    if isinstance(found, dict):
        return "，".join(f"{_PARTS.get(name, name)} {value(part)}" for name, part in found.items())
    if isinstance(found, list):
        return "、".join(value(part) for part in found)
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in str(found))


def evidence(uses: Iterable[Mapping[str, Any]]) -> str:
    """Return by what it is known that a unit is touched: each source once, with the day on which it was last used."""
    found = {(known["source"], known["name"]): known for item in uses for known in item.get("by", ())}
    said = []
    for (source, name), known in sorted(found.items()):
        day = f"最近使用 {known['last_used'][:10]}" if known["last_used"] else "最近使用时间不详"
        more = "，已逾120天" if known["stale"] else ""
        more += "，所用字段不明，按全部使用计" if known.get("unknown") else ""
        said.append(f"{SOURCES[source]} {name}（{day}{more}）")
    return "、".join(said) or "—"


def rehearsal(found: Mapping[str, Any] | None) -> str:
    """Return what a notice says of the rehearsal of a unit's own work."""
    if found is None:
        return "尚未演练"
    day = found["began_at"].astimezone(CHINA).date()
    return f"{REHEARSED[found['result']]}（{day}）" + (f"：{found['said']}" if found["said"] else "")
