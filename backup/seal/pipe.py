"""Two stages that run beside each other with a small pipe between them: compression overlaps encryption."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

_CHUNKS = 8  # of about a megabyte: enough that neither stage waits for the other's every step


class Pipe:
    """Bytes from one thread to another; bounded, so that memory does not grow with the stream."""

    def __init__(self) -> None:
        """Begin empty."""
        self._chunks: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._ended = self._broken = False
        self._rest = memoryview(b"")

    def write(self, data: bytes) -> int:
        """Hand over all of it; BrokenPipeError when the other stage failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._broken or len(self._chunks) < _CHUNKS)
            if self._broken:
                raise BrokenPipeError
            if data:
                self._chunks.append(bytes(data))
            self._changed.notify_all()
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Return some bytes, `size` at most, nothing at the end; BrokenPipeError when the other stage failed."""
        if not self._rest:
            with self._changed:
                self._changed.wait_for(lambda: self._broken or self._ended or self._chunks)
                if self._broken:
                    raise BrokenPipeError
                self._rest = memoryview(self._chunks.popleft() if self._chunks else b"")
                self._changed.notify_all()
        taken = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(taken) :]
        return bytes(taken)

    def end(self) -> None:
        """Tell the reader that no more comes."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def break_off(self) -> None:
        """Let both stages fail at their next step."""
        with self._changed:
            self._broken = True
            self._changed.notify_all()


def beside(first: Callable[[Pipe], None], second: Callable[[Pipe], None]) -> None:
    """Run the first stage in a thread of its own and the second here; raise what failed first when one does."""
    pipe = Pipe()
    failures: list[BaseException] = []

    def guarded(stage: Callable[[Pipe], None]) -> None:
        try:
            stage(pipe)
        except BaseException as error:  # noqa: BLE001 - raised again below, by the thread that asked
            failures.append(error)
            pipe.break_off()

    def feed() -> None:
        guarded(first)
        pipe.end()

    thread = threading.Thread(target=feed, name="seal", daemon=True)
    thread.start()
    guarded(second)
    thread.join()
    if failures:
        raise failures[0]
