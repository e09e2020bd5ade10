"""RPO by proven backups alone: the worst in a period, not the last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backup.report import worst_rpo

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def _at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


# Pairs of snapshot and proof in hours, the period's end, and the worst RPO in hours.
CASES = [
    ([], 24, None),  # never proven
    ([(-2, -1)], 24, 26),  # the end of the period counts
    ([(-2, -1), (10, 11)], 24, 14),  # a new proof ends the first stretch at 13 hours; the end is 14
    ([(-2, -1), (10, 20)], 24, 22),  # a late proof does not reach back
    ([(-2, -1), (10, 11), (-1, 12)], 24, 14),  # an older backup proven later takes nothing back
    ([(5, 6)], 24, None),  # a time without any proven backup
    ([(-2, -1), (30, 31)], 24, 26),  # what is proven after the period proves nothing in it
]  # fmt: skip


@pytest.mark.parametrize(("proofs", "ends", "worst"), CASES)
def test_the_worst_is_reported(proofs: list[tuple[float, float]], ends: float, worst: float | None) -> None:
    """It is the longest time since the snapshot of the newest backup that was proven by then."""
    found = worst_rpo([(_at(s), _at(p)) for s, p in proofs], _at(0), _at(ends))
    assert found == (None if worst is None else timedelta(hours=worst))
