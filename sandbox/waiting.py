"""Waiting for what others do: until it is there, until it is so, until a route is free."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from gateway.errors import RouteBusy

T = TypeVar("T")
_PAUSE = 0.3
_FREE_SECONDS = 300.0


def wait_for(found: Callable[[], T | None], seconds: float, otherwise: str) -> T:
    """Return what `found` finds as soon as it finds something; RuntimeError after `seconds`."""
    deadline = time.monotonic() + seconds
    while (thing := found()) is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{otherwise} after {seconds:.0f} s")
        time.sleep(_PAUSE)
    return thing


def until(met: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait until something is so; RuntimeError after `seconds`."""
    wait_for(lambda: met() or None, seconds, otherwise)


def when_free(call: Callable[[], T]) -> T:
    """Make a call that needs a route for itself; the schedule may have started the route again meanwhile."""
    deadline = time.monotonic() + _FREE_SECONDS
    while True:
        try:
            return call()
        except RouteBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
