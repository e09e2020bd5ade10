"""Keeps the rate of a platform: requests and rows wait for their turn, which all processes share in the ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import BinaryIO, Literal, cast

from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.ledger import pace
from gateway.ledger.pace import Limited
from gateway.model import Platform
from gateway.ports import Read

_sleep = time.sleep
_MINUTE = 60.0
_LUMPS = 10  # a second's rows take turns in so many lumps: the ledger is asked no more often


class Pace:
    """The turns of one platform; connects to the hub when the first is taken. Its streams may run in several threads."""

    def __init__(self, connect: Callable[[], Connection], platform: Platform) -> None:
        """Keep how to reach the hub and the platform's rate."""
        self._connect, self._platform, self._rate = connect, platform.platform, platform.rate
        self._hub: Connection | None = None
        self._lock = threading.Lock()

    def turn(self) -> float:
        """Wait for the turn of one request; return the seconds waited. HubUnavailable when the hub is away."""
        return (
            self._wait("requests", _MINUTE / self._rate.requests_per_minute) if self._rate.requests_per_minute else 0.0
        )

    def rows(self, read: Read, format_: Literal["binary", "text"]) -> Read:
        """Return a read whose rows wait for their turns; the same one where rows have no rate."""
        limit = self._rate.rows_per_second
        if limit is None:
            return read
        return lambda out: _Lumps(out, format_, limit, lambda seconds: self._wait("rows", seconds)).fill(read)

    def close(self) -> None:
        """Let the hub go; may be called twice."""
        with self._lock:
            if self._hub is not None:
                self._hub.close()
            self._hub = None

    def _wait(self, limited: Limited, cost: float) -> float:
        with self._lock, pg.hub_errors("keep the pace"):
            self._hub = self._hub or self._connect()
            seconds = pace.take(self._hub, self._platform, limited, cost)
        _sleep(seconds)
        return seconds


class _Lumps:
    """A file to write to that counts the rows of a COPY stream and has them wait, some at a time."""

    def __init__(
        self, out: BinaryIO, format_: Literal["binary", "text"], limit: int, wait: Callable[[float], float]
    ) -> None:
        self._out, self._text, self._limit, self._wait = out, format_ == "text", limit, wait
        self._size = max(limit // _LUMPS, 1)
        self._came = 0

    def fill(self, read: Read) -> int:
        """Let a read write here; what is left over takes its turns too, for the next read."""
        rows = read(cast("BinaryIO", self))
        self._wait(self._came / self._limit)
        return rows

    def write(self, data: bytes) -> int:
        # A server sends each row of a binary stream as a message of its own, and the driver writes it as one.
        self._came += bytes(data).count(b"\n") if self._text else 1
        if self._came >= self._size:
            self._wait(self._came / self._limit)
            self._came = 0
        return self._out.write(data)
