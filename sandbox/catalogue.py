"""The sharing platform's catalogue of information resources: those the gateway brings there, and many of the units' own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from sandbox import orgs, sources

Row = dict[str, Any]
CATALOGUE = "resource.catalogue"
KEYS: Mapping[str, tuple[str, ...]] = {CATALOGUE: ("resource_code", "version")}
RESOURCES = 200
_SUBJECTS = ("许可信息", "处罚信息", "检查记录", "从业人员", "统计月报", "项目清单", "补贴发放", "信用评价")
_FIELDS = ("名称", "统一社会信用代码", "证照编号", "发生日期", "有效期", "所属区划", "金额", "备注")
_TERMS = {
    "1": None,
    "2": "行政机关因履行职责需要，经提供单位同意",
    "3": "涉及个人隐私，依据《政务信息资源共享管理暂行办法》第十条",
}


def resources(seed: int) -> Iterator[Row]:
    """Yield the resources; some have an older version too."""
    for number in range(RESOURCES):
        yield resource(number, seed)
        if number % 12 == 5:
            yield resource(number, seed, before=True)


def resource(number: int, seed: int, *, before: bool = False) -> Row:
    """Return a resource; `before`: its first version."""
    rng = Random(f"{seed}:resource:{number}:{before}")
    brought, known = sources.RECEIVING["share"], orgs.live_units()
    unit, sharing = known[number % len(known)], rng.choice("112223")
    dataset = brought[number] if number < len(brought) else None
    when = f"202{5 - before}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d} {rng.randint(8, 18):02d}:{rng.randint(0, 59):02d}:00"
    return {
        "resource_code": f"1308{number:06d}", "version": 1 if before or number % 12 != 5 else 2, "name": f"{unit['org_name']}{_SUBJECTS[number % len(_SUBJECTS)]}",
        "owner_unit": unit["org_cc_code"], "dataset": dataset, "fields": "、".join(rng.sample(_FIELDS, rng.randint(3, 7))),
        "update_frequency": rng.choice("1223469"), "sharing": sharing, "sharing_terms": _TERMS[sharing], "updated_at": when,
    }  # fmt: skip
