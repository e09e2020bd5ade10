"""Service items of the approval system: directory, guides with all their elements, and what belongs to a guide.

An item has a number; the first ten are the services that cases are about. Some items have a planned next version beside
the one in force. Numbers from `ITEMS` on are spare guides, for rows that must be bad in one way only.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sandbox import identity

Row = dict[str, Any]
ITEMS, SPARES = 300, 140
GUIDE = "item.guide"
SERVICES = (
    ("食品经营许可", "1", "食品经营许可证"), ("公共场所卫生许可", "1", "卫生许可证"), ("建筑工程施工许可", "1", "建筑工程施工许可证"),
    ("道路货物运输经营许可", "1", "道路运输经营许可证"), ("企业设立登记", "7", "营业执照"), ("取水许可", "1", "取水许可证"),
    ("城镇污水排入排水管网许可", "1", "排水许可证"), ("民办学校设立审批", "1", "办学许可证"), ("林木采伐许可", "1", "林木采伐许可证"), ("残疾人证办理", "7", "残疾人证"),
)  # fmt: skip
BUREAU = identity.uscc("11", "130800", identity.organisation_code(130_800, "MB"))
BUREAU_NAME = "承德市行政审批局"
_SPACE = uuid.UUID("1c1f7a06-52a5-5f0e-9a43-8d1e3a2b6c10")
_SUBJECTS = (
    "食品生产", "药品经营", "医疗机构执业", "危险化学品经营", "烟花爆竹零售", "特种设备使用", "燃气经营", "出版物零售", "旅行社设立", "劳务派遣经营",
    "人力资源服务", "排污", "河道采砂", "水土保持方案", "建设用地规划", "商品房预售", "户外广告设置", "城市道路挖掘", "动物防疫条件", "种子生产经营",
    "农药经营", "渔业捕捞", "草原征占用", "文物保护工程", "营业性演出", "社会团体成立", "养老机构备案", "职业培训学校", "放射诊疗", "成品油零售经营",
)  # fmt: skip
_ACTIONS = (
    ("核发", "1"), ("变更", "1"), ("延续", "1"), ("补证", "1"), ("注销", "1"),
    ("登记", "7"), ("奖励申报", "8"), ("纠纷裁决", "9"), ("备案", "10"), ("信息查询", "20"),
)  # fmt: skip


def task(number: int) -> str:
    """Return the 36-character task code of an item: 18 characters of the bureau, then the item."""
    return f"{BUREAU}4000{100 + number:03d}{number:011d}"[:36]


def version(number: int) -> int:
    """Return the version of an item that is in force."""
    return 1 + number % 3


def catalog_code(number: int) -> str:
    """Return the code of the item's entry in the directory; spare guides belong to entries that are there."""
    return f"0001{number % ITEMS:08d}"


def promise_days(number: int) -> int:
    """Return the promised working days; none where an item is handled at once."""
    return 0 if number % 5 == 4 else 1 + number % 3 if number < len(SERVICES) else 3 + number % 13


def directory(now: datetime, seed: int) -> Iterator[Row]:
    """Yield the entries of the directory, those that are planned last."""
    yield from (entry(number, now, seed) for number in range(ITEMS))
    yield from (entry(number, now, seed, ahead=True) for number in _planned())


def entry(number: int, now: datetime, seed: int, *, ahead: bool = False) -> Row:
    """Return an entry of the directory; `ahead`: its planned next version."""
    title, kind, _ = named(number)
    return {
        "catalog_code": f"0001{number:08d}", "task_version": version(number) + ahead, "row_guid": guid("entry", number, ahead),
        "local_catalog_code": f"CDML{number:06d}", "task_name": title, "task_type": kind,
        **_plan(now, ahead=ahead), **stamp(Random(f"{seed}:entry:{number}:{ahead}")),
    }  # fmt: skip


def guides(now: datetime, seed: int) -> Iterator[Row]:
    """Yield the guides in force, then those that are planned."""
    yield from (guide(number, now, seed) for number in range(ITEMS))
    yield from (guide(number, now, seed, ahead=True) for number in _planned())


def guide(number: int, now: datetime, seed: int, *, ahead: bool = False) -> Row:
    """Return the guide of an item; `ahead`: its planned next version."""
    rng = Random(f"{seed}:guide:{number}:{ahead}")
    title, kind, licence = named(number)
    days = promise_days(number)
    return {
        "row_guid": guid("guide", number, ahead), "task_guid": task_guid(number, ahead=ahead), "catalog_code": catalog_code(number),
        "task_code": task(number), "task_version": version(number) + ahead, "local_catalog_code": f"CDML{number:06d}",
        "local_task_code": f"CD{number:06d}", "task_name": title, "task_type": kind, "project_type": "2" if days else "1",
        "dept_name": BUREAU_NAME, "dept_code": BUREAU, "dept_type": "1", "power_source": rng.choice("111123"), "use_level": rng.choice(("3", "3,4", "4")),
        "limit_explain": "无数量限制" if rng.random() < 0.9 else None, "promise_day": days, "promise_type": 1,
        "anticipate_day": 5 if number < len(SERVICES) else max(5, days * 2), "anticipate_type": "1",
        "promise_explain": f"自受理之日起{days}个工作日内办结" if days else "当场办结", "accept_condition": "申请材料齐全、符合法定形式",
        "by_law": f"《中华人民共和国行政许可法》及{title}的专门规定", "special_procedure": rng.choice(("无", "现场勘验", "专家评审")),
        "handle_flow": "申请—受理—审查—决定—送达", "flow_file": f"flow/{number:06d}.png" if rng.random() < 0.8 else None,
        **_paying(rng, number), **_result(number, kind, licence), **_where(rng, number), **_whom(rng, number),
        **_on_line(rng, number), **_plan(now, ahead=ahead), "review_no": f"承审改办〔2026〕{1 + number % 90}号",
        "reviewed_on": f"2026-{1 + number % 6:02d}-{1 + number % 28:02d}", **stamp(rng),
    }  # fmt: skip


