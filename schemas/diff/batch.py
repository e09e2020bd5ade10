"""Many comparisons: one case a line in, one answer a line out, in order, whatever a case does to the one who judges it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from schemas.diff import model

_CHUNK = 1 << 16
_SLACK = 20  # times as long on the clock as on a processor: how busy the machine is must not decide what is answered


def answers(lines: Iterable[bytes], *, seconds: float) -> Iterator[str]:
    """Yield one line of JSON for each line of cases; a case that takes more seconds of a processor is an error."""
    with _Judge(seconds) as judge:
        for line in lines:
            if line.strip():
                yield judge.ask(line)


class _Judge:
    """A worker process, replaced when it hangs or dies."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._process = self._begin()

    def __enter__(self) -> _Judge:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def ask(self, line: bytes) -> str:
        """Return the answer to a case, or the error that stands for it."""
        line = line.rstrip(b"\r\n") + b"\n"
        try:
            answer = self._exchange(memoryview(line))
        except TimeoutError:
            return self._replace(line, "timeout", f"no answer within {self._seconds * _SLACK:g} s")
        except OSError:
            if self._process.wait() == -signal.SIGPROF:
                return self._replace(line, "timeout", f"no answer within {self._seconds:g} s of a processor")
            return self._replace(line, "crash", "the process that judged the case ended")
        return answer

    def _exchange(self, line: memoryview) -> str:
        """Feed the line while listening: a case is larger than a pipe, and so may its answer be."""
        to, back = self._process.stdin, self._process.stdout
        assert to is not None
        assert back is not None
        parts, allowed = list[bytes](), self._seconds * _SLACK
        os.set_blocking(to.fileno(), False)
        while not (parts and parts[-1].endswith(b"\n")):
            readable, writable, _ = select.select([back], [to] if line else [], [], allowed)
            if not (readable or writable):
                raise TimeoutError
            if writable:
                line = line[os.write(to.fileno(), line[:_CHUNK]) :]
            if readable:
                part = os.read(back.fileno(), _CHUNK)
                if not part:
                    raise BrokenPipeError
                parts.append(part)
        return b"".join(parts).decode().rstrip("\n")

    def _replace(self, line: bytes, kind: str, message: str) -> str:
        self._end()
        self._process = self._begin()
        return model.line({"id": _name(line), "error": {"type": kind, "message": message}})

    def _begin(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "schemas.diff.worker", str(self._seconds)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()


def _name(line: bytes) -> Any:
    try:
        case = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return case.get("id") if isinstance(case, dict) else None
