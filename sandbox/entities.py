"""Rows of legal.market_entity, legal.institution and legal.social_org, made from a seed."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

from sandbox import identity, names, places

Row = dict[str, Any]
_FIRST = date(1994, 1, 1)
_DAYS = (date(2026, 6, 1) - _FIRST).days
_TRADES = (
    ("商贸", "F5299", "日用百货、五金产品零售"), ("建筑工程", "E4710", "房屋建筑工程施工"), ("农业开发", "A0119", "农作物种植、销售"),
    ("旅游服务", "R9011", "旅游景区管理服务"), ("果品", "A0151", "苹果、山楂种植与销售"), ("运输", "G5430", "道路普通货物运输"),
    ("矿业", "B0810", "铁矿石开采、销售"), ("科技", "I6510", "软件开发、信息技术咨询服务"), ("餐饮", "H6210", "正餐服务"), ("药店", "F5251", "药品零售"),
)  # fmt: skip
_BRANDS = [
    "承德",
    "避暑山庄",
    "热河",
    "塞罕坝",
    "燕山",
    "滦河",
    "武烈河",
    "金山岭",
    "磬锤峰",
    "雾灵山",
    "兴隆",
    "木兰",
    "华峰",
    "宏远",
    "鑫源",
    "瑞祥",
    "恒通",
    "盛达",
    "顺发",
    "永兴",
]
_KINDS = (
    "学校",
    "医院",
    "林场",
    "文化馆",
    "图书馆",
    "农业技术推广站",
    "环境监测站",
    "社会福利院",
    "体育中心",
    "水利站",
)
_SOCIETIES = (
    ("51", "商会"),
    ("51", "协会"),
    ("51", "学会"),
    ("52", "培训学校"),
    ("52", "养老服务中心"),
    ("52", "社会工作服务中心"),
    ("53", "慈善基金会"),
)
_ROLES = {"legal.market_entity": "MA", "legal.institution": "F1", "legal.social_org": "Q7"}


def entity(dataset: str, number: int, seed: int, key: bytes) -> Row:
    """Return entity number `number` of a data set; the same number gives the same row for every scale."""
    rng = Random(f"{seed}:{dataset}:{number}")
    common = _common(rng, dataset, number, key)
    return _MAKERS[dataset](rng, common)


def _common(rng: Random, dataset: str, number: int, key: bytes) -> Row:
    county = rng.choices(places.counties(), [c.share for c in places.counties()])[0]
    established = _FIRST + timedelta(rng.randrange(_DAYS))
    approved = min(established + timedelta(int(rng.random() ** 2 * 5_000)), date(2026, 6, 20))
    region, street = county.on(approved.isoformat()), rng.choice(county.streets)
    if region != county.code:  # the entity was approved under the code of that day
        old = {places.OLD_PINGQUAN: street.old_code}
        street = places.Street(old.get(region, "130802001000"), street.name)
    legal_rep, born = names.person(rng), date(1950, 1, 1) + timedelta(rng.randrange(19_000))
    number_of_rep = identity.citizen_number(county.on(born.isoformat()), born, rng.randint(1, 999))
    row: Row = {
        "reg_no": f"1308{number:011d}", "entity_id": f"{dataset[6]}{number:015d}", "legal_rep": legal_rep,
        "legal_rep_cert_type": "111", "legal_rep_cert_no": number_of_rep,
        "legal_rep_cert_key": identity.keyed_hash(number_of_rep, key),
        "established_on": established, "approved_on": approved, "address_division": street.code,
        "address": f"河北省承德市{county.name}{street.name}{rng.randint(1, 399)}号",
        "organisation": identity.organisation_code(number, _ROLES[dataset]), "region": county.on(established.isoformat()),
        "cd_operation": "U" if rng.random() < 0.2 else "I", "place": county.name,
        "cd_time": f"{2026 - (number % 3 == 0)}-{rng.randint(1, 6):02d}-{rng.randint(1, 28):02d} {rng.randint(8, 19):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}",
    }  # fmt: skip
    return row | _standing(rng, approved)


def _standing(rng: Random, approved: date) -> Row:
    roll = rng.random()
    return {
        "status": "2" if roll < 0.04 else "3" if roll < 0.12 else "4" if roll < 0.13 else "1",
        "revoked_on": approved if roll < 0.04 else None,
        "deregistered_on": approved if 0.04 <= roll < 0.12 else None,
    }


def _market(rng: Random, row: Row) -> Row:
    trade, industry, scope = rng.choice(_TRADES)
    alone = rng.random() < 0.55
    prefix = "92" if alone else "91"
    place = row["place"].removesuffix("满族自治县").removesuffix("满族蒙古族自治县")
    owner = f"{row['legal_rep'][0]}记{trade}店" if alone else f"{rng.choice(_BRANDS)}{trade}有限公司"
    money = rng.choice((1, 5, 10)) if alone else rng.choice((50, 100, 300, 500, 1_000, 5_000))
    ends = rng.choice((None, None, "9999-12-31", row["established_on"] + timedelta(7_300)))
    return row | {
        "uscc": identity.uscc(prefix, row["region"], row["organisation"]), "ent_type": "9500" if alone else "1130",
        "ent_name": f"{place}{owner}（{row['entity_id'][-5:]}）" if alone else f"{place}{owner}", "is_individual": "1" if alone else "0",
        "legal_rep_cert_from": "2015-06-01", "legal_rep_cert_to": "2035-06-01", "legal_rep_mobile": f"139{rng.randrange(10**8):08d}",
        "registrar": f"{row['place']}行政审批局", "term_from": row["established_on"], "term_to": ends,
        "capital": f"{money}.000000", "currency": "CNY", "industry": industry, "scope": scope, "business_place": row["address"], "postal": "067000",
    }  # fmt: skip


def _institution(rng: Random, row: Row) -> Row:
    return row | {
        "uscc": identity.uscc("12", row["region"], row["organisation"]), "ent_name": f"{row['place']}{rng.choice(_BRANDS)}{rng.choice(_KINDS)}",
        "organizer": f"{row['place']}人民政府", "fund_source": rng.choice(("财政补助", "财政补助收入", "事业收入")),
        "opening_fund": f"{rng.choice((10, 50, 200, 800))}.000000", "purpose": "面向社会提供公益服务",
        "reg_authority": f"{row['place']}事业单位登记管理局", "valid_from": row["approved_on"],
        "valid_to": rng.choice(("9999-12-31", row["approved_on"] + timedelta(1_825))),
    }  # fmt: skip


def _social_org(rng: Random, row: Row) -> Row:
    prefix, kind = rng.choice(_SOCIETIES)
    return row | {
        "uscc": identity.uscc(prefix, row["region"], row["organisation"]), "ent_name": f"{row['place']}{rng.choice(_BRANDS)}{kind}",
        "competent_org": f"{row['place']}民政局", "org_kind": prefix, "is_charity": "1" if prefix == "53" else "0",
        "fund_kind": "2" if prefix == "53" else None, "act_area": row["place"], "scope": "按照章程开展活动",
        "reg_money": f"{rng.choice((3, 5, 30, 200))}.000000", "cert_from": row["approved_on"],
        "cert_to": rng.choice(("9999-12-31", row["approved_on"] + timedelta(1_460))),
    }  # fmt: skip


_MAKERS = {"legal.market_entity": _market, "legal.institution": _institution, "legal.social_org": _social_org}