def task_guid(number: int, *, ahead: bool = False) -> str:
    """Return the identifier by which materials, fees and questions refer to a guide."""
    return guid("task", number, ahead)


def has_fee(number: int) -> bool:
    """Tell whether an item costs something; spare guides do not."""
    return number < ITEMS and number % 6 == 5


def _planned() -> Iterator[int]:
    yield from range(25, ITEMS, 25)


def versions() -> Iterator[tuple[int, bool]]:
    """Yield number and `ahead` of every guide, spare ones too."""
    yield from ((number, False) for number in range(ITEMS + SPARES))
    yield from ((number, True) for number in _planned())


def named(number: int) -> tuple[str, str, str]:
    """Return name, kind and licence of an item."""
    if number < len(SERVICES):
        return SERVICES[number]
    if number >= ITEMS:
        return f"公共服务试办事项{number}", "20", "办理结果"
    action, kind = _ACTIONS[number % len(_ACTIONS)]
    subject = _SUBJECTS[number // len(_ACTIONS)]
    return f"{subject}{action}", kind, f"{subject}许可证" if kind == "1" else "办理结果"


def guid(*what: object) -> str:
    """Return the same identifier for the same thing."""
    return str(uuid.uuid5(_SPACE, "|".join(map(str, what))))


def stamp(rng: Random) -> Row:
    """Return when a row was written last, and why."""
    when = f"2026-{rng.randint(1, 6):02d}-{rng.randint(1, 28):02d} {rng.randint(8, 18):02d}:{rng.randint(0, 59):02d}:00"
    return {"cd_time": when, "cd_operation": rng.choice("IIU")}


def _plan(now: datetime, *, ahead: bool) -> Row:
    if ahead:
        begins = (now + timedelta(days=45)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        return {"task_state": "0", "plan_effective_date": begins, "plan_cancel_date": None}
    return {"task_state": "1", "plan_effective_date": "2024-07-01 00:00:00", "plan_cancel_date": None}


def _paying(rng: Random, number: int) -> Row:
    if not has_fee(number):
        return {"is_fee": "0", "fee_basis": None, "is_pay_online": "0", "pay_modes": None}
    known = rng.random() < 0.9
    return {
        "is_fee": "1", "fee_basis": "冀价行费〔2017〕3号", "is_pay_online": rng.choice("01"),
        "pay_modes": "窗口缴费,网上缴费" if known else None,
    }  # fmt: skip


def _result(number: int, kind: str, licence: str) -> Row:
    sampled = kind in {"1", "7"}
    return {
        "result_type": "10" if sampled else "30", "result_name": licence, "result_guid": f"sample/{number:06d}.png" if sampled else None,
        "take_modes": "窗口领取,快递送达", "is_express": "1",
    }  # fmt: skip


def _where(rng: Random, number: int) -> Row:
    visits = 0 if number % 3 == 0 and number < ITEMS else 1
    return {
        "limit_scene_num": visits, "limit_scene_explain": "需到窗口核验原件" if visits else None, "handle_area": rng.choice("334"),
        "supervise_way": "0314-2052300", "link_way": f"0314-20{50_000 + number:05d}", "transact_time": "工作日9:00至12:00，13:30至17:00",
        "transact_addr": f"承德市双桥区政务服务中心三楼{1 + number % 40}号窗口", "traffic": "乘2路、5路公交车到政务中心站" if number % 4 else None,
        "service_type": rng.choice(("无", "无", "环境影响评价")), "is_entry_center": "1", "is_schedule": rng.choice("01"), "is_service_terminals": "0",
        "online_handle_depth": "4" if not visits else "3",
    }  # fmt: skip


def _whom(rng: Random, number: int) -> Row:
    served = ("1", "2", "1,2", "2,3,4")[number % 4]
    return {
        "server_type": served, "user_topic_type": rng.choice(("010", "070")) if "1" in served else None,
        "corp_topic_type": rng.choice(("120", "160")) if "2" in served else None, "handle_type": "1,2",
    }  # fmt: skip


def _on_line(rng: Random, number: int) -> Row:
    return {
        "is_online": "1", "online_handle_url": f"https://www.example.invalid/item/{number}", "link_addr": f"https://www.example.invalid/guide/{number}",
        "is_single_login": "1", "app_is_single_login": rng.choice("01"),
    }  # fmt: skip
