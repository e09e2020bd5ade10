"""Organisations of the approval system: regions, units with their contacts, staff, and the registered users of the portal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

from sandbox import entities, identity, items, names, places

Row = dict[str, Any]
STAFF, USERS, CORPORATORS = 1_000, 800, 400
_CITY, _PROVINCE = "130800000000", "130000000000"
_UNITS = (
    "政府办公室", "行政审批局", "工业和信息化局", "公安局", "市场监督管理局", "自然资源和规划局", "民政局",
    "人力资源和社会保障局", "住房和城乡建设局", "交通运输局", "卫生健康局", "农业农村局",
)  # fmt: skip
_DUTIES = (("主任", "1"), ("科长", "2"), ("科员", "3"))
_BORN, _DAYS = date(1965, 1, 1), 13_000


def regions() -> Iterator[Row]:
    """Yield the city, its counties, and their streets and towns."""
    yield _region(0, _CITY, "承德市", _PROVINCE)
    number = 1
    for county in places.counties():
        yield _region(number, county.code + "000000", county.name, _CITY)
        number += 1
        for street in county.streets:
            yield _region(number, street.code, street.name, county.code + "000000", county=county.name)
            number += 1


def spare_region(number: int) -> Row:
    """Return a township that no list knows."""
    return _region(900 + number, f"130802{700 + number:03d}000", f"试验乡{number}", "130802000000", county="双桥区")


@cache
def units() -> tuple[Row, ...]:
    """Return the people's government of the city and of each county, each with its units below it."""
    made = [_unit(0, "承德市人民政府", "130800", None)]
    made += [_unit(n, f"承德市{name}", "130800", made[0]["org_code"]) for n, name in enumerate(_UNITS, 1)]
    for county in places.counties():
        head = _unit(len(made), f"{county.name}人民政府", county.code, made[0]["org_code"])
        made.append(head)
        made += [
            _unit(len(made) + n, f"{county.name}{name}", county.code, head["org_code"]) for n, name in enumerate(_UNITS)
        ]
    return tuple(made)


def spare_unit(number: int) -> Row:
    """Return a unit of the city that no other row refers to."""
    return _unit(500 + number, f"承德市试办中心{number}", "130800", units()[0]["org_code"])


def contacts(seed: int) -> Iterator[Row]:
    """Yield a responsible person and staff of every unit, at some also who it was before, newest first."""
    for number, unit in enumerate(live_units()):
        for role in "12":
            yield contact(unit, role, f"202{4 + number % 2}-03-01", None, Random(f"{seed}:contact:{number}:{role}"))
        if number % 10 == 0:
            yield contact(unit, "1", "2021-03-01", "2023-12-31", Random(f"{seed}:contact:{number}:before"))


def spare_contact(number: int, seed: int) -> Row:
    """Return a deputy of a unit."""
    known = live_units()
    begins = f"202{number // len(known)}-06-01"
    return contact(known[number % len(known)], "3", begins, "9999-12-31", Random(f"{seed}:deputy:{number}"))


def contact(unit: Row, role: str, begins: str, ends: str | None, rng: Random) -> Row:
    """Return a person who answers for a unit from one day on."""
    return {
        "unit": unit["org_cc_code"], "role": role, "name": names.person(rng), "title": {"1": "主任", "2": "科员", "3": "副主任"}[role],
        "mobile": f"138{rng.randrange(10**8):08d}", "landline": f"0314-20{rng.randrange(10**5):05d}",
        "email": f"cd{rng.randrange(10**5)}@example.invalid" if rng.random() < 0.7 else None, "wechat_id": None,
        "valid_from": begins, "valid_to": ends, "reported_at": f"{begins} 10:30:00",
    }  # fmt: skip


def live_units() -> tuple[Row, ...]:
    """Return the units that exist today."""
    return tuple(unit for unit in units() if unit["org_status"] == "1")


