"""The pipe between two servers: real pipes and threads, with readers and writers that fail where they like."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import psycopg2
import pytest
from psycopg2 import sql

from gateway.errors import HubUnavailable, PlatformUnavailable, SourceChanged
from gateway.exchange.pipe import pipe_copy, pipe_parts

COPY = sql.SQL("copy t from stdin")
BIG = 300_000  # more than the pipe holds


class Hub:
    """Stands for a hub connection: counts lines as rows, or breaks off after some bytes."""

    def __init__(self, breaks_after: int | None = None) -> None:
        """Take the number of bytes after which the server goes away."""
        self.breaks_after, self.rowcount, self.taken = breaks_after, 0, b""

    @contextmanager
    def cursor(self) -> Iterator[Hub]:
        """Yield itself: one statement at a time."""
        yield self

    def copy_expert(self, _: Any, stream: BinaryIO, size: int) -> None:
        """Read the stream to its end."""
        while data := stream.read(size):
            self.taken += data
            if self.breaks_after is not None and len(self.taken) > self.breaks_after:
                raise psycopg2.OperationalError("server closed the connection unexpectedly")
        self.rowcount = self.taken.count(b"\n")


def writes(lines: int, *, says: int | None = None, then: Exception | None = None) -> Callable[[BinaryIO], int]:
    """Return a reader that writes lines, may fail afterwards, and says how many it sent."""

    def read(out: BinaryIO) -> int:
        out.writelines(b"row\n" for _ in range(lines))
        if then is not None:
            raise then
        return lines if says is None else says

    return read


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Whatever fails, both sides end."""
    yield
    assert [t.name for t in threading.enumerate() if t.name == "gateway source"] == []


@pytest.mark.parametrize("lines", [0, 1, BIG])
def test_rows_arrive(lines: int) -> None:
    """What is sent is stored, also when it is more than the pipe holds."""
    hub = Hub()
    assert lines == pipe_copy(writes(lines), hub, COPY)  # type: ignore[arg-type]
    assert len(hub.taken) == 4 * lines


@pytest.mark.parametrize("lines", [0, 5, BIG])
def test_reader_that_fails_is_the_cause(lines: int) -> None:
    """A source that dies looks like a normal end to the hub; its own error is raised."""
    with pytest.raises(PlatformUnavailable, match="gone"):
        pipe_copy(writes(lines, then=PlatformUnavailable("gone")), Hub(), COPY)  # type: ignore[arg-type]


def test_hub_that_fails_is_the_cause() -> None:
    """The reader only loses its reader then; the hub's error is raised."""
    with pytest.raises(HubUnavailable, match="unable to store rows"):
        pipe_copy(writes(BIG), Hub(breaks_after=1_000), COPY)  # type: ignore[arg-type]


def test_fewer_rows_than_sent_is_no_success() -> None:
    """Both sides ended well but disagree: the run is repeated."""
    with pytest.raises(SourceChanged, match="sent 6 rows, 5 arrived"):
        pipe_copy(writes(5, says=6), Hub(), COPY)  # type: ignore[arg-type]


def test_parts_are_added_and_one_failure_fails_all() -> None:
    """Parts run side by side; all of them end before the first error is raised."""
    hubs: list[Any] = [Hub(), Hub(), Hub()]
    assert pipe_parts([writes(n) for n in (1, 2, BIG)], hubs, COPY) == BIG + 3
    with pytest.raises(PlatformUnavailable, match="gone"):
        pipe_parts([writes(1), writes(BIG, then=PlatformUnavailable("gone")), writes(2)], [Hub(), Hub(), Hub()], COPY)  # type: ignore[list-item]
