"""Records to judge: good rows of the stand-in city, and values near every edge of the contracts' types."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from random import Random
from typing import Any

from gateway.exchange import rules
from gateway.model import Dataset, Field
from sandbox import (
    approval_tables,
    breaking,
    case_events,
    cases,
    catalogue,
    city,
    copies,
    documents,
    entities,
    exemptions,
    features,
    licences,
    messages,
    persons,
    places,
    pushes,
    sources,
    supervision,
)

TODAY = date(2026, 11, 25)
Record = dict[str, Any]
Move = tuple[str, Any]

_TEXTS = (
    None, "", " ", "　", "\t", "\n", "0", "1", "2", "3", "4", "5", "7", "9", "A", "D", "F", "I", "none",
    "无", "NULL", "null", r"\N", r"\n", "\\", "\\" * 18, "a\x01b", "a\x1fb", "a\x7fb", "a\x85b", "a\rb", "𠂇", "e\u0301", "买买提·吐尔逊",
    "111", "001", "100", "EPSG:4490", "a#b", "a#a", "#", "a#", "a b ", " ab", "ab　", "abcdefghij", "材料不齐,请补正一下吧",
    "11010519491231002X", "11010519491231002x", "110105194912310021", "11010519491231002X\n", "１10105194912310020",
    "13080219900229001X", "130802200002290017", "130802190002290013", "13080218591231001X", "13080220261126001X", "13080220261125001X",
    "130802199013010012", "130802199000010014", "01080219900101001X", "1308021990010100\\X", "13080219900101001𠂇", "承德承德承德",
    "91130800MA07TEST1", "91130826MA0000007E", "91130802MA0100012A", "9113080200010001I2", "9113080200010001Z2", "51130800MJ00000012",
    "130802000000", "13080X000000", "１30802000000", "1308020000000", "130802", "067000", "06700", "06700０",
    "20240229", "20230229", "19000229", "20000229", "00000101", "00010101", "99991231", "20240431", "2024043１", "20241301", "20240100",
    "\x00", "a\x00b", "\ud800", 7, 1.5, True,
)  # fmt: skip
_DAYS = (
    None, "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2026-11-24", "2026-11-25", "2026-11-26", "0001-01-01", "0999-12-31",
    "1860-01-01", "9999-12-31", "9999-12-30", "9999-09-09", "10000-01-01", "2026-1-5", "20260105", "2026-01-32", "today", "infinity",
    "2026-W01-1", "2026-01-05 ", "２026-01-05", "", 20260105, True, "1949-12-31", "1990-01-01", "2017-04-30",
)  # fmt: skip
_MOMENTS = (
    None, "2026-11-25 23:59:59", "2026-11-26 00:00:00", "2026-11-25T23:59:59.4+08:00", "2026-11-25T23:59:59.5+08:00", "2026-11-25T15:59:59Z",
    "2026-11-25T16:00:00Z", "2026-11-25T23:59:59.999999+08:00", "1988-06-01 00:30:00", "1990-09-16 01:30:00", "1986-05-04 02:30:00", "1900-01-01 00:00:00", "0001-01-01 00:00:00",
    "9999-12-31 23:59:59", "9999-12-31 23:59:59.9", "1999-12-31T23:59:59.5+00:00", "2026-11-25", "2026-11-25 24:00:00", "2026-11-25T10:00:00+16:00",
    "2026-11-25T10:00:00-15:59", "2026-11-25T10:00", "2026-11-25T10", "now", "2026-02-29 00:00:00", "2028-02-29 00:00:00", "20261125T100000", "", 1764000000, True,
)  # fmt: skip
_NUMBERS = (
    None, 0, 1, 2, -1, 10, 100, Decimal("0.5"), Decimal("-0.0000001"), Decimal("-0.0000005"), Decimal("40.97"), Decimal("117.9"), Decimal("16.7"), Decimal("16.69999999"), Decimal("53.56"),
    Decimal("134.77"), Decimal(54), 10**17, 10**18, 10**30, Decimal("1E+17"), "1e3", "1e9999", "12.50", "-0", "+1", "NaN", "Infinity", "1_000", " 1 ", "0x1F", "１", "", 1.5, True,
)  # fmt: skip
_WHOLES = (
    None,
    0,
    1,
    2,
    3,
    7,
    9,
    -1,
    10,
    11,
    32767,
    32768,
    -32768,
    -32769,
    2**31 - 1,
    2**31,
    2**63 - 1,
    2**63,
    "1",
    Decimal(1),
    1.0,
    True,
)
_DOCUMENTS = (
    None, {}, {"no": "1308", "title": ["食品经营许可", None]}, [], "", "{}", "no", ["no", "title"], 1, 1.5, True,
    *({"no": no, "title": "食品经营许可"} for no in (
        "", "1", "字" * 5, "字" * 6, None, 1, True, {}, ["13803140001"], "13803140001", "1380314000", "138031400011", "电话13803140001。",
        "12803140001", "１3803140001", "13080219900101001X", "13080219900101001x\n", "a130802199001010012", "1308021990010100123", "\n13803140001",
    )),
    {"no": "1", "title": "2", "more": "3"}, {"no": "1"}, {"title": "13803140001"}, {"no": "1", "titel": "2"},
)  # fmt: skip
_RING = [[117.1, 40.1], [118.1, 40.1], [118.1, 41.1], [117.1, 40.1]]
_OPEN = [[117.1, 40.1], [118.1, 40.1], [118.1, 41.1], [117.1, 40.2]]
_SHAPES = (
    None, 0, 1.5, True, "Point", "a\x00b", "\ud800", {"a\x00": 1}, [{"b": ["\udfff"]}], float("nan"), [float("inf")], [], {}, [117.1, 40.1],
    {"type": None}, {"type": 1}, {"type": ["Point"]}, {"type": "point"}, {"type": "Point"}, {"type": "Polygon"}, {"type": "GeometryCollection"},
    *({"type": "Point", "coordinates": c} for c in (
        [117.1, 40.1], [40.1, 117.1], [73.62, 16.7], [134.77, 53.56], [73.61, 16.7], [134.78, 53.56], [73.62, 16.69], [134.77, 53.57],
        [117.1], [117.1, None], [117.1, "40.1"], [117.1, True], [None, 40.1], ["117.1", 40.1], [True, 40.1], [], [[]], {}, None, 117.1, "x",
        [117, 41, 900.5], [117.1, 40.1, "x"], [1e15, 40.1], [117.10, 4.01e1], {"a": [40.1, 117.1]}, [{"a": [117.1]}, [117.1, 40.1]],
    )),
    *({"type": "LineString", "coordinates": c} for c in (_OPEN, [[117.1, 40.1], [40.1, 117.1]], [[117.1, 40.1]], [[[40.1]]])),
    *({"type": "Polygon", "coordinates": c} for c in (
        [_RING], [_OPEN], [_RING, _OPEN], [_RING, _RING], [_RING[:3]], [_RING[:1]], [[]], [], _OPEN, [[*_RING[:3], 5]], [[*_RING[:3], [117.1]]],
        [[*_RING[:3], [117.1, "40.1"]]], [[*_RING[:3], ["117.1", 40.1]]], [[[117.1], *_RING[1:]]], [[[117.1, None], *_RING[1:]]], [[[None, 1], *_RING[1:]]],
        [5, _OPEN], [[*_RING[:3], [117.1, 40.1, 7]]], [[5, *_RING]], [[_RING, 5]], [[*_RING[:3], None]], [[{"a": 1}, *_RING]], [[*_RING[:3], {"a": 1}]],
    )),
    *({"type": "MultiPolygon", "coordinates": c} for c in ([[_RING], [_RING]], [[_RING], [_OPEN]], [_OPEN], [[_RING], 5], [5, [_OPEN]], [[[_OPEN]]])),
)  # fmt: skip
_FLAGS = (None, True, False, "true", 1)

_NOON = datetime(2026, 11, 25, 12, tzinfo=messages.CHINA)
# Data sets with a maker of their own: good rows by seed and key; and what makes one of them bad by the rule.
_MADE: Mapping[str, Callable[[int, bytes], Iterable[Mapping[str, Any]]]] = {
    pushes.RECEIPT: lambda seed, _: pushes.receipts(_NOON, seed, 3),
    catalogue.CATALOGUE: lambda seed, _: catalogue.resources(seed),
    copies.STATUS: lambda seed, _: copies.copies(_NOON, seed, 5),
    features.FEATURE: lambda seed, _: features.features(_NOON, seed),
    supervision.FEEDBACK: lambda seed, _: supervision.feedbacks(_NOON, seed, 20, 20),
    documents.META: lambda seed, key: documents.documents(_NOON, seed, key, 20),
    exemptions.EXEMPTION: lambda seed, _: exemptions.exemptions(_NOON, seed, 20),
    "assess.result": lambda *_: [_result(route) for route in ("pop_person_in", "item_guide_web")],
    "receipt.returned": lambda *_: [_returned(1, "open"), _returned(2, "superseded")],
    "site.link": lambda *_: [_link("1", 200, None), _link("2", 301, "/new/"), _link("3", None, None)],
    "licence.data": lambda seed, key: (licences.licence(number, seed, key) for number in range(100)),
}
_SPOILED: Mapping[str, tuple[tuple[str, ...], Callable[[str, list[Record]], Record]]] = {
    pushes.RECEIPT: (pushes.breakable(), lambda rule, rows: pushes.broken(rule, rows[0])),
    copies.STATUS: (copies.breakable(), lambda rule, rows: copies.broken(rule, rows[0])),
    documents.META: (documents.breakable(), lambda rule, rows: documents.broken(rule, rows[0])),
    exemptions.EXEMPTION: (exemptions.breakable(), lambda rule, rows: exemptions.broken(rule, rows[2], rows[1])),
    # The gateway makes them itself: nobody sends bad ones.
    "assess.result": ((), lambda _, rows: rows[0]),
    "receipt.returned": ((), lambda _, rows: rows[0]),
    "site.link": ((), lambda _, rows: rows[0]),
}


def _result(route: str) -> Record:
    """Return what a frozen issue says of a route."""
    counts = {"due_count": 15, "on_time": 12, "late": 1, "exempt": 1, "unmeasured": 1, "late_source": 1}
    others = (
        "late_hub",
        "late_target",
        "rows_sent",
        "rows_rejected",
        "notices_sent",
        "notices_acked",
        "backup_ok",
        "drill_ok",
    )
    names = {"period": "2026-11A", "unit": "gaj", "agreement": route, "kind": "scheduled", "dataset": "pop.person"}
    return {**names, **counts, **dict.fromkeys(others, 0), "rate_bp": 9230, "lead_days_min": None, "drill_age_days": None,
            "evidence_root": "0" * 64, "issue_no": 21, "frozen_at": _NOON - timedelta(days=8)}  # fmt: skip


def _returned(number: int, state: str) -> Record:
    """Return what a platform is told of a row that came back."""
    ended = None if state == "open" else _NOON
    names = {
        "returned_to": "approval",
        "receipt_no": number,
        "returned_by": "prov",
        "dataset": "org.user",
        "row_key": None,
    }
    return {**names, "err_type": "E501", "remark": "用户等级与实名信息不符", "owner": "xzspj", "state": state,
            "returned_at": _NOON - timedelta(days=1), "closed_at": ended}  # fmt: skip


def _link(state: str, status: int | None, moved: str | None) -> Record:
    """Return how a page of a unit's site was found."""
    return {
        "url": f"/units/{state}/",
        "title": "市公安局",
        "unit": "gaj",
        "state": state,
        "http_status": status,
        "moved_to": moved,
    }