def staff(number: int, seed: int, key: bytes) -> Row:
    """Return a member of staff; a few have left, and only they may belong to a unit that is no more."""
    rng = Random(f"{seed}:staff:{number}")
    gone = number % 40 == 7 and number < STAFF
    unit = rng.choice(units() if gone else live_units())
    duty, level = rng.choice(_DUTIES)
    begins = date(2019, 1, 1) + timedelta(rng.randrange(2_000))
    return {
        "staff_code": f"1308{number:08d}", "cert_key": identity.keyed_hash(_citizen(rng), key), "staff_name": names.person(rng),
        "staff_duty": duty, "staff_lvl": level, "staff_phone": f"0314-20{rng.randrange(10**5):05d}", "org_id": unit["org_code"],
        "region_id": unit["region_code"], "staff_status": "0" if gone else "1", "is_real": "1", "real_lvl": "4", "staff_creater": "system",
        "reg_date": str(begins), "real_date": str(begins + timedelta(rng.randrange(30))), **_stamp(rng),
    }  # fmt: skip


def user(number: int, seed: int, key: bytes) -> Row:
    """Return a registered user; most gave their number, some nothing but what is asked for."""
    rng = Random(f"{seed}:user:{number}")
    citizen, shy = _citizen(rng), number % 9 == 4 and number < USERS
    return {
        "cert_key": identity.keyed_hash(citizen, key), "user_region": rng.choice(places.counties()).code, "user_real_lvl": rng.choice("234"),
        "create_time": f"202{rng.randint(0, 5)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d} 20:15:0{rng.randint(0, 9)}",
        "user_name": names.person(rng), "cert_no": None if shy else citizen, "user_mobile": f"139{rng.randrange(10**8):08d}",
        "user_mail": None, "user_address": None, "birthday": None if shy else citizen[6:14], **_stamp(rng),
    }  # fmt: skip


def corporator(number: int, seed: int, key: bytes) -> Row:
    """Return a registered user that is a legal person of the legal-person library."""
    rng = Random(f"{seed}:corporator:{number}")
    firm = entities.entity("legal.market_entity", number, seed, key)
    return {
        "certificate_key": identity.keyed_hash(firm["uscc"], key), "certificate_sno": firm["uscc"], "corp_name": firm["ent_name"],
        "corp_type": firm["ent_type"], "corp_status": firm["status"], "legal_name": firm["legal_rep"], "legal_cert_type": "111",
        "legal_cert_no": firm["legal_rep_cert_no"], "legal_mobile": firm["legal_rep_mobile"], "reg_address": firm["address"],
        "reg_date": f"{firm['established_on']:%Y%m%d}", **_stamp(rng),
    }  # fmt: skip


def _region(number: int, code: str, name: str, parent: str, county: str | None = None) -> Row:
    digits = len(code.rstrip("0"))
    level = 2 if code == _CITY else 3 if digits <= 6 else 4
    return {
        "region_code": code, "region_name": name, "parent_region_code": parent, "region_lvl": str(level), "region_status": "1",
        "region_req": str(number), "nation": "CN", "province": "河北省", "city": "承德市", "county": county or (name if level == 3 else None),
        "town": name[:20] if level == 4 else None, "region_desc": None, "cd_time": "2026-01-05 09:00:00", "cd_operation": "I",
    }  # fmt: skip


def _unit(number: int, name: str, region: str, parent: str | None) -> Row:
    """Return a unit; the city's approval bureau bears the code that its cases and items bear."""
    rng = Random(f"unit:{number}")
    code = (
        items.BUREAU
        if name == items.BUREAU_NAME
        else identity.uscc("11", region, identity.organisation_code(2_000 + number, "MB"))
    )
    ended = number % 30 == 29
    return {
        "org_code": f"1308ORG{number:05d}", "org_cc_code": code, "org_name": name, "org_type": "1", "org_status": "0" if ended else "1",
        "org_seq": number, "parent_org_code": parent, "region_code": f"{region}000000", "reg_date": "20190301", "reg_address": "河北省承德市",
        "oper_eff_date": "2019-03-01", "oper_exp_date": "2024-12-31" if ended else None, **_stamp(rng),
    }  # fmt: skip


def _citizen(rng: Random) -> str:
    born = _BORN + timedelta(rng.randrange(_DAYS))
    return identity.citizen_number(rng.choice(places.counties()).on(str(born)), born, rng.randint(1, 999))


def _stamp(rng: Random) -> Row:
    when = f"2026-{rng.randint(1, 6):02d}-{rng.randint(1, 28):02d} {rng.randint(8, 18):02d}:{rng.randint(0, 59):02d}:00"
    return {"cd_time": when, "cd_operation": rng.choice("IIU")}
