"""What a notice says: the words of classes, effects, answers and kinds of change, Chinese first."""

from __future__ import annotations

from typing import Any

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
_KINDS = {
    "add": "新增", "drop": "删除", "remove": "删除", "rename": "改名", "swap": "字段互换", "recreated": "删除后重建",
    "widen": "放宽类型", "narrow": "收紧类型", "shift": "类型改变", "family": "类型改变", "timezone": "时区含义改变",
    "forbid": "改为必填", "allow": "改为可空", "move": "移动", "on": "启用行级权限", "revoke": "收回权限", "change": "改变",
}  # fmt: skip


def kind(rule: str) -> str:
    """Return what a rule's change is called, by the last word of its name that is known."""
    return next((_KINDS[word] for word in reversed(rule.split(".")) if word in _KINDS), "改变")


def value(found: Any) -> str:
    """Return a shape's value as a person reads it in a table."""
    if found is None:
        return "—"
    if isinstance(found, dict):
        return "，".join(f"{name} {value(part)}" for name, part in found.items())
    return str(found)