def edges(field: Field) -> tuple[Any, ...]:
    """Return values of a field that may go wrong; lengths are tried at their limits."""
    kind = field.hub_type
    if kind == "text":
        longest = int(field.limits.get("maxLength", 20))
        return (
            *_TEXTS,
            "字" * longest,
            "字" * (longest + 1),
            "𠂇" * longest,
            "字" * longest + " ",
            "a" * max(longest - 1, 0),
        )
    families = {
        "date": _DAYS,
        "timestamp": _MOMENTS,
        "numeric": _NUMBERS,
        "boolean": _FLAGS,
        "jsonb": (*_DOCUMENTS, *_SHAPES),
    }
    return next((values for start, values in families.items() if kind.startswith(start)), _WHOLES)


def moves(dataset: Dataset, rows: list[Record]) -> list[Move]:
    """Return single changes to a record: every edge of every field, and small damage to the values of good rows."""
    found = [(f.name, value) for f in dataset.fields for value in edges(f)]
    for row in rows[:2]:
        found += [(name, worse) for name, value in row.items() if isinstance(value, str) for worse in _damaged(value)]
    return found


def good_rows(dataset: Dataset) -> list[Record]:
    """Return rows of the stand-in city as they would arrive in JSON; each is good, or bad only for want of other rows."""
    table = list(islice(_city_rows(dataset.name), 6))
    return [_arriving(dataset, row) for row in table]


