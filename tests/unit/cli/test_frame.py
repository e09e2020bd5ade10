"""What commands print is what was meant: brackets survive, times are China's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.cli import frame
from gateway.errors import CatalogInvalid


def _fail() -> None:
    raise CatalogInvalid("market.yaml:1: Market does not match ^[a-z][a-z0-9_]*$", "Write {fields: [a, b]}.")


def test_brackets_of_a_message_are_not_mark_up(capsys: pytest.CaptureFixture[str]) -> None:
    """A pattern or a list in an error or hint is shown whole."""
    assert frame.guarded(_fail) == frame.FAILED
    said = capsys.readouterr().err
    assert "^[a-z][a-z0-9_]*$" in said
    assert "HINT: Write {fields: [a, b]}." in said


def test_times_are_shown_in_china_to_the_second(capsys: pytest.CaptureFixture[str]) -> None:
    """Operators read wall clocks, not UTC with microseconds."""
    frame.show_one({"at": datetime(2026, 11, 25, 3, 41, 9, 435007, UTC), "none": None}, as_json=False)
    assert capsys.readouterr().out.splitlines() == ["at  2026-11-25 11:41:09", "none  "]
