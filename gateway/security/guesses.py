"""Holds back whoever tries secrets: too many unknown ones from an address in a minute, and no further one is looked up.

What was good before goes on, so that a program that lost its token keeps no other waiting behind the same proxy. Kept in memory, by each
process for itself: the secrets are too long to be guessed, and what is spared is the hub.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from gateway.errors import NotFound, TooManyGuesses

MOST = 30  # unknown secrets
SECONDS = 60
_KEPT = 10_000  # addresses, and secrets that were good


class Guesses:
    """The unknown secrets of the last minute by address, and what was good lately."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the clock."""
        self._clock, self._lock = clock, Lock()
        self._missed: OrderedDict[str, deque[float]] = OrderedDict()
        self._good: OrderedDict[bytes, None] = OrderedDict()

    @contextmanager
    def counted(self, address: str, secret: str) -> Iterator[None]:
        """Look a secret up inside; TooManyGuesses before that, when the address has tried too many. NotFound is a miss."""
        mark = hashlib.sha256(secret.encode("utf-8", "replace")).digest()
        self._refuse(address, mark)
        try:
            yield
        except NotFound:
            self._miss(address)
            raise
        with self._lock:
            self._good[mark] = None
            self._good.move_to_end(mark)
            _shorten(self._good)

    def _refuse(self, address: str, mark: bytes) -> None:
        with self._lock:
            missed = self._missed.get(address)
            while missed and missed[0] <= self._clock() - SECONDS:
                missed.popleft()
            if missed is not None and len(missed) >= MOST and mark not in self._good:
                raise TooManyGuesses(f"more than {MOST} unknown tokens within {SECONDS} seconds", "Come again later.")

    def _miss(self, address: str) -> None:
        with self._lock:
            self._missed.setdefault(address, deque(maxlen=MOST)).append(self._clock())
            self._missed.move_to_end(address)
            _shorten(self._missed)


def _shorten(kept: OrderedDict[str, deque[float]] | OrderedDict[bytes, None]) -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)
