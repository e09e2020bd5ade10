"""Cases: what happens to one application from its acceptance to its result, at the approval bureau or at another office."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sandbox import entities, identity, items, messages, names, places

Row = dict[str, Any]
_SPACE = uuid.UUID("6f9619ff-8b86-d011-b42d-00cf4fc964ff")
_STEPS = ("受理", "审查", "决定")
_MATERIALS = ("申请书", "身份证明", "营业执照副本", "场所使用证明", "平面布局图", "安全承诺书")
_SPECIAL = (
    ("01", "补正材料", "申请材料中场所使用证明缺少产权人签字，需申请人补充后继续审查"),
    ("02", "专家评审", "项目涉及地下水取水量较大，依法需组织水资源论证专家评审"),
    ("03", "现场勘验", "经营场所需按许可条件进行现场核查，已告知申请人勘验时间"),
)


@dataclass(frozen=True, slots=True)
class Office:
    """Who handles cases: its code and name, the services they are about, and whether special procedures pause them."""

    code: str
    name: str
    services: tuple[int, ...]
    pauses: bool = True


APPROVAL = Office(items.BUREAU, items.BUREAU_NAME, tuple(range(len(items.SERVICES))))


@dataclass(frozen=True, slots=True)
class Event:
    """One row that a platform writes, some time after the case was accepted."""

    dataset: str
    after: timedelta
    row: Row


def guid(dataset: str, *business_key: object) -> str:
    """Return the row_guid of a record: a re-send of the same record has the same one."""
    return str(uuid.uuid5(_SPACE, "|".join([dataset, *map(str, business_key)])))


def case(
    number: int, accepted: datetime, seed: int, key: bytes, *, pace: float = 1.0, office: Office = APPROVAL
) -> Iterator[Event]:  # fmt: skip
    """Yield what becomes of case `number`, in order of time; naive times are Asia/Shanghai.

    `pace` stretches the hours between the steps: 1.0 is a believable case of some days, less is a lively demo. About
    one case in seven pauses for a special procedure and one in three is still open.
    """
    rng = Random(f"{seed}:case:{number}")
    hour = timedelta(hours=1) * pace
    project = f"1308{accepted:%Y%m%d}{number:09d}"
    service = rng.choice(office.services)
    row = _accept(rng, project, service, accepted, number, seed, key) | {
        "org_code": office.code,
        "org_name": office.name,
    }
    yield _event("case.accept", accepted, timedelta(), row, project)
    for ordinal, name in enumerate(rng.sample(_MATERIALS, rng.randint(2, 4)), 1):
        row = {"material_name": name, "get_type": "1", "get_name": "1", "material_attach_name": f"{name}.pdf"}
        yield _event("case.material", accepted, hour * 0.1, row | {"project_no": project}, project, name, ordinal)
    begun, special, done = hour * 0.5, rng.random() < 0.15 and office.pauses, rng.random() < 0.67
    for place, name in enumerate(_STEPS if done else _STEPS[:2]):
        row = _step(rng, project, name, accepted + begun, accepted + begun + hour)
        yield _event("case.process", accepted, begun + hour, row, project, name, row["event_start_time"])
        begun += 6 * hour
        if place == 0 and special:
            kind, title, reason = rng.choice(_SPECIAL)
            row = _special(
                rng,
                project,
                kind,
                title,
                reason,
                accepted + begun,
                accepted + begun + 5 * hour if done else None,
            )
            yield _event("case.special", accepted, begun + 5 * hour, row, project, kind)
            begun += 6 * hour
    if done:
        yield _event("case.result", accepted, begun, _result(rng, project, service, accepted + begun), project)


def _event(dataset: str, accepted: datetime, after: timedelta, row: Row, *business_key: object) -> Event:
    row |= {"row_guid": guid(dataset, *business_key), "cd_operation": "I", "cd_time": accepted + after}
    return Event(dataset, after, row)


def _accept(rng: Random, project: str, service: int, accepted: datetime, number: int, seed: int, key: bytes) -> Row:
    title, kind, _ = items.SERVICES[service]
    days = rng.randint(20, 300)
    citizen = {
        "applyer_type": "1",
        "applyer_page_type": "111",
        "applyer_name": names.person(rng),
        "legal": None,
    }
    citizen["applyer_page_code"] = _citizen(rng)
    if rng.random() < 0.6:
        firm = entities.entity("legal.market_entity", number % 1_000, seed, key)
        citizen = {
            "applyer_type": "2", "applyer_page_type": "001", "applyer_name": firm["ent_name"][:100],
            "applyer_page_code": firm["uscc"], "legal": firm["legal_rep"],
        }  # fmt: skip
    return citizen | {
        "project_no": project, "catalog_code": items.catalog_code(service), "task_code": items.task(service), "task_name": title,
        "task_version": items.version(service), "local_task_code": f"CD{service:06d}", "contact_name": names.person(rng), "contact_type": "111",
        "contact_code": _citizen(rng), "contact_mobile": f"138{rng.randrange(10**8):08d}", "address": "河北省承德市双桥区", "zip_code": "067000",
        "apply_date": accepted - timedelta(minutes=days), "apply_type": rng.choice(("1", "2")), "accept_date": accepted,
        "promise_date": _promised(accepted, service), "accept_doc_no": f"承审受字{project[-9:]}号", "project_name": title, "project_type": "2",
        "handle_user_name": names.person(rng), "task_handle_item": kind,
    }  # fmt: skip


def _promised(accepted: datetime, service: int) -> datetime:
    """Return the end of the last promised working day."""
    due = messages.due_at(accepted.replace(tzinfo=messages.CHINA), items.promise_days(service))
    return due.replace(tzinfo=None)


def _citizen(rng: Random) -> str:
    born = datetime(1955, 1, 1) + timedelta(rng.randrange(18_000))  # noqa: DTZ001 - a day of birth has no zone
    return identity.citizen_number(
        rng.choice(places.counties()).on(f"{born:%Y-%m-%d}"), born.date(), rng.randint(1, 999)
    )


def _step(rng: Random, project: str, name: str, begun: datetime, ended: datetime) -> Row:
    return {
        "project_no": project, "process_name": name, "event_name": "1", "event_start_time": begun, "event_end_time": ended,
        "handle_user_name": names.person(rng), "handle_explain": "符合法定条件，同意", "remark": None,
    }  # fmt: skip


def _special(
    rng: Random, project: str, kind: str, title: str, reason: str, begun: datetime, ended: datetime | None
) -> Row:
    return {
        "project_no": project, "special_type": kind, "special_name": title, "special_time": begun, "special_reason": reason,
        "end_time": ended, "result": "通过" if ended else None, "applyer_user_name": names.person(rng), "handle_user": names.person(rng),
    }  # fmt: skip


def _result(rng: Random, project: str, service: int, done: datetime) -> Row:
    licence = items.SERVICES[service][2]
    return {
        "project_no": project, "result_date": done, "result_type": "1", "result_explain": "准予许可", "result_cetr_name": licence,
        "result_cetr_no": f"冀承{licence[:2]}{project[-12:]}", "is_delivery_results": rng.choice(("0", "1")),
        "handle_user_name": names.person(rng), "satisfaction": rng.choice(("4", "5")),
    }  # fmt: skip
