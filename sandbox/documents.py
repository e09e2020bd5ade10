"""What the library of documents knows of each document: good ones in numbers, and one that is bad for every reason.

A record is as the contract has it: JSON values, moments as text with their offset. The documents themselves are nowhere.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from random import Random

from sandbox import entities, identity, items, names, places
from sandbox.messages import CHINA, Row, moment

META = "document.meta"
KEYS: Mapping[str, tuple[str, ...]] = {META: ("document_id", "version")}
DOCUMENTS = 600
BESIDE_LOWER = "DO-02"  # such a record is bad only beside the version before it
DAYS = 300  # the oldest document was made that many days ago
_SPACE = uuid.UUID("5f0c2a84-1d4b-5c7e-8a36-0e9b7d2f6c11")
_FIRMS = 1_000
_KINDS = (  # title, code of the material, media type, who made it
    ("居民身份证", "M-ID", "image/jpeg", "CB"), ("不动产权证书", "M-ESTATE", "application/ofd", "A"),
    ("营业执照", "M-LICENCE", "application/ofd", "A"), ("场所平面布局图", "M-PLAN", "image/png", "CD"),
    ("安全承诺书", "M-PROMISE", "application/pdf", "D"), ("健康证明", "M-HEALTH", "application/pdf", "BC"),
    ("申请书", "", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "D"),
    ("验资报告", None, "application/pdf", "BC"),
)  # fmt: skip
_SUFFIX = {"image/jpeg": "jpg", "application/ofd": "ofd", "image/png": "png", "application/pdf": "pdf"}


def documents(now: datetime, seed: int, key: bytes, count: int = DOCUMENTS) -> Iterator[Row]:
    """Yield good documents; one in ten has a second version."""
    for number in range(count):
        yield document(number, 1, now, seed, key)
        if number % 10 == 4:
            yield document(number, 2, now, seed, key)


def document(number: int, version: int, now: datetime, seed: int, key: bytes) -> Row:
    """Return a version of document `number`, made some time before `now`; a few were revoked since."""
    rng = Random(f"{seed}:document:{number}:{version}")
    title, code, mime, makers = rng.choice(_KINDS)
    trust = rng.choice(makers)
    made = now - timedelta(days=rng.uniform(1, DAYS))
    revoked = made + (now - made) * rng.random() if rng.random() < 0.05 else None
    digest = hashlib.sha256(f"{seed}:{number}:{version}".encode()).hexdigest()
    day = made.astimezone(CHINA).date()
    ends = rng.choice((None, "9999-12-31", str(day + timedelta(rng.randint(200, 2_000)))))
    return {
        "document_id": document_id(number, seed), "version": version, "material_code": code, "mime": mime,
        "size": rng.randrange(8_000, 4_000_000), "sha256": digest, "sm3": rng.choice((None, digest[::-1])), "trust": trust,
        **_owner(rng, title, number, seed, key),
        "source_project_no": rng.choice((None, "", f"1308{day:%Y%m%d}{rng.randrange(10**9):09d}")),
        "source_unit": _unit(rng) if trust != "A" else items.BUREAU, **_verified(rng, trust, version), "valid_to": ends,
        "seal": f"{items.BUREAU_NAME}电子印章" if trust == "A" else rng.choice((None, "")), "class": rng.choice(("L2", "L3", "L4")),
        "uri": f"https://document.example.invalid/objects/{digest}.{_SUFFIX.get(mime, 'docx')}", "created_at": moment(made),
        "revoked_at": moment(revoked), "updated_at": moment(revoked or made),
    }  # fmt: skip


def of_case(number: int, case: Row, now: datetime, seed: int, key: bytes) -> Row:
    """Return a document that came with a case and was looked at when the case was accepted."""
    row = document(number, 1, now, seed, key)
    seen = {"verified_unit": case["org_code"], "verified_by": case["handle_user_name"]}
    return (
        row
        | seen
        | {"trust": "B", "source_project_no": case["project_no"], "source_unit": case["org_code"], "seal": None}
    )


def document_id(number: int, seed: int) -> str:
    """Return the identifier of a document, the same for all its versions."""
    return str(uuid.uuid5(_SPACE, f"{seed}:{number}"))


def _owner(rng: Random, title: str, number: int, seed: int, key: bytes) -> Row:
    kind = rng.choice("112")
    if kind == "1":
        born = date(1955, 1, 1) + timedelta(rng.randrange(18_000))
        region = rng.choice(places.counties()).on(born.isoformat())
        citizen = identity.citizen_number(region, born, rng.randint(1, 999))
        return {
            "owner_kind": kind,
            "owner_key": identity.keyed_hash(citizen, key),
            "title": f"{names.person(rng)}的{title}",
        }
    firm = entities.entity("legal.market_entity", number % _FIRMS, seed, key)
    return {"owner_kind": kind, "owner_key": firm["uscc"], "title": f"{firm['ent_name']}的{title}"}


def _unit(rng: Random) -> str:
    region = rng.choice(places.counties()).code
    return identity.uscc("11", region, identity.organisation_code(rng.randrange(20), rng.choice(("MB", "00", "74"))))


def _verified(rng: Random, trust: str, version: int) -> Row:
    """Return who stands for the grade: whoever issued the document, or looked at it at a window, or again later."""
    if trust not in "AB" and version == 1:
        return {"verified_unit": rng.choice((None, "")), "verified_by": None}
    return {"verified_unit": items.BUREAU, "verified_by": names.person(rng)}


def lower(row: Row) -> Row:
    """Return the version before a second one, of the lowest grade."""
    return row | {"version": row["version"] - 1, "trust": "D", "verified_unit": None, "verified_by": None}


def _moved(row: Row, field: str, days: float) -> str:
    return str(moment(datetime.fromisoformat(row[field]) + timedelta(days=days)))


def _wrong(code: str) -> str:
    """Return a credit code with a check character that is certainly wrong."""
    return code[:-1] + ("1" if code[-1] != "1" else "2")


# What makes a good record bad, by the rule that is to find it. The last ones are no matter of rules.
_BREAKERS: Mapping[str, Callable[[Row], Row]] = {
    "trust-code": lambda _: {"trust": "E"},
    "owner_kind-code": lambda _: {"owner_kind": "4"},
    "class-code": lambda _: {"class": "L5"},
    "source_unit-uscc": lambda row: {"source_unit": _wrong(row["source_unit"])},
    "DO-04": lambda _: {"mime": "application/x-msdownload"},
    "DO-05": lambda _: {"uri": "data:application/pdf;base64,JVBERi0xLjQK"},
    "owner_key-uscc": lambda row: {"owner_kind": "2", "owner_key": _wrong(row["source_unit"])},
    "verified_unit-uscc": lambda row: {"verified_unit": _wrong(row["source_unit"])},
    BESIDE_LOWER: lambda _: {"version": 2, "trust": "C", "verified_unit": None, "verified_by": None},
    "seal-present": lambda _: {"trust": "A", "seal": None},
    "created_at-future": lambda row: {"created_at": _moved(row, "created_at", 1_000)},
    "revoked_at-order": lambda row: {"revoked_at": _moved(row, "created_at", -1)},
    "valid_to-order": lambda row: {"valid_to": _moved(row, "created_at", -2)[:10]},
    "TX-01": lambda _: {"title": "营业\x7f执照"},
    "sha256.pattern": lambda row: {"sha256": row["sha256"].upper()},
    "sm3.pattern": lambda _: {"sm3": "待补"},
    "size.range": lambda _: {"size": 0},
    "title.required": lambda _: {"title": None},
    "uri.length": lambda row: {"uri": row["uri"] + "a" * 500},
    "version.range": lambda _: {"version": 0},
    "size.type": lambda _: {"size": "3.2 MB"},
    "created_at.type": lambda _: {"created_at": "2026-02-30T09:00:00+08:00"},
}


def broken(rule: str, row: Row) -> Row:
    """Return a good record with one rule broken; KeyError for a rule that nobody knows how to break."""
    return row | _BREAKERS[rule](row)


def breakable() -> tuple[str, ...]:
    """Return the rules that `broken` knows."""
    return tuple(_BREAKERS)
