"""Messages that the approval system has pushed, and what the push system says became of them; one bad receipt per reason.

Both sides make their records apart and must meet: a push is made in the two days before a Monday, whoever fills when.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, time, timedelta
from random import Random

from sandbox.messages import CHINA, Row, moment

MESSAGE, RECEIPT = "push.message", "push.receipt"
KEYS: Mapping[str, tuple[str, ...]] = {RECEIPT: ("push_id", "attempt")}
MESSAGES = 1_500
_SPACE = uuid.UUID("7c6b1d0a-3f2e-5a1d-9b7c-2e4f6a8c0d12")
_SPAN = 2 * 24 * 3600
_LASTS = timedelta(days=21)  # whoever fills the platforms delivers within the week, and a demo goes on for two
_TEMPLATES = ("T-ACCEPT", "T-CORRECT", "T-RESULT", "T-DUE")
_FAILED = (("UNDELIV", "手机号码停机"), ("REJECTD", "用户已退订"), ("EXPIRED", "超过有效期未送达"))


def monday(now: datetime) -> datetime:
    """Return the beginning of the week in China."""
    day = now.astimezone(CHINA).date()
    return datetime.combine(day - timedelta(days=day.weekday()), time(), CHINA)


def made(number: int, now: datetime, seed: int) -> datetime:
    """Return when push `number` was made."""
    return monday(now) - timedelta(seconds=60 + Random(f"{seed}:pushed:{number}").randrange(_SPAN))


def push_id(number: int, seed: int) -> str:
    """Return the identifier of a push."""
    return str(uuid.uuid5(_SPACE, f"{seed}:{number}"))


def expired(number: int) -> bool:
    """Tell whether push `number` was of use on the days before the Monday only."""
    return number % 60 == 7 and number < MESSAGES


def message(number: int, accepted: Row, now: datetime, seed: int) -> Row:
    """Return push `number`, about an accepted case, as the approval system's table holds it: naive times are China's."""
    rng = Random(f"{seed}:push:{number}")
    begins, template = made(number, now, seed).replace(tzinfo=None), rng.choice(_TEMPLATES)
    project = accepted["project_no"]
    ends = monday(now).replace(tzinfo=None) if expired(number) else begins + _LASTS
    params = {"title": accepted["task_name"], "no": project, "date": f"{begins:%Y-%m-%d}"}
    return {
        "push_id": push_id(number, seed), "template_id": template, "channel": rng.choice(("sms", "sms", "app", "wechat", "web")),
        "to_key": rng.randbytes(32).hex(), "params": json.dumps(params, ensure_ascii=False), "project_no": project if number % 20 else None,
        "dedupe_key": f"{project}:{template}", "priority": rng.choice((3, 5, 9)), "not_before": begins if number % 3 == 0 else None,
        "expires_at": ends, "created_at": begins, "remark": None,
    }  # fmt: skip


def receipts(now: datetime, seed: int, count: int = MESSAGES) -> Iterator[Row]:
    """Yield what became of that many pushes; some failed at the first attempt and came through at the second."""
    for number in range(count):
        failed = number % 15 == 3
        yield receipt(number, 1, now, seed, failed=failed)
        if failed and number % 2:
            yield receipt(number, 2, now, seed)


def receipt(number: int, attempt: int, now: datetime, seed: int, *, failed: bool = False) -> Row:
    """Return the receipt of an attempt, some seconds after the one before."""
    rng = Random(f"{seed}:receipt:{number}:{attempt}")
    taken = made(number, now, seed) + timedelta(seconds=rng.randint(1, 9) + 30 * (attempt - 1))
    ended = taken + timedelta(seconds=rng.randint(1, 20))
    code, reason = rng.choice(_FAILED) if failed else (rng.choice(("0", "DELIVRD")), None)
    return {
        "push_id": push_id(number, seed), "attempt": attempt, "provider_code": code, "provider_msg_id": f"M{rng.randrange(10**12):012d}",
        "accepted_at": moment(taken), "delivered_at": None if failed else moment(ended), "failed_reason": reason, "updated_at": moment(ended),
    }  # fmt: skip


def _moved(row: Row, field: str, days: float) -> str:
    return str(moment(datetime.fromisoformat(row[field]) + timedelta(days=days)))


# What makes a good, delivered receipt bad, by the rule that is to find it. The last ones are no matter of rules.
_BREAKERS: Mapping[str, Callable[[Row], Row]] = {
    "receipt-order": lambda row: {"accepted_at": _moved(row, "delivered_at", 1)},
    "delivered_at-future": lambda row: {"delivered_at": _moved(row, "delivered_at", 700)},
    "PU-05": lambda _: {"provider_code": "UNDELIV"},
    "PU-05b": lambda _: {"provider_code": None, "delivered_at": None, "failed_reason": "通道故障"},
    "push_id-exists": lambda _: {"push_id": str(uuid.uuid5(_SPACE, "nobody"))},
    "accepted_at-order": lambda row: {"accepted_at": _moved(row, "accepted_at", -30)},
    "TX-01": lambda _: {"provider_msg_id": "M\x02"},
    "attempt.range": lambda _: {"attempt": 0},
    "failed_reason.length": lambda _: {"failed_reason": "长" * 201},
    "attempt.type": lambda _: {"attempt": "二"},
}


def broken(rule: str, row: Row) -> Row:
    """Return a good receipt with one rule broken; KeyError for a rule that nobody knows how to break."""
    return row | _BREAKERS[rule](row)


def breakable() -> tuple[str, ...]:
    """Return the rules that `broken` knows."""
    return tuple(_BREAKERS)
