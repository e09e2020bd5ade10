"""What the stand-in approval system holds: good rows keep every rule, and what belongs together is there."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway import contracts
from gateway.exchange import rules
from gateway.model import Dataset
from sandbox import approval_tables, breaking, city, items, orgs, sources
from tests.days import today

ROOT = Path(__file__).parents[3]
Row = dict[str, Any]
Tables = dict[str, tuple[list[Row], Callable[[int], Row]]]
NEW = [name for name in sources.DATABASES["approval"] if not name.startswith("case.")]
# Rows of each: the organisation's are the portal's and the units' own.
COUNTS = {
    "item.directory": 311, "item.guide": 311, "org.org": 169, "org.staff": 1_000, "org.user": 800, "org.corporator": 400,
    "org.region": 232, "push.message": 1_500,
}  # fmt: skip


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Return every table's good rows, and what makes further ones."""
    return {name: (list(rows), spare) for name, rows, spare in approval_tables.tables(7, city.CERT_KEY)}


def _dataset(name: str) -> Dataset:
    return contracts.load(ROOT / "schemas" / "contracts" / f"{name}.odcs.yaml")


def _as_json(row: Row) -> Row:
    """Return a row as JSON values; the parameters of a push stand in their table as text."""
    made = {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}
    return made | {name: json.loads(made[name]) for name in made.keys() & {"params"}}


def test_every_table_of_the_platform_is_filled(tables: Tables) -> None:
    """None is forgotten, none is filled that nobody made; a few thousand rows each at most."""
    assert set(tables) == set(sources.DATABASES["approval"])
    counts = {name: len(rows) for name, (rows, _) in tables.items()}
    assert {name: counts[name] for name in COUNTS} == COUNTS
    assert max(counts[name] for name in NEW) < 4_000


@pytest.mark.parametrize("name", NEW)
def test_good_rows_keep_every_rule(tables: Tables, name: str) -> None:
    """Those of the table and those to be broken; every field is the contract's and every key is there once."""
    dataset, (rows, spare) = _dataset(name), tables[name]
    judge, good = rules.judge(dataset, today()), rows + [spare(number) for number in range(40)]
    assert [(row, judge(row)) for row in map(_as_json, good) if judge(row)] == []
    assert {field for row in good for field in row} <= set(dataset.columns)
    assert Counter(tuple(str(row[k]) for k in dataset.key) for row in good).most_common(1)[0][1] == 1


@pytest.mark.parametrize("name", NEW)
def test_a_broken_row_is_broken_by_the_rule_it_was_made_for(tables: Tables, name: str) -> None:
    """Every rule of one row that rejects has such a row, and no other rule is in its way."""
    dataset, (_, spare) = _dataset(name), tables[name]
    judge = rules.judge(dataset, today())
    for rule in sources.table(name).rules:
        if rule.severity == "error" and rule.check not in rules.SET_CHECKS:
            made = breaking.broken(rule, sources.table(name), spare(1), spare(2))
            assert made is not None
            assert judge(_as_json(made)) == rule.id


def test_a_guide_has_what_belongs_to_it(tables: Tables) -> None:
    """Materials; fees where it costs something; questions to a licence; steps that take no longer than promised."""
    belonging: dict[str, dict[str, int]] = defaultdict(Counter)
    for name in ("item.material", "item.fee", "item.faq"):
        belonging[name] = Counter(row["task_guid"] for row in tables[name][0])
    tenths: Counter[tuple[str, int]] = Counter()
    for row in tables["item.step"][0]:
        tenths[row["task_code"], row["task_version"]] += round(float(row["limit_days"]) * 10)
    listed = {row["catalog_code"] for row in tables["item.directory"][0]}
    for guide in tables["item.guide"][0]:
        assert belonging["item.material"][guide["task_guid"]] > 0
        assert (belonging["item.fee"][guide["task_guid"]] > 0) == (guide["is_fee"] == "1")
        assert belonging["item.faq"][guide["task_guid"]] > 0 or guide["task_type"] != "1"
        assert tenths[guide["task_code"], guide["task_version"]] <= guide["promise_day"] * 10
        assert guide["promise_day"] <= guide["anticipate_day"]
        assert guide["catalog_code"] in listed


def test_some_guides_are_only_planned(tables: Tables) -> None:
    """One version later than the one in force, and none of them has begun."""
    planned = [row for row in tables["item.guide"][0] if row["task_state"] == "0"]
    begun = {row["task_code"]: row["task_version"] for row in tables["item.guide"][0] if row["task_state"] == "1"}
    assert len(planned) == 11
    assert {row["task_version"] - begun[row["task_code"]] for row in planned} == {1}
    assert all(row["plan_effective_date"].date() > today() for row in planned)


def test_cases_are_about_items_that_exist(tables: Tables) -> None:
    """Version and all; they were accepted by a unit that is live, and promised what the guide promises."""
    guides = {(row["task_code"], row["task_version"]): row for row in tables["item.guide"][0]}
    live = {row["org_cc_code"] for row in tables["org.org"][0] if row["org_status"] == "1"}
    for case in tables["case.accept"][0]:
        guide = guides[case["task_code"], case["task_version"]]
        assert (guide["task_name"], guide["catalog_code"]) == (case["task_name"], case["catalog_code"])
        assert case["org_code"] in live
    assert {items.promise_days(number) for number in range(len(items.SERVICES))} == {0, 1, 2, 3}


def test_the_events_of_a_case_are_numbered_without_a_gap(tables: Tables) -> None:
    """From 1, in the order in which they happened; each is a good row, the spare ones too, and every case has some."""
    rows, spare = tables["case.event"]
    judge = rules.judge(_dataset("case.event"), today())
    assert [row for row in map(_as_json, rows + [spare(number) for number in range(20)]) if judge(row)] == []
    told: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        told[row["project_no"]].append(row)
    assert set(told) == {row["project_no"] for row in tables["case.accept"][0]}
    for events in told.values():
        assert [row["version"] for row in events] == list(range(1, len(events) + 1))
        assert [row["happened_at"] for row in events] == sorted(row["happened_at"] for row in events)
    assert {row["event_type"] for row in rows} == set("023456")


def test_the_organisation_is_one_tree(tables: Tables) -> None:
    """One root, every parent there, no way leads back; its regions are those of today."""
    parents = {row["org_code"]: row["parent_org_code"] for row in tables["org.org"][0]}
    assert list(parents.values()).count(None) == 1
    for code in parents:
        seen = [code]
        while (above := parents[seen[-1]]) is not None:
            assert above not in seen
            seen.append(above)
    regions = {row["region_code"] for row in tables["org.region"][0]}
    assert {row["region_code"] for row in tables["org.org"][0]} <= regions


def test_every_live_unit_can_be_reached(tables: Tables) -> None:
    """A responsible person and a member of staff today."""
    today = [row for row in tables["org.contact"][0] if row["valid_to"] is None]
    roles = {
        unit["org_cc_code"]: {r["role"] for r in today if r["unit"] == unit["org_cc_code"]}
        for unit in orgs.live_units()
    }
    assert set(map(frozenset, roles.values())) == {frozenset("12")}
