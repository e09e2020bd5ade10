"""The stand-in supervision tasks and feedback: good ones keep every rule, and each bad one breaks the rule it names."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import contracts
from gateway.exchange import rules
from gateway.model import Dataset
from gateway.sla.calendar import Calendar
from sandbox import approval_tables, city, supervision
from sandbox.messages import CHINA, Row
from sandbox.supervision import FEEDBACK, KEYS, TASK
from tests.days import today

ROOT = Path(__file__).parents[3]
SEED = 7
UNSEEN = {supervision.REPEATED, supervision.NESTED}  # only the XML of a record shows them


@pytest.fixture(scope="module")
def good() -> dict[str, list[Row]]:
    """Return good records by data set: tasks of the approval system's results, and what the interaction system holds."""
    made = {name: list(rows) for name, rows, _ in approval_tables.tables(SEED, city.CERT_KEY)}
    now = datetime.now(CHINA).replace(microsecond=0)
    return {TASK: made[TASK], FEEDBACK: list(supervision.feedbacks(now, SEED)), "case.result": made["case.result"]}


def _dataset(name: str) -> Dataset:
    return contracts.load(ROOT / "schemas" / "contracts" / f"{name}.odcs.yaml")


@pytest.mark.parametrize("name", KEYS)
def test_good_records_keep_every_rule(good: dict[str, list[Row]], name: str) -> None:
    """None is refused, every field of the contract is there, keys are unique, and nothing lies in the future."""
    dataset = _dataset(name)
    judge = rules.judge(dataset, today())
    assert [(row, judge(row)) for row in good[name] if judge(row)] == []
    assert {frozenset(row) for row in good[name]} == {frozenset(dataset.columns)}
    assert dataset.key == KEYS[name]
    assert len({tuple(row[k] for k in KEYS[name]) for row in good[name]}) == len(good[name])
    assert all(_at(row["updated_at"]) <= datetime.now(CHINA) for row in good[name])


def test_there_is_a_task_of_each_result_and_feedback_on_known_ones(good: dict[str, list[Row]]) -> None:
    """Tasks in every state and 600 feedbacks on tasks under supervision, none before its task, by its task's unit."""
    assert sorted(row["project_no"] for row in good[TASK]) == sorted(r["project_no"] for r in good["case.result"])
    assert len(good[TASK]) > supervision.TASKS
    assert len(good[FEEDBACK]) == supervision.FEEDBACKS
    assert {row["state"] for row in good[TASK]} == set("12345")
    assert {row["party_kind"] for row in good[TASK]} == set("12")
    assert {row["kind"] for row in good[FEEDBACK]} == set("1234")
    assert {row["feedback_no"] for row in good[FEEDBACK]} == {1, 2}
    tasks = {row["superv_id"]: row for row in good[TASK]}
    for row in good[FEEDBACK]:
        task = tasks[row["superv_id"]]
        assert task["state"] in {"4", "5"}
        assert _at(row["feedback_at"]) >= _at(task["claimed_at"]) >= _at(task["pushed_at"])
        assert row["unit"] == task["supervising_unit"]


def test_few_tasks_are_claimed_late_or_not_at_all(good: dict[str, list[Row]]) -> None:
    """What the circular is about exists, and is the exception."""
    late = [r for r in good[TASK] if r["claimed_at"] and _at(r["claimed_at"]) > _at(r["claim_due"])]
    open_ = [r for r in good[TASK] if r["state"] == "1" and _at(r["claim_due"]) < datetime.now(CHINA)]
    assert 5 < len(late) < 90
    assert 5 < len(open_) < 120


def test_the_limit_is_the_gateways_calendars(good: dict[str, list[Row]]) -> None:
    """The second working day after the push, to the second."""
    calendar = Calendar()
    for row in good[TASK]:
        assert _at(row["claim_due"]).date() == calendar.add_workdays(_at(row["pushed_at"]).date(), 2)
        assert row["claim_due"][10:] == "T23:59:59+08:00"


@pytest.mark.parametrize(("name", "rule"), [(name, rule) for name in KEYS for rule in supervision.breakable(name)])
def test_a_bad_record_breaks_the_rule_it_names(good: dict[str, list[Row]], name: str, rule: str) -> None:
    """Rules of one row are judged first and name it; what looks elsewhere is left to the hub."""
    dataset = _dataset(name)
    judge = rules.judge(dataset, today())
    elsewhere = {r.id for r in dataset.rules if r.check in rules.SET_CHECKS} | UNSEEN
    for row in good[name][1:80]:
        found = judge(supervision.broken(name, rule, row, good[name][0]))
        assert found == (None if rule in elsewhere else rule)


@pytest.mark.parametrize("name", KEYS)
def test_every_rule_that_rejects_is_broken_by_somebody(name: str) -> None:
    """A rule added to the contract needs a bad record."""
    rejecting = {r.id for r in _dataset(name).rules if r.severity == "error"}
    assert rejecting - set(supervision.breakable(name)) == set()


def test_set_rules_are_broken_where_they_look(good: dict[str, list[Row]]) -> None:
    """A third working day, the case of another task, an unknown task, feedback before its task."""
    first, row = good[TASK][:2]
    late = supervision.broken(TASK, "claim_due-workdays", row, first)
    assert Calendar().workdays_between(_at(row["pushed_at"]).date(), _at(late["claim_due"]).date()) == 3
    assert supervision.broken(TASK, "SV-05", row, first)["project_no"] == first["project_no"]
    said = good[FEEDBACK][0]
    unknown = supervision.broken(FEEDBACK, "superv_id-exists", said, said)["superv_id"]
    assert unknown not in {r["superv_id"] for r in good[TASK]}
    early = supervision.broken(FEEDBACK, "feedback_at-order", said, said)
    assert _at(early["feedback_at"]) < min(_at(row["pushed_at"]) for row in good[TASK])


def test_a_claim_keeps_the_rules(good: dict[str, list[Row]]) -> None:
    """A task in whatever state is a good one after its unit has claimed it; who claimed before stays."""
    judge = rules.judge(_dataset(TASK), today())
    for row in good[TASK]:
        changed = row | supervision.claimed(row, datetime.now(CHINA), SEED)
        assert (judge(changed), changed["state"]) == (None, "4")
        assert row["claimed_at"] in {None, changed["claimed_at"]}


def test_what_hangs_on_the_number_of_a_task_is_the_same_on_both_sides() -> None:
    """Whoever makes it, and when: its identifier, its unit and what becomes of it."""
    case: Row = {
        "project_no": "P1",
        "task_code": "T1",
        "applyer_page_type": "001",
        "applyer_page_code": "C",
        "applyer_name": "甲",
    }
    now, later = (datetime(2026, 11, day, 9, 30, tzinfo=CHINA) for day in (2, 25))
    first = supervision.task(3, case, now - timedelta(days=20), now, SEED, b"")
    again = supervision.task(3, case | {"project_no": "P2"}, later - timedelta(days=20), later, SEED, b"")
    assert {k for k in first if first[k] == again[k]} >= {"superv_id", "supervising_unit", "state"}
    assert (first["superv_id"], first["supervising_unit"]) == (
        supervision.superv_id(3, SEED),
        supervision.unit(3, SEED),
    )


def _at(text: Any) -> datetime:
    return datetime.fromisoformat(text).astimezone(CHINA)
