"""The day that tests speak of."""

from __future__ import annotations

from datetime import date, datetime

from gateway.settings import CHINA


def today() -> date:
    """Return the day in China as it is now, whatever a test sets the clock to: a long run may begin on the day before."""
    return datetime.now(CHINA).date()
