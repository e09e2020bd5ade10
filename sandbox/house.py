"""What every stand-in platform that speaks HTTP has: a server in a thread, and settings that outlive it in an SQLite file.

The address survives a restart too, when its port is still free.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_WAIT_SECONDS = 60.0
_SETTINGS = "create table if not exists setting (name text primary key, value text not null)"


class Refused(Exception):
    """Raised by a handler to answer with an error."""

    def __init__(self, answer: Response) -> None:
        """Keep the answer."""
        super().__init__(answer.status_code)
        self.answer = answer


class House(ABC):
    """Answers on 127.0.0.1, in a thread of its owner's process; a context manager."""

    name: str

    def __init__(self, path: Path | None, fill: Callable[[], None], tables: str = "") -> None:
        """Take the file that keeps everything (default: memory), tables of its own, and what fills it when it is new."""
        self._lock = threading.RLock()
        if path is not None:
            path.touch(mode=0o600)  # it holds a secret
        self._store = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        with self.writing():
            for statement in filter(str.strip, (_SETTINGS, *tables.split(";"))):
                self._store.execute(statement)
            if not self.ask("select 1 from setting limit 1"):
                fill()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.answers: Counter[int] = Counter()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and let go of the file."""
        self.stop()
        self._store.close()

    @abstractmethod
    def _routes(self) -> list[Route]:
        """Return what is served."""

    def start(self) -> None:
        """Answer from now on, at the port of the last time when that is still free."""
        listener = self._listener()
        config = uvicorn.Config(
            Starlette(routes=self._routes()), log_config=None, access_log=False, lifespan="off", ws="none", http="h11",
            loop="asyncio", timeout_graceful_shutdown=2, server_header=False,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name=self.name, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _WAIT_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError(f"the {self.name} does not start")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop answering; what the platform holds stays. May be called twice."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_WAIT_SECONDS)
        self._server = self._thread = None

    @property
    def port(self) -> int:
        """Return the port of 127.0.0.1."""
        return int(self.setting("port") or 0)

    def setting(self, name: str) -> str | None:
        """Return what was kept under a name."""
        found = self.ask("select value from setting where name = ?", name)
        return str(found[0][0]) if found else None

    def set(self, name: str, value: object) -> None:
        """Keep something under a name."""
        self._store.execute("insert or replace into setting values (?, ?)", (name, str(value)))

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement on what it keeps and return the rows."""
        with self._lock:
            return self._store.execute(query, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold what it keeps; the outermost one is a transaction."""
        with self._lock:
            if self._store.in_transaction:
                yield
                return
            self._store.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._store.execute("rollback")
                raise
            self._store.execute("commit")

    def _listener(self) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self.port))
        except OSError:
            listener.bind(("127.0.0.1", 0))
        with self.writing():
            self.set("port", listener.getsockname()[1])
        return listener

    def _guarded(self, handler: Callable[[Request, bytes], Response]) -> Callable[[Request], Any]:
        """Return an endpoint whose refusals are answers, and which counts what it answers."""

        async def endpoint(request: Request) -> Response:
            body = await request.body()
            try:
                answer = await asyncio.to_thread(handler, request, body)
            except Refused as refused:
                answer = refused.answer
            with self._lock:
                self.answers[int(answer.status_code)] += 1
            return answer

        return endpoint
