"""Keeps what takes long to read, so that fifty people at one page ask the hub once, and none of them waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

from gateway.errors import GatewayError

_MOST = 100  # values
_SHOWN = 10


class Kept:
    """Values by key, each good for some seconds; an older one is shown once more and read anew behind the visitor's back.

    What is too old to be shown one visitor reads, and the others wait for it.
    """

    def __init__(self, seconds: float, times: int = _SHOWN) -> None:
        """Take for how long a value is good, and how many times as long it may be shown while it is read anew."""
        self.seconds = seconds
        self._times = times
        self._values: dict[Hashable, tuple[float, Any]] = {}
        self._locks: dict[Hashable, Lock] = {}

    def get(self, key: Hashable, read: Callable[[], Any]) -> Any:
        """Return the value of a key, by `read` where there is none or it is too old to be shown: that raises what `read` does."""
        age, value = self._found(key)
        if age < self.seconds:
            return value
        lock = self._locks.setdefault(key, Lock())
        if age < self.seconds * self._times:
            if lock.acquire(blocking=False):
                Thread(target=self._again, args=(key, read, lock), daemon=True).start()
            return value
        with lock:
            age, value = self._found(key)  # somebody may have read it while we waited
            return value if age < self.seconds else self._keep(key, read())

    def anew(self, key: Hashable, read: Callable[[], Any]) -> Any:
        """Read the value of a key now, whatever is kept, and keep it."""
        return self._keep(key, read())

    def _found(self, key: Hashable) -> tuple[float, Any]:
        at, value = self._values.get(key, (float("-inf"), None))
        return time.monotonic() - at, value

    def _again(self, key: Hashable, read: Callable[[], Any], lock: Lock) -> None:
        try:
            with suppress(GatewayError):  # the hub is away: whoever finds the value too old is told
                self._keep(key, read())
        finally:
            lock.release()

    def _keep(self, key: Hashable, value: Any) -> Any:
        if len(self._values) >= _MOST and key not in self._values:
            oldest = min(self._values.copy().items(), key=lambda one: one[1][0])[0]
            self._values.pop(oldest, None)
        self._values[key] = (time.monotonic(), value)
        return value
