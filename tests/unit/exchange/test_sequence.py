"""Which numbers lack: between the last that was taken and one that came, whatever else has come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.sequence import gaps


@pytest.mark.parametrize(
    ("last", "there", "number", "lacking"),
    [
        (0, set(), 1, []),  # the first of all
        (0, set(), 4, [(1, 3)]),  # nothing came before it
        (2, set(), 4, [(3, 3)]),
        (2, {4, 7}, 9, [(3, 3), (5, 6), (8, 8)]),  # several gaps, the last right before it
        (2, {3}, 4, []),  # what lacks has come and waits itself
        (2, {4, 9}, 4, [(3, 3)]),  # what came after it is nothing to it
        (5, {1, 2}, 4, []),  # taken long ago
        (2, {4}, 5, [(3, 3)]),  # doubled
    ],
)
def test_gaps_are_named_from_to(last: int, there: set[int], number: int, lacking: list[tuple[int, int]]) -> None:
    """Each once, in their order."""
    assert list(gaps(last, there, number)) == lacking


@given(st.integers(0, 30), st.sets(st.integers(1, 60)), st.integers(1, 60))
def test_what_lacks_and_what_is_there_make_up_the_whole(last: int, there: set[int], number: int) -> None:
    """Every number up to the one that came is taken, there, or in one gap; gaps do not touch each other."""
    found = list(gaps(last, there, number))
    lacking = [n for low, high in found for n in range(low, high + 1)]
    assert lacking == [n for n in range(last + 1, number) if n not in there]
    assert all(low <= high for low, high in found)
    assert all(a[1] + 1 < b[0] for a, b in pairwise(found))
