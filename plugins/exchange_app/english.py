"""What an English page says in place of `words`: names that the ledger has in English already, and lengths of time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from exchange_app import words
from gateway.model import Route
from schemas.notice import words as notice_words

BAD_DAY = "write the day as 2026-12-31"
STAGES, COUNTS, FACTS, DECISIONS, ACTS, DECIDED, BACKUP_PHASES, EXAMINED, CLASSES = (
    {name: name.replace("_", " ") for name in known}
    for known in (words.STAGES, words.COUNTS, words.FACTS, words.DECISIONS, words.ACTS, words.DECIDED, words.BACKUP_PHASES,
                  words.EXAMINED, words.CLASSES)
)  # fmt: skip
CHANNELS = {"mail": "mail", "sms": "SMS", "wecom": "WeCom", "webhook": "webhook"}
PURPOSES = {
    "announce": "announced", "withdraw": "withdrawn", "half": "reminder, half of the time is over", "soon": "reminder, due soon",
    "overdue": "overdue", "escalated": "escalated",
}  # fmt: skip
DOCKET_REASONS = {
    "maintenance": "announced maintenance", "third_party": "a third party's outage", "disaster": "disaster",
    "own_fault": "the exchange platform's fault", "verdict": "against the verdict", "blame": "against the blame",
}  # fmt: skip
EFFECTS = {"exempt": "exempt", "source": "by the source", "hub": "by the hub", "target": "by the target"}


class Notices:
    """The words of notices."""

    ANSWERS = notice_words.ANSWERS_ENGLISH
    IMPACT = IMPACT_ENGLISH = notice_words.IMPACT_ENGLISH
    REHEARSED: Mapping[str, str] = {name: english for name, (_, _, english) in words.REHEARSED.items()}


def ends(route: Route) -> tuple[str, str]:
    """Return the names of what a route leads from and to."""
    return ("hub", route.peer.name) if route.outbound else (route.peer.name, "hub")


def day(moment: date | str) -> str:
    """Return a day as 2026-11-20."""
    return moment if isinstance(moment, str) else moment.isoformat()


def span(seconds: float | timedelta | None) -> str:
    """Return a length of time in the largest fitting units: `0.45 s`, `3 min 05 s`, `2 d 4 h`."""
    return words.span(seconds, ("s", "min", "h", "d"))


def ago(lasted: timedelta) -> str:
    """Return how long ago something was."""
    return f"{span(lasted)} ago"


def between(earlier: str | None, later: str | None) -> str:
    """Return how long it took from one clock of a receipt to the next."""
    return span(datetime.fromisoformat(later) - datetime.fromisoformat(earlier)) if earlier and later else "—"


def value(found: Any) -> str:
    """Return a shape's value as a person reads it in a table."""
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, dict):
        return ", ".join(f"{name} {value(part)}" for name, part in found.items())
    if isinstance(found, list):
        return ", ".join(value(part) for part in found)
    return notice_words.value(found)


def error_name(code: str | None) -> str:
    """Return an error's code: what happened stands beside it, in English."""
    return code or ""


def latency_chart(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the chart of latencies draws."""
    drawn = words.latency_chart(rows)
    drawn["lines"][-1]["name"] = "longest"
    return drawn
