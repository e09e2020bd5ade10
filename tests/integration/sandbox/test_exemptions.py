"""The stand-in exemptions: good ones keep every rule, and each bad one breaks the rule it names."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway import contracts
from gateway.exchange import rules
from sandbox import exemptions
from sandbox.exemptions import EXEMPTION, KEYS
from sandbox.messages import CHINA, Row

CONTRACT = contracts.load(Path(__file__).parents[3] / "schemas" / "contracts" / "assess.exemption.odcs.yaml")
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=CHINA)
SEED = 7


@pytest.fixture(scope="module")
def good() -> list[Row]:
    """Return good records."""
    return list(exemptions.exemptions(NOW, SEED))


def test_good_records_keep_every_rule(good: list[Row]) -> None:
    """None is refused, every field is there, keys and numbers of decisions are unique, and nothing lies in the future."""
    judge = rules.judge(CONTRACT, NOW.date())
    assert [(row, judge(row)) for row in good if judge(row)] == []
    assert {frozenset(row) for row in good} == {frozenset(CONTRACT.columns)}
    assert CONTRACT.key == KEYS[EXEMPTION]
    assert len({row["exemption_id"] for row in good}) == len(good)
    numbers = [row["decision_no"] for row in good if row["decision_no"]]
    assert len(set(numbers)) == len(numbers)
    assert all(datetime.fromisoformat(row["updated_at"]) <= NOW for row in good)


def test_there_are_exemptions_of_every_sort(good: list[Row]) -> None:
    """Of all reasons and in all states, in several periods; what overlaps is the exception."""
    assert {row["reason"] for row in good} == set("1234")
    assert {row["state"] for row in good} == set("123")
    assert len({row["period"] for row in good}) > 3
    by_agreement: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in good:
        by_agreement.setdefault((row["unit"], row["agreement"]), []).append((row["begins_at"], row["ends_at"]))
    overlapping = [a for found in by_agreement.values() for a in found for b in found if a < b and b[0] < a[1]]
    assert len(overlapping) < 5


@pytest.mark.parametrize(
    ("day", "period"),
    [
        ("2026-11-15T23:59:59+08:00", "2026-11A"),
        ("2026-11-15T16:00:00+00:00", "2026-11B"),  # the 16th in China
        ("2026-02-28T12:00:00+08:00", "2026-02B"),
        ("2026-12-01T00:00:00+08:00", "2026-12A"),
    ],
)
def test_a_period_is_half_a_month_in_china(day: str, period: str) -> None:
    """The first one ends with the 15th."""
    assert exemptions.period(datetime.fromisoformat(day)) == period


@pytest.mark.parametrize("rule", exemptions.breakable())
def test_a_bad_record_breaks_the_rule_it_names(good: list[Row], rule: str) -> None:
    """Rules of one row are judged first and name it; what looks elsewhere is left to the hub."""
    judge = rules.judge(CONTRACT, NOW.date())
    elsewhere = {r.id for r in CONTRACT.rules if r.check in rules.SET_CHECKS}
    decided = next(row for row in good if row["state"] != "1")
    found = {judge(exemptions.broken(rule, row, decided)) for row in good if row is not decided}
    assert found == ({None} if rule in elsewhere else {rule})


def test_a_number_of_a_decision_is_taken_from_another(good: list[Row]) -> None:
    """What only the hub can find is there to be found."""
    row, decided = good[0], next(row for row in good if row["state"] != "1")
    assert exemptions.broken("decision_no-unique", row, decided)["decision_no"] == decided["decision_no"]


def test_every_rule_that_rejects_is_broken_by_somebody() -> None:
    """A rule added to the contract needs a bad record."""
    rejecting = {r.id for r in CONTRACT.rules if r.severity == "error"}
    assert rejecting - set(exemptions.breakable()) == set()


def test_exemptions_are_the_same_for_a_seed() -> None:
    """Two fills with one seed differ only in what hangs on their moments."""
    first, later = (exemptions.exemption(3, NOW + timedelta(days), SEED) for days in (0, 20))
    moments = {"period", "begins_at", "ends_at", "applied_at", "decided_at", "updated_at"}
    assert {k for k in first if first[k] != later[k]} <= moments
    assert first["begins_at"] != later["begins_at"]
