"""The arithmetic of figures: integers alone, rates in basis points, halves away from zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FULL = 10_000
COVERED = 9_500  # basis points: with less the rate says little
RANKED = 5  # occurrences: with fewer nobody is ranked
_P, _P99 = 20, 100  # occurrences or batches for a percentile, and for the 99th


def rate(part: int, whole: int) -> int | None:
    """Return part of whole in basis points; None of nothing."""
    return None if whole == 0 else (2 * FULL * part + whole) // (2 * whole)


def allowed(count: int, target_bp: int) -> int:
    """Return how many of `count` occurrences may be late: the floor, so that 9 of 10 allow none at 95 %."""
    return count * (FULL - target_bp) // FULL


def percentiles(counts: Sequence[int], bounds: Sequence[int]) -> list[int | None]:
    """Return P50, P95 and P99 of a histogram as upper bounds of their buckets; None beyond the last bound."""
    total = sum(counts)
    found: list[int | None] = []
    for percent in (50, 95, 99):
        wanted, seen, place = (total * percent + 99) // 100, 0, 0
        while place < len(counts) and seen + counts[place] < wanted:
            seen += counts[place]
            place += 1
        found.append(bounds[place] if total and place < len(bounds) else None)
    return found


def latency(count: int, longest: int | None, found: Sequence[int | None]) -> dict[str, int | None]:
    """Return what may be said of latencies: no percentile of fewer than twenty, no 99th of fewer than a hundred."""
    p50, p95, p99 = found
    enough = count >= _P
    return {
        "n": count, "longest_ms": longest, "p50_ms": p50 if enough else None, "p95_ms": p95 if enough else None,
        "p99_ms": p99 if count >= _P99 else None,
    }  # fmt: skip


def judged(counts: Mapping[str, int]) -> dict[str, int | None]:
    """Return rate and coverage of counts; what nobody looked at and what is exempt is in neither part of the rate."""
    due = counts["expected"] - counts["open"]
    return {
        "rate_bp": rate(counts["on_time"], counts["on_time"] + counts["late"]),
        "coverage_bp": rate(due - counts["unmeasured"], due),
    }


def ranked(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return units, best first, with their place; equal ones share it and the next is skipped: 1, 1, 3.

    Who has too few occurrences, or too few that were measured, stands behind without a place, with the reason.
    """
    fit = [row for row in rows if not _unfit(row)]
    fit.sort(key=lambda row: (-row["rate_bp"], row["unit"]))
    places: dict[int, int] = {}
    for number, row in enumerate(fit, 1):
        places.setdefault(row["rate_bp"], number)
    placed = [{**row, "place": places[row["rate_bp"]], "why": ""} for row in fit]
    return placed + [{**row, "place": None, "why": _unfit(row)} for row in rows if _unfit(row)]


def _unfit(row: Mapping[str, Any]) -> str:
    if row["on_time"] + row["late_own"] < RANKED:
        return "too_few"
    return "too_little_measured" if (row["coverage_bp"] or 0) < COVERED else ""