def broken_rows(dataset: Dataset, rows: list[Record]) -> Iterator[Record]:
    """Yield one row per rule of the contract, made bad as the stand-in city does it."""
    if dataset.name in messages.KEYS:
        known = {rule.id for rule in rules.row_rules(dataset)}
        yield from (messages.broken(dataset.name, r, rows[0]) for r in messages.breakable(dataset.name) if r in known)
        return
    if dataset.name in _SPOILED:
        known = {rule.id for rule in rules.row_rules(dataset)}
        rule_ids, spoil = _SPOILED[dataset.name]
        yield from (spoil(rule_id, rows) for rule_id in rule_ids if rule_id in known)
        return
    if dataset.name in supervision.KEYS:
        known = {rule.id for rule in rules.row_rules(dataset)}
        for rule_id in supervision.breakable(dataset.name):
            if rule_id in known:
                yield supervision.broken(dataset.name, rule_id, rows[1], rows[0])
        return
    if dataset.name == features.FEATURE:
        known = {rule.id for rule in rules.row_rules(dataset)}
        yield from (features.broken(rule, rows[0]) for rule in features.breakable() if rule in known)
        return
    table = sources.table(dataset.name)
    for rule in (r for r in table.rules if r.check not in rules.SET_CHECKS):
        worse = breaking.broken(rule, table, rows[0], rows[1])
        if worse is not None:
            yield _arriving(dataset, worse)


