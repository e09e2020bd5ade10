"""Rows of licence.data: a licence for each case that ended with one, and the licences of earlier years."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from sandbox import entities, identity, items, names

Row = dict[str, Any]
LICENCES = 2_000
_FIRMS = 1_000
_LAST = date(2026, 6, 30)  # nothing of the earlier years is newer
_BODIES = {  # who defined a kind of licence: letters and serial of its code
    "国家市场监督管理总局": 11, "国家卫生健康委员会": 12, "住房和城乡建设部": 13, "交通运输部": 14, "水利部": 15, "教育部": 16,
    "国家林业和草原局": 17, "中国残疾人联合会": 18,
}  # fmt: skip
_KINDS = {  # by the name of the licence: who defined it, its number there, for how many years it is valid
    "食品经营许可证": ("国家市场监督管理总局", 7, 5), "营业执照": ("国家市场监督管理总局", 1, None),
    "卫生许可证": ("国家卫生健康委员会", 3, 4), "建筑工程施工许可证": ("住房和城乡建设部", 9, None),
    "排水许可证": ("住房和城乡建设部", 12, 5), "道路运输经营许可证": ("交通运输部", 2, 4), "取水许可证": ("水利部", 1, 5),
    "办学许可证": ("教育部", 4, 5), "林木采伐许可证": ("国家林业和草原局", 6, 1), "残疾人证": ("中国残疾人联合会", 1, 10),
}  # fmt: skip
_OF_FIRMS = tuple(name for name in _KINDS if name != "残疾人证")
_ENDLESS = (None, "长期", "99991231")  # how old systems write that a licence does not end
_REASONS = ("持证人申请注销", "有效期届满未延续", "被许可人终止", "以欺骗手段取得，依法撤销")


def of_case(case: Row, number: int, seed: int) -> Row:
    """Return the licence of a case that ended with one: fields of its acceptance and of its result."""
    decided: datetime = case["result_date"]
    holder = {
        "certificate_holder": case["applyer_name"], "certificate_holder_code": case["applyer_page_code"],
        "certificate_holder_type_code": case["applyer_page_type"], "certificate_area_code": "130800",
    }  # fmt: skip
    row = _licence(
        Random(f"{seed}:licence:case:{number}"), case["result_cetr_name"], case["result_cetr_no"], decided.date()
    )
    return row | holder | {
        "related_item_name": case["task_name"], "related_item_code": case["task_code"], "status": "1", "revoked_on": None,
        "revoke_reason": None, "cd_operation": "I", "cd_time": decided.replace(microsecond=0),
    }  # fmt: skip


def licence(number: int, seed: int, key: bytes) -> Row:
    """Return licence `number` of the earlier years: of a firm that the legal-person library knows."""
    rng = Random(f"{seed}:licence:{number}")
    firm = entities.entity("legal.market_entity", number % _FIRMS, seed, key)
    name, issued = rng.choice(_OF_FIRMS), firm["approved_on"]
    row = _licence(rng, name, f"冀承{name[:2]}{issued:%Y}{number:07d}", issued)
    seen = min(issued + timedelta(rng.randint(0, 900)), _LAST)
    return row | _standing(rng, issued, seen) | {
        "certificate_holder": firm["ent_name"], "certificate_holder_code": firm["uscc"],
        "certificate_holder_type_code": "001", "certificate_area_code": firm["address_division"][:6],
    }  # fmt: skip


def _licence(rng: Random, name: str, number: str, issued: date) -> Row:
    body, ordinal, years = _KINDS[name]
    defined_by = identity.uscc("11", "100000", identity.organisation_code(_BODIES[body], "MB"))
    kind, version, digest = f"{defined_by}{ordinal:03d}", "1", hashlib.sha256(number.encode()).hexdigest()
    ends = rng.choice(_ENDLESS) if years is None else f"{issued + timedelta(365 * years):%Y%m%d}"
    copied = rng.random() < 0.05
    return {
        "certificate_source_id": f"1.2.156.3005.2.{kind}.{items.BUREAU}.{digest[:20]}.{version}.{digest[-1].upper()}",
        "certificate_name": name, "certificate_number": number, "version": version, "certificate_type": name,
        "certificate_type_code": kind, "issue_date": f"{issued:%Y%m%d}", "issue_dept": items.BUREAU_NAME,
        "issue_dept_code": items.BUREAU, "certificate_holder_type": rng.choice((None, "持证者")),
        "define_authority_name": body, "define_authority_code": defined_by, "validate_start": f"{issued:%Y%m%d}",
        "validate_end": ends, "validity_range": rng.choice((None, "承德市", "河北省")), "related_item_name": None,
        "related_item_code": None, "copy_creation_time": f"{issued:%Y%m%d}" if copied else None,
        "copy_creator": names.person(rng) if copied else None, "copy_cause": "年检加注" if copied else None,
        "copy_expiring_time": None, "extend_info": None, "file_url": f"https://licence.example.invalid/files/{digest}.ofd",
        "file_sha256": digest, "file_sm3": rng.choice((None, hashlib.sha256(digest.encode()).hexdigest())),
        "file_size": rng.randrange(20_000, 900_000), "cd_batch": f"130800LIC1{issued:%Y%m%d}0000000001", "data_source": "1",
    }  # fmt: skip


def _standing(rng: Random, issued: date, seen: date) -> Row:
    """Return how a licence stands, and when it was last written."""
    roll = rng.random()
    revoked = roll < 0.08
    written = datetime(seen.year, seen.month, seen.day, rng.randint(8, 19), rng.randint(0, 59), rng.randint(0, 59))  # noqa: DTZ001 - sources hold naive times
    return {
        "status": "2" if revoked else "3" if roll < 0.09 else "1", "revoked_on": max(issued, seen) if revoked else None,
        "revoke_reason": rng.choice(_REASONS) if revoked else None, "cd_operation": "U" if roll < 0.2 else "I",
        "cd_time": written,
    }  # fmt: skip
