"""The stand-in receipts: good ones keep every rule, bad ones break the rule they name, and they meet the pushes they tell of."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway import contracts
from gateway.exchange import rules
from gateway.model import Dataset
from sandbox import pushes
from sandbox.messages import CHINA
from sandbox.pushes import KEYS, MESSAGE, RECEIPT

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=CHINA)
SEED = 7
CASE = {"project_no": "130820261001000000001", "task_name": "食品经营许可"}


def _dataset(name: str) -> Dataset:
    return contracts.load(ROOT / "schemas" / "contracts" / f"{name}.odcs.yaml")


def test_good_receipts_keep_every_rule() -> None:
    """None is refused, every field of the contract is there, keys are unique, failed attempts come through later."""
    dataset, good = _dataset(RECEIPT), list(pushes.receipts(NOW, SEED))
    judge = rules.judge(dataset, NOW.date())
    assert [row for row in good if judge(row)] == []
    assert {frozenset(row) for row in good} == {frozenset(dataset.columns)}
    assert dataset.key == KEYS[RECEIPT]
    assert len({tuple(row[k] for k in KEYS[RECEIPT]) for row in good}) == len(good)
    assert {row["attempt"] for row in good if row["failed_reason"]} == {1}
    assert {row["attempt"] for row in good if row["delivered_at"]} == {1, 2}


@pytest.mark.parametrize("hours", [-30, 0, 50], ids=["filled before", "at once", "filled later"])
def test_a_receipt_comes_after_its_push(hours: int) -> None:
    """Also when one platform is filled on another day of the week than the other."""
    made = {row["push_id"]: row["created_at"].replace(tzinfo=CHINA) for row in _messages()}
    for row in pushes.receipts(NOW + timedelta(hours=hours), SEED, 200):
        assert datetime.fromisoformat(row["accepted_at"]) > made[row["push_id"]]
        assert datetime.fromisoformat(row["updated_at"]) < NOW


def _messages() -> list[pushes.Row]:
    return [pushes.message(number, CASE, NOW, SEED) for number in range(200)]


def test_a_push_is_of_the_last_days() -> None:
    """It never lies in the future, outlives whoever fills the platforms but for a few, and tells of no person."""
    dataset, today = _dataset(MESSAGE), NOW.replace(tzinfo=None)
    for number, row in enumerate(_messages()):
        assert (row["expires_at"] < today) == pushes.expired(number)
        assert pushes.expired(number) or row["expires_at"] > today + timedelta(days=14)
        assert NOW.replace(tzinfo=None) - timedelta(days=9) < row["created_at"] < NOW.replace(tzinfo=None)
        assert row["expires_at"] > row["created_at"]
        assert set(row) == set(dataset.columns)
        assert "食品经营许可" in row["params"]


@pytest.mark.parametrize("rule", pushes.breakable())
def test_a_bad_receipt_breaks_the_rule_it_names(rule: str) -> None:
    """Rules of one row are judged first and name it; what looks elsewhere is left to the hub."""
    dataset = _dataset(RECEIPT)
    judge, elsewhere = rules.judge(dataset, NOW.date()), {r.id for r in dataset.rules if r.check in rules.SET_CHECKS}
    for number in range(60):
        found = judge(pushes.broken(rule, pushes.receipt(number, 9, NOW, SEED)))
        assert found == (None if rule in elsewhere else rule)


def test_every_rule_that_rejects_is_broken_by_somebody() -> None:
    """A rule added to the contract needs a bad record."""
    assert {r.id for r in _dataset(RECEIPT).rules if r.severity == "error"} - set(pushes.breakable()) == set()