def _city_rows(name: str) -> Iterator[Mapping[str, Any]]:
    seed, key = city.SEED, city.CERT_KEY
    if name in _MADE:
        yield from _MADE[name](seed, key)
    elif name == "pop.person":
        people = persons.people(0, 400, seed, key)
        everybody = [dict(zip(persons.COLUMNS, row, strict=True)) for row in people]
        yield from sorted(everybody, key=lambda row: (row["status"] == "1", row["citizen_id"]))[:2][::-1]
        yield from everybody
    elif name.startswith("legal."):
        yield from (entities.entity(name, number, seed, key) for number in range(100))
    elif name in messages.KEYS:
        now = datetime(2026, 11, 25, 12, tzinfo=messages.CHINA)
        written = list(messages.posts(now, seed, 100))
        yield from written if name == messages.POST else messages.replies(now, seed, written[:20], 20)
    elif name.startswith(("item.", "org.", "push.")) or name in {case_events.EVENT, supervision.TASK}:
        made = {dataset: spare for dataset, _, spare in approval_tables.tables(seed, key)}
        yield from (made[name](number) for number in range(20))
    elif name == "geo.division":
        yield from places.divisions()
    elif name == "geo.address":
        yield from places.addresses(Random(seed), 100)
    else:
        accepted = datetime(2026, 10, 8, 9, 30)  # noqa: DTZ001 - sources hold naive times
        for number in range(100):
            yield from (
                e.row
                for e in cases.case(number, accepted + timedelta(days=number % 20), seed, key)
                if e.dataset == name
            )


def _arriving(dataset: Dataset, row: Mapping[str, Any]) -> Record:
    """Return a row of a source's table as JSON values; a document stands there as its text."""
    return {f.name: _as_json(f, row.get(f.name)) for f in dataset.fields}


def _as_json(field: Field, value: Any) -> Any:
    if field.hub_type == "jsonb" and isinstance(value, str):
        return json.loads(value)
    return value.isoformat() if isinstance(value, date) else value


def _damaged(value: str) -> Iterator[str]:
    yield from (
        value + "\n",
        value + " ",
        value + "　",
        " " + value,
        value.lower(),
        value[:-1],
        value + "0",
        value.swapcase(),
    )
    yield value.translate({ord("0") + i: ord("０") + i for i in range(10)})
    if value:
        yield value[:-1] + ("1" if value[-1] != "1" else "2")
        yield value[:-1] + "\\"
