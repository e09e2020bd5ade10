"""Supervision tasks and the supervising units' feedback: good ones in numbers, and one that is bad for every reason.

The approval system makes a task of each case's result, the interaction system holds what units feed back on it. Both make
theirs apart and must meet: what hangs on a task's number alone is the same on both sides, and what is fed back when the
city begins came later than any task that it was filled with.

A record has texts, moments as text with their offset, and a number. What only the XML of feedback can have wrong is named
by `REPEATED` and `NESTED`; the server writes it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, islice
from itertools import count as numbers
from random import Random

from sandbox import identity, items, names, places
from sandbox.messages import CHINA, Row, due_at, moment

TASK, FEEDBACK = "superv.task", "superv.feedback"
KEYS: Mapping[str, tuple[str, ...]] = {TASK: ("superv_id",), FEEDBACK: ("superv_id", "feedback_no")}
TASKS, FEEDBACKS = 800, 600  # of the first so many tasks, so many feedbacks
DAYS = 40  # no task is older when the city begins
REPEATED, NESTED = "xml.repeated", "xml.type"
_LIMIT = 2
_FED_BACK = timedelta(days=5)  # all feedback is younger when the city begins, and all tasks are older
_SPACE = uuid.UUID("3d1b7d2e-6a0f-5f0b-8c3e-5b2f0c9d4e71")
_WATCHED = frozenset("45")
_REASONS = (
    "该事项不属于我单位监管职责，建议推送至市应急管理局",
    "当事人经营地址不在本辖区，请核实后重新推送",
    "同一办件已由县级部门认领，重复推送",
    "许可事项名称与证照不一致，请审批部门核对",
)
_CONTENTS: Mapping[str, tuple[str, ...]] = {
    "1": (
        "已开展“双随机、一公开”现场检查，未发现问题。",
        "现场检查发现未公示许可证，已责令当场改正。\n下次检查时复核。",
        "经检查，经营场所布局与许可时提交的平面图一致。",
    ),
    "2": (
        "因超出许可范围经营，依法给予警告并处罚款2000元，已缴纳。",
        "因未按规定保存进货查验记录，责令改正并处罚款5000元 & 公示于信用网站。",
    ),
    "3": ("连续两次检查条件均低于许可标准（温度<-18℃的冷库未启用），建议审批部门暂停其许可。",),
    "4": ("当事人已搬迁，原址查无此户，提请审批部门核实。", "已列入年度重点监管名单，按季度检查。"),
}


def task(number: int, case: Row, pushed: datetime, now: datetime, seed: int, key: bytes) -> Row:
    """Return task `number`, of an accepted case; what became of it until `now` depends on its age.

    Few are claimed late or sent back.
    """
    rng = Random(f"{seed}:task:{number}")
    row: Row = {
        "superv_id": superv_id(number, seed), "project_no": case["project_no"], "task_code": case["task_code"], "result_type": "1",
        **_party(case, key), "licence_source_id": rng.choice((f"CD{rng.randrange(10**12):012d}",) * 5 + ("", None)),
        "approval_unit": items.BUREAU, "supervising_unit": unit(number, seed), "pushed_at": moment(pushed),
        "claim_due": moment(due_at(pushed, _LIMIT)),
    }  # fmt: skip
    hours = rng.uniform(120, 144) if number % 29 == 5 else rng.uniform(0.2, 20)
    claimed, progress = pushed + timedelta(hours=hours), rng.uniform(1, 200)
    clerk, reason, check = names.person(rng), rng.choice(_REASONS), rng.randint(30, 180)
    state = "1" if claimed > now else _fate(number, seed)
    known = state in {"2", "4", "5"} or (state == "3" and number % 2 == 0)
    updated = pushed if state == "1" else claimed
    if state in _WATCHED:
        updated = _later(claimed, timedelta(hours=progress), now, rng)
    return row | {
        "state": state, "claimed_at": moment(claimed) if known else None, "claimed_by": clerk if known else None,
        "return_reason": reason if state == "3" else None,
        "next_check_on": str(claimed.astimezone(CHINA).date() + timedelta(check)) if state == "4" else None,
        "updated_at": moment(updated),
    }  # fmt: skip


def feedbacks(now: datetime, seed: int, tasks: int = TASKS, count: int = FEEDBACKS) -> Iterator[Row]:
    """Yield good feedback: one to each task under supervision, two to some, then more to each, until there is enough."""
    watched = [number for number in range(tasks) if _fate(number, seed) in _WATCHED]
    first = ((task, n) for place, task in enumerate(watched) for n in range(1, 3 if place % 20 == 3 else 2))
    more = ((task, number) for number in numbers(3) for task in watched)
    for task, number in islice(chain(first, more), count if watched else 0):
        yield feedback(superv_id(task, seed), unit(task, seed), number, now, seed)


def feedback(about: str, by: str, number: int, now: datetime, seed: int) -> Row:
    """Return feedback `number` on a task by a unit: of the days before `now`."""
    rng = Random(f"{seed}:feedback:{about}:{number}")
    said = now - _FED_BACK * rng.random() / number
    kind = rng.choice("111112234")
    return {
        "superv_id": about, "feedback_no": number, "kind": kind, "content": rng.choice(_CONTENTS[kind]),
        "feedback_at": moment(said), "unit": by, "updated_at": moment(said),
    }  # fmt: skip


def claimed(row: Row, now: datetime, seed: int) -> Row:
    """Return what changes in a task that its unit claims now and supervises from then on; a claim of before stays."""
    rng = Random(f"{seed}:claim:{row['superv_id']}")
    check = now.astimezone(CHINA).date() + timedelta(rng.randint(30, 180))
    return {
        "state": "4", "claimed_at": row["claimed_at"] or moment(now), "claimed_by": row["claimed_by"] or names.person(rng),
        "next_check_on": str(check),
    }  # fmt: skip


def superv_id(number: int, seed: int) -> str:
    """Return the number of a task as the system writes it."""
    return str(uuid.uuid5(_SPACE, f"{seed}:{number}"))


def unit(number: int, seed: int) -> str:
    """Return the unit that supervises a task."""
    rng = Random(f"{seed}:unit:{number}")
    region = rng.choice(("130800", rng.choice(places.counties()).code))
    return identity.uscc("11", region, identity.organisation_code(rng.randrange(20), rng.choice(("MB", "00", "74"))))


def _fate(number: int, seed: int) -> str:
    """Return the state that a task comes to when it is old enough."""
    rng = Random(f"{seed}:fate:{number}")
    fate = rng.random()
    return "1" if fate < 0.05 else "3" if fate < 0.11 else "2" if fate < 0.2 else rng.choice("445")


def _party(case: Row, key: bytes) -> Row:
    code, citizen = case["applyer_page_code"], case["applyer_page_type"] == "111"
    return {
        "party_kind": "1" if citizen else "2", "party_key": identity.keyed_hash(code, key) if citizen else code,
        "party_name": case["applyer_name"],
    }  # fmt: skip


def _later(when: datetime, by: timedelta, now: datetime, rng: Random) -> datetime:
    """Return a moment so much later, or if that has not come yet, one between."""
    return when + by if when + by <= now else when + (now - when) * rng.random()


def _moved(row: Row, field: str, days: float) -> str:
    return str(moment(datetime.fromisoformat(row[field]) + timedelta(days=days)))


def _wrong(code: str) -> str:
    """Return a credit code with a check character that is certainly wrong."""
    return code[:-1] + ("1" if code[-1] != "1" else "2")


def _returned(**changes: object) -> Row:
    row: Row = {"state": "3", "return_reason": _REASONS[0], "claimed_at": None, "claimed_by": None}
    return row | changes


# What makes a good record bad, by the data set and the rule that is to find it, given the record and another that came
# before it. The last ones are no matter of rules: a value of another type, XML of another shape.
_BREAKERS: Mapping[str, Mapping[str, Callable[[Row, Row], Row]]] = {
    TASK: {
        "party_kind-code": lambda _, __: {"party_kind": "4"},
        "state-code": lambda _, __: {"state": "6"},
        "approval_unit-uscc": lambda row, _: {"approval_unit": _wrong(row["approval_unit"])},
        "supervising_unit-uscc": lambda row, _: {"supervising_unit": _wrong(row["supervising_unit"])},
        "pushed_at-future": lambda row, _: {"pushed_at": _moved(row, "pushed_at", 700)},
        "claimed_at-order": lambda row, _: {"claimed_at": _moved(row, "pushed_at", -1)},
        "claim_due-order": lambda row, _: {"claim_due": _moved(row, "pushed_at", -3)},
        "next_check_on-order": lambda row, _: {"next_check_on": _moved(row, "pushed_at", -1)[:10]},
        "party_key-uscc": lambda row, _: {"party_kind": "2", "party_key": _wrong(row["approval_unit"])},
        "SV-02": lambda _, __: _returned(return_reason=None),
        "claimed-present": lambda _, __: {"state": "2", "claimed_at": None, "claimed_by": None},
        "claimed-absent": lambda row, _: {"state": "1", "claimed_at": row["pushed_at"], "claimed_by": "王认领"},
        "claimed_by-present": lambda row, _: _returned(claimed_at=row["pushed_at"]),
        "claimed_at-present": lambda _, __: _returned(claimed_by="王认领"),
        "claim_due-workdays": lambda row, _: {
            "claim_due": moment(due_at(datetime.fromisoformat(row["pushed_at"]), _LIMIT + 1))
        },
        "SV-05": lambda _, other: {"project_no": other["project_no"]},
        "TX-01": lambda _, __: {"party_name": "承德\x7f商贸有限公司"},
    },
    FEEDBACK: {
        "kind-code": lambda _, __: {"kind": "9"},
        "unit-uscc": lambda row, _: {"unit": _wrong(row["unit"])},
        "feedback_at-future": lambda row, _: {"feedback_at": _moved(row, "feedback_at", 700)},
        "content-text": lambda _, __: {"content": " "},
        "superv_id-exists": lambda _, __: {"superv_id": str(uuid.uuid5(_SPACE, "nobody"))},
        "feedback_at-order": lambda row, _: {"feedback_at": _moved(row, "feedback_at", -DAYS - 10)},
        "TX-01": lambda _, __: {"content": "检查\x7f合格"},
        "content.required": lambda _, __: {"content": None},
        "content.length": lambda _, __: {"content": "长" * 2_001},
        "feedback_no.range": lambda _, __: {"feedback_no": 0},
        "feedback_no.type": lambda _, __: {"feedback_no": "第三次"},
        "feedback_at.type": lambda _, __: {"feedback_at": "2026-13-01T09:00:00+08:00"},
        REPEATED: lambda _, __: {},
        NESTED: lambda _, __: {},
    },
}


def broken(dataset: str, rule: str, row: Row, other: Row) -> Row:
    """Return a good record with one rule broken, `other` being one that came before; KeyError for an unknown rule."""
    return row | _BREAKERS[dataset][rule](row, other)


def breakable(dataset: str) -> tuple[str, ...]:
    """Return the rules that `broken` knows."""
    return tuple(_BREAKERS[dataset])
