"""Copies (backups) of a department's self-built systems: good ones in numbers, and one that is bad for every reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sandbox import identity

Row = dict[str, Any]
STATUS = "backup.status"
KEY = ("system", "copy_id")
CELLS = "file.cells"
DAYS = 60
CHINA = ZoneInfo("Asia/Shanghai")
_SYSTEMS = ("房屋交易网签备案系统", "工程建设项目监管平台", "住房保障管理系统", "物业维修资金系统")
_UNIT = identity.uscc("11", "130800", identity.organisation_code(7, "MB"))
_REASONS = ("存储空间不足，已清理后重做", "网络中断，部分表未备份", "数据库锁等待超时")


def copies(now: datetime, seed: int, days: int = DAYS) -> Iterator[Row]:
    """Yield a copy of each system for each night, from the oldest to the newest."""
    for day in range(days, 0, -1):
        for system in range(len(_SYSTEMS)):
            yield copy(system, now - timedelta(days=day), seed)


def copy(system: int, night: datetime, seed: int) -> Row:
    """Return the copy of a system of one night; a few fail, some are restored some days later."""
    rng = Random(f"{seed}:copy:{system}:{night:%Y%m%d%H%M%S}")
    started = night.replace(microsecond=0)
    finished = started + timedelta(minutes=rng.randint(3, 90))
    result = rng.choices("132", (40, 2, 1))[0]
    restored = started.astimezone(CHINA).date() + timedelta(rng.randint(1, 9))
    proven = result != "2" and rng.random() < 0.15 and restored <= datetime.now(CHINA).date()
    return {
        "system": _SYSTEMS[system], "copy_id": f"BK{started:%Y%m%d%H%M%S}{system}", "unit": _UNIT,
        "kind": "full" if night.weekday() == 6 else "incremental", "bytes": rng.randrange(10**6, 10**12),
        "started_at": _moment(started), "finished_at": _moment(min(finished, datetime.now(UTC))),
        "sha256": sha256(rng.randbytes(16)).hexdigest(), "restored_on": str(restored) if proven else None,
        "result": result, "note": None if result == "1" else rng.choice(_REASONS),
    }  # fmt: skip


def _moment(at: datetime) -> str:
    return at.astimezone(CHINA).replace(microsecond=0).isoformat()


def _moved(text: str, days: float) -> str:
    return _moment(datetime.fromisoformat(text) + timedelta(days=days))


# What makes a good row bad, by the rule that is to find it; the last one is no matter of values.
_BREAKERS: Mapping[str, Callable[[Row], Row]] = {
    "unit-uscc": lambda row: {"unit": row["unit"][:-1] + ("1" if row["unit"][-1] != "1" else "2")},
    "kind-code": lambda _: {"kind": "差异"},
    "result-code": lambda _: {"result": "9"},
    "finished_at-future": lambda row: {"finished_at": _moved(row["finished_at"], 700)},
    "finished_at-order": lambda row: {"started_at": _moved(row["finished_at"], 1), "restored_on": None},
    "restored_on-future": lambda row: {"restored_on": _moved(row["finished_at"], 700)[:10]},
    "restored_on-order": lambda row: {"restored_on": _moved(row["started_at"], -3)[:10]},
    "note-present": lambda _: {"result": "3", "note": None},
    "restored_on-absent": lambda row: {"result": "2", "note": _REASONS[0], "restored_on": row["finished_at"][:10]},
    "TX-01": lambda _: {"note": "已重做\x7f"},
    "bytes.required": lambda _: {"bytes": None},
    "bytes.range": lambda _: {"bytes": 0},
    "bytes.type": lambda _: {"bytes": "约3GB"},
    "finished_at.type": lambda _: {"finished_at": "2026-02-30T03:00:00+08:00"},
    "sha256.pattern": lambda row: {"sha256": row["sha256"].upper().replace("0", "G")},
    "note.length": lambda _: {"note": "说" * 501},
    CELLS: lambda _: {},
}


def broken(rule: str, row: Row) -> Row:
    """Return a good row with one rule broken; KeyError for an unknown rule."""
    good = row | {"result": "1", "note": None, "restored_on": None}
    return good | _BREAKERS[rule](good)


def breakable() -> tuple[str, ...]:
    """Return the rules that `broken` knows."""
    return tuple(_BREAKERS)
