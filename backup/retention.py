"""Which backups of a plan stay in one repository, and why; what is not named may be deleted.

The counters choose; every other rule only adds. Order is the catalogue's sequence, never a time: clocks move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gateway.settings import CHINA

DAILY, WEEKLY, MONTHLY, YEARLY = "daily", "weekly", "monthly", "yearly"
YOUNG = "younger than the minimum age"
NOT_REPLACED = "no newer backup is proven"
LOCKED = "locked by the repository"
IN_USE = "in use"
NEEDED = "a kept backup needs it"


@dataclass(frozen=True, slots=True)
class Rules:
    """How many days, weeks, months and years keep a backup each, and the age below which none is deleted."""

    daily: int = 7
    weekly: int = 4
    monthly: int = 12
    yearly: int = 3
    minimum: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Held:
    """A backup in a repository: its place in the catalogue, when its snapshot was taken, what a drill found.

    `needs` names what it cannot be restored without, `locked_until` ends the repository's lock, `in_use` tells that a
    drill or a restore reads it now.
    """

    name: str
    sequence: int
    taken_at: datetime
    state: Literal["stored", "proven", "suspect"] = "stored"
    locked_until: datetime | None = None
    needs: tuple[str, ...] = ()
    in_use: bool = False


def keep(backups: Iterable[Held], rules: Rules, now: datetime) -> dict[str, tuple[str, ...]]:
    """Return the backups that stay, newest first, each with every reason for it."""
    newest_first = sorted(backups, key=lambda b: b.sequence, reverse=True)
    reasons: dict[str, list[str]] = {backup.name: [] for backup in newest_first}
    for backup in newest_first:
        if now - backup.taken_at < rules.minimum:
            reasons[backup.name].append(YOUNG)
        if backup.locked_until is not None and now < backup.locked_until:
            reasons[backup.name].append(LOCKED)
        if backup.in_use:
            reasons[backup.name].append(IN_USE)
    for backup in _not_replaced(newest_first):
        reasons[backup.name].append(NOT_REPLACED)
    for reason, count, period in _counters(rules):
        for backup in _one_each(newest_first, count, period):
            reasons[backup.name].append(reason)
    _add_needed(newest_first, reasons)
    return {name: tuple(found) for name, found in reasons.items() if found}


def _not_replaced(newest_first: Sequence[Held]) -> Iterable[Held]:
    """Yield what no newer proven backup replaces; the newest proven one is the last of them."""
    for backup in newest_first:
        yield backup
        if backup.state == "proven":
            return


def _counters(rules: Rules) -> tuple[tuple[str, int, Callable[[datetime], tuple[int, ...]]], ...]:
    return (
        (DAILY, rules.daily, lambda day: (day.year, day.month, day.day)),
        (WEEKLY, rules.weekly, lambda day: day.isocalendar()[:2]),
        (MONTHLY, rules.monthly, lambda day: (day.year, day.month)),
        (YEARLY, rules.yearly, lambda day: (day.year,)),
    )


def _one_each(
    newest_first: Sequence[Held], count: int, period: Callable[[datetime], tuple[int, ...]]
) -> Iterable[Held]:
    """Return one backup of each of the last `count` periods that have one: the newest proven, else the newest.

    A suspect one stands for no period: it cannot be relied on.
    """
    chosen: dict[tuple[int, ...], Held] = {}
    for backup in newest_first:
        label = period(backup.taken_at.astimezone(CHINA))
        if backup.state == "suspect" or (label not in chosen and len(chosen) >= count):
            continue
        standing = chosen.setdefault(label, backup)
        if backup.state == "proven" and standing.state != "proven":
            chosen[label] = backup
    return chosen.values()


def _add_needed(newest_first: Sequence[Held], reasons: dict[str, list[str]]) -> None:
    needs = {backup.name: backup.needs for backup in newest_first}
    waiting = [name for name, found in reasons.items() if found]
    while waiting:
        for name in needs[waiting.pop()]:
            if name in reasons and NEEDED not in reasons[name]:
                if not reasons[name]:
                    waiting.append(name)
                reasons[name].append(NEEDED)
