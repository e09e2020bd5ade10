"""Moves a COPY stream from one server to another through a pipe; no row is ever a Python object."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from io import BufferedIOBase
from typing import BinaryIO

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.errors import SourceChanged
from gateway.ports import Read

_BUFFER = 262_144  # measured: larger buffers and 8 KiB both cost 6 % more
_F_SETPIPE_SZ = 1031
Errors = Callable[[str], AbstractContextManager[None]]


def pipe_copy(read: Read, into: Connection, copy_in: sql.Composable, errors: Errors = pg.hub_errors) -> int:
    """Feed what `read` writes into a `COPY … FROM STDIN` and return the rows stored.

    `errors` turns what the storing server says into the gateway's errors; the hub stores unless told otherwise.
    """
    return pipe(read, lambda stream: store(stream, into, copy_in, errors))


def store(
    stream: BinaryIO | BufferedIOBase, into: Connection, copy_in: sql.Composable, errors: Errors = pg.hub_errors
) -> int:
    """Feed a stream into a `COPY … FROM STDIN` and return the rows stored."""
    with errors("store rows"), into.cursor() as cursor:
        cursor.copy_expert(copy_in, stream, size=_BUFFER)
        return int(cursor.rowcount)


def pipe(read: Read, take: Callable[[BinaryIO], int]) -> int:
    """Run `read` in a thread of its own, give what it writes to `take`, and return the rows that this stored.

    A source that dies looks like a normal end to the hub; so the caller must roll back on any error, and the number
    of rows sent is compared with the number stored. Raises what the reader raised, or SourceChanged (retryable).
    """
    reading, writing = os.pipe()
    fcntl.fcntl(writing, _F_SETPIPE_SZ, _BUFFER)
    source = _Reader(read, writing)
    source.start()
    cause: BaseException | None = None
    try:
        with os.fdopen(reading, "rb", _BUFFER) as stream:
            try:
                stored = take(stream)
            except BaseException:
                cause = source.failed  # known before our end closes: what fails later only lost its reader
                raise
    except BaseException:
        source.join()
        if cause is not None:
            raise cause from None
        raise
    source.join()
    if source.failed is not None:
        raise source.failed
    if source.sent != stored:
        raise SourceChanged(f"the source sent {source.sent} rows, {stored} arrived", "The run is repeated.")
    return stored


def pipe_parts(reads: Sequence[Read], hubs: Sequence[Connection], copy_in: sql.Composable) -> int:
    """Run one pipe per part side by side and return all rows stored; the first failure is raised after all ended."""
    stored: list[int] = []
    failed: list[BaseException] = []

    def work(read: Read, hub: Connection) -> None:
        try:
            stored.append(pipe_copy(read, hub, copy_in))
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that waits
            failed.append(error)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(reads, hubs, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return sum(stored)


class _Reader(threading.Thread):
    """Runs the source's side of a pipe and keeps what became of it."""

    def __init__(self, read: Read, descriptor: int) -> None:
        super().__init__(name="gateway source", daemon=True)
        self._read, self._descriptor = read, descriptor
        self.sent: int | None = None
        self.failed: BaseException | None = None

    def run(self) -> None:
        """Write the stream; what went wrong is noted before the pipe closes, so that the hub's side sees the cause."""
        try:
            with os.fdopen(self._descriptor, "wb", _BUFFER) as stream:
                try:
                    self.sent = self._read(stream)
                except BaseException as error:  # noqa: BLE001 - handed to the waiting thread
                    self.failed = error
        except OSError as error:  # the last buffer found no reader
            self.failed = self.failed or error
