"""Exemptions from the assessment that units applied for: good ones in numbers, and one that is bad for every reason.

A record is as the contract has it: JSON values, moments as text with their offset.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from random import Random

from sandbox import identity, names
from sandbox.messages import CHINA, Row, moment

EXEMPTION = "assess.exemption"
KEYS: Mapping[str, tuple[str, ...]] = {EXEMPTION: ("exemption_id",)}
EXEMPTIONS = 120
_DAYS = 75  # the oldest one begins that many days ago
_MIDDLE = 15  # the last day of the first half of a month
_SPACE = uuid.UUID("9a7d3c52-6e1f-5b08-94d2-1c3b5a7e8f20")
_AGREEMENTS = (
    "pop_person_in",
    "legal_market_entity_in",
    "geo_address_in",
    "case_accept_in",
    "licence_data_in",
    "item_guide_in",
)
_EXPLANATIONS: Mapping[str, tuple[str, ...]] = {
    "1": ("人口库服务器按年度计划停机维护，停机公告已提前五个工作日发布。", "机房供电改造，系统按计划停机四小时。"),
    "2": ("省级平台接口升级期间返回错误，无法按时供数。", "上游业务系统数据库主备切换，前置库未能更新。"),
    "3": ("雷击造成光缆中断，运营商抢修后恢复。", "暴雨导致机房进水，已启用备用线路。"),
    "4": ("全市网络安全演练期间按要求断开交换链路。",),
}


def exemptions(now: datetime, seed: int, count: int = EXEMPTIONS) -> Iterator[Row]:
    """Yield good exemptions; one in eight is not decided yet."""
    for number in range(count):
        yield exemption(number, now, seed)


def exemption(number: int, now: datetime, seed: int) -> Row:
    """Return exemption `number`: for some hours before `now`, applied for soon after them and mostly decided since."""
    rng = Random(f"{seed}:exemption:{number}")
    begins = now - timedelta(days=rng.uniform(2, _DAYS))
    ends = begins + timedelta(hours=rng.randint(2, 20))
    applied = ends + (now - ends) * rng.random() * 0.2
    decided = applied + (now - applied) * rng.random() if number % 8 else None
    reason = rng.choice("1122234")
    return {
        "exemption_id": exemption_id(number, seed), "period": period(begins), "unit": _unit(rng),
        "agreement": rng.choice(_AGREEMENTS), "reason": reason, "explanation": rng.choice(_EXPLANATIONS[reason]),
        "begins_at": moment(begins), "ends_at": moment(ends), "state": "1" if decided is None else rng.choice("22223"),
        "applied_at": moment(applied), **decision(number, decided, rng), "updated_at": moment(decided or applied),
    }  # fmt: skip


def decision(number: int, decided: datetime | None, rng: Random) -> Row:
    """Return what a decision on exemption `number` fills in."""
    if decided is None:
        return {"decided_at": None, "decided_by": None, "decision_no": None}
    year = decided.astimezone(CHINA).year
    return {
        "decided_at": moment(decided),
        "decided_by": names.person(rng),
        "decision_no": f"承政办考〔{year}〕{number + 1}号",
    }


def period(when: datetime) -> str:
    """Return the half of a month that is assessed as one: 2026-11A."""
    day = when.astimezone(CHINA)
    return f"{day:%Y-%m}{'A' if day.day <= _MIDDLE else 'B'}"


def exemption_id(number: int, seed: int) -> str:
    """Return the identifier of an exemption."""
    return str(uuid.uuid5(_SPACE, f"{seed}:{number}"))


def _unit(rng: Random) -> str:
    return identity.uscc("11", "130800", identity.organisation_code(rng.randrange(20), rng.choice(("MB", "00", "74"))))


def _moved(row: Row, field: str, days: float) -> str:
    return str(moment(datetime.fromisoformat(row[field]) + timedelta(days=days)))


def _wrong(code: str) -> str:
    """Return a credit code with a check character that is certainly wrong."""
    return code[:-1] + ("1" if code[-1] != "1" else "2")


def _undecided() -> Row:
    return {"decided_at": None, "decided_by": None, "decision_no": None}


# What makes a good record bad, by the rule that is to find it, given the record and another that was decided. The last
# ones are no matter of rules.
_BREAKERS: Mapping[str, Callable[[Row, Row], Row]] = {
    "unit-uscc": lambda row, _: {"unit": _wrong(row["unit"])},
    "reason-code": lambda _, __: {"reason": "5"},
    "state-code": lambda _, __: {"state": "4"},
    "explanation-text": lambda _, __: {"explanation": "系统停机"},
    "interval-order": lambda row, _: {"ends_at": _moved(row, "begins_at", -1)},
    "applied_at-future": lambda row, _: {"applied_at": _moved(row, "applied_at", 700), "state": "1", **_undecided()},
    "decided_at-order": lambda row, other: {
        "state": "2", "decided_by": other["decided_by"], "decision_no": "考〔2026〕甲号", "decided_at": _moved(row, "applied_at", -1),
    },
    "decided-present": lambda _, __: {"state": "3", **_undecided()},
    "decided-absent": lambda _, other: {"state": "1", **_undecided(), "decided_by": other["decided_by"]},
    "decision_no-unique": lambda row, other: {
        "state": "2", "decided_by": other["decided_by"], "decided_at": row["applied_at"], "decision_no": other["decision_no"],
    },
    "TX-01": lambda _, __: {"explanation": "机房停电，\x02现已恢复正常运行。"},
    "period.pattern": lambda _, __: {"period": "2026-13A"},
    "agreement.required": lambda _, __: {"agreement": None},
    "agreement.length": lambda _, __: {"agreement": "a" * 61},
    "begins_at.type": lambda _, __: {"begins_at": "2026-11-31T09:00:00+08:00"},
}  # fmt: skip


def broken(rule: str, row: Row, other: Row) -> Row:
    """Return a good record with one rule broken, `other` being a decided one; KeyError for an unknown rule."""
    return row | _BREAKERS[rule](row, other)


def breakable() -> tuple[str, ...]:
    """Return the rules that `broken` knows."""
    return tuple(_BREAKERS)
