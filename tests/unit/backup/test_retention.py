"""What retention keeps, and that it never lets go of what must stay."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup import retention
from backup.retention import Held, Rules, keep

NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
NONE = Rules(daily=0, weekly=0, monthly=0, yearly=0)
DAY = timedelta(days=1)


def _nightly(nights: int) -> list[Held]:
    """Return one proven backup a night, the last one of this night."""
    return [Held(f"b{i}", i, NOW - (nights - i) * DAY, "proven") for i in range(1, nights + 1)]


RULES = st.builds(
    Rules,
    daily=st.integers(0, 4), weekly=st.integers(0, 4), monthly=st.integers(0, 4), yearly=st.integers(0, 3),
    minimum=st.integers(0, 60).map(lambda days: days * DAY),
)  # fmt: skip


def _backups() -> st.SearchStrategy[list[Held]]:
    """Return up to twenty backups whose times follow no order, since clocks move; made of a number, which is quick."""
    return st.integers(0, 1 << 32).map(_made)


def _made(seed: int) -> list[Held]:
    chance = random.Random(seed)
    count = chance.randrange(21)
    found = []
    for sequence in range(count):
        older = [f"b{n}" for n in range(sequence)]
        found.append(
            Held(
                name=f"b{sequence}",
                sequence=sequence,
                taken_at=NOW - chance.randrange(-2000, 40_000) * timedelta(hours=1),
                state=chance.choice(["stored", "proven", "suspect"]),
                locked_until=chance.choice([None, NOW + chance.randrange(-40, 40) * DAY]),
                needs=tuple(chance.sample(older, chance.randrange(min(3, sequence + 1)))),
                in_use=chance.random() < 0.2,
            )
        )
    chance.shuffle(found)
    return found


@settings(max_examples=60)
@given(_backups(), RULES)
def test_the_newest_proven_and_all_that_came_after_it_stay(backups: list[Held], rules: Rules) -> None:
    """Nothing is deleted unless a newer proven backup exists."""
    kept = keep(backups, rules, NOW)
    proven = [b.sequence for b in backups if b.state == "proven"]
    newest = max(proven, default=-1)
    assert all(b.name in kept for b in backups if b.sequence >= newest)


@settings(max_examples=60)
@given(_backups(), RULES)
def test_what_is_locked_in_use_or_young_stays(backups: list[Held], rules: Rules) -> None:
    """A lock, a reader and the minimum age each keep a backup by themselves, and are told as the reason."""
    kept = keep(backups, rules, NOW)
    for backup in backups:
        told = kept.get(backup.name, ())
        assert (retention.IN_USE in told) == backup.in_use
        assert (retention.LOCKED in told) == (backup.locked_until is not None and backup.locked_until > NOW)
        assert (retention.YOUNG in told) == (NOW - backup.taken_at < rules.minimum)


@settings(max_examples=60)
@given(_backups(), RULES)
def test_what_a_kept_backup_needs_stays(backups: list[Held], rules: Rules) -> None:
    """No kept backup loses what it is restored with, at any depth."""
    kept = keep(backups, rules, NOW)
    assert all(name in kept for b in backups if b.name in kept for name in b.needs)


@settings(max_examples=60)
@given(_backups(), RULES)
def test_deleting_what_may_go_lets_nothing_else_go(backups: list[Held], rules: Rules) -> None:
    """A second prune at the same moment finds nothing more: the first kept all that it meant to."""
    kept = keep(backups, rules, NOW)
    left = [b for b in backups if b.name in kept]
    assert set(keep(left, rules, NOW)) == set(kept)


@settings(max_examples=60)
@given(_backups(), RULES, st.integers(0, 4000))
def test_a_clock_that_moves_on_frees_only_the_young_and_the_locked(
    backups: list[Held], rules: Rules, days: int
) -> None:
    """However far the clock jumps, what the counters and the proofs keep stays."""
    passing = {retention.YOUNG, retention.LOCKED, retention.NEEDED}
    for name, told in keep(backups, rules, NOW).items():
        assert set(told) <= passing or name in keep(backups, rules, NOW + days * DAY)


@settings(max_examples=60)
@given(_backups(), RULES)
def test_counters_keep_no_more_than_they_count(backups: list[Held], rules: Rules) -> None:
    """Each counter names as many backups as it counts at most, none of them suspect."""
    kept = keep(backups, rules, NOW)
    suspect = {b.name for b in backups if b.state == "suspect"}
    for reason, count in zip(
        ("daily", "weekly", "monthly", "yearly"), (rules.daily, rules.weekly, rules.monthly, rules.yearly), strict=True
    ):
        named = {name for name, told in kept.items() if reason in told}
        assert len(named) <= count
        assert not named & suspect


def test_a_year_of_nights_thins_out() -> None:
    """Seven days, four weeks, twelve months and the years: what three years of nights leave behind."""
    kept = keep(_nightly(1000), Rules(), NOW)
    by_reason = {
        reason: sum(reason in told for told in kept.values()) for reason in ("daily", "weekly", "monthly", "yearly")
    }
    assert by_reason == {"daily": 7, "weekly": 4, "monthly": 12, "yearly": 3}
    assert next(iter(kept)) == "b1000"
    assert len(kept) == 7 + 2 + 11 + 1  # Sunday, and New Year's Eve, stand for two periods each


CASES = [
    # without a proof nothing goes, whatever its age
    ([replace(b, state="stored") for b in _nightly(400)], NONE, 400),
    # one proof in the middle frees what is older, and only that
    ([replace(b, state="proven" if b.name == "b10" else "stored") for b in _nightly(20)], NONE, 11),
    # suspect backups behind the last proven one keep each other company until a new proof
    ([replace(b, state="proven" if b.name == "b10" else "suspect") for b in _nightly(20)], NONE, 11),
    # nothing there
    ([], Rules(), 0),
]


@pytest.mark.parametrize(("backups", "rules", "count"), CASES)
def test_newer_unproven_backups_replace_nothing(backups: list[Held], rules: Rules, count: int) -> None:
    """A chain of unproven backups never takes the place of a proven one."""
    assert len(keep(backups, rules, NOW)) == count


def test_the_proven_one_stands_for_its_day() -> None:
    """Of two backups of one day the proven one is kept, though the other came later."""
    old = NOW - 3 * DAY
    backups = [
        Held("proof", 1, old, "proven"),
        Held("later", 2, old + timedelta(hours=1)),
        Held("newest", 3, NOW, "proven"),
    ]
    assert set(keep(backups, Rules(daily=2, weekly=0, monthly=0, yearly=0), NOW)) == {"newest", "proof"}


def test_days_are_the_citys_own() -> None:
    """A day begins at midnight in China: 15:59 and 16:01 UTC are two days."""
    evening = datetime(2026, 11, 20, 15, 59, tzinfo=UTC)
    backups = [
        Held("before", 1, evening, "proven"),
        Held("after", 2, evening + timedelta(minutes=2), "proven"),
        Held("newest", 3, NOW, "proven"),
    ]
    assert len(keep(backups, Rules(daily=3, weekly=0, monthly=0, yearly=0), NOW)) == 3
