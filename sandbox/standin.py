"""What the stand-in platforms that speak HTTP have in common: a server in a thread, and records that outlive it.

Records stand in an SQLite file with every version they had, so that a reader's pages can stand still while others
write. The address survives a restart too, when its port is still free.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.messages import Row, moment

Key = tuple[Any, ...]
_WAIT_SECONDS = 20.0
_TABLES = """
create table if not exists setting (name text primary key, value text not null);
create table if not exists version (
  seq integer primary key autoincrement, dataset text not null, key text not null, born integer not null,
  updated integer not null, live integer not null default 1, row text not null, body text not null
);
create unique index if not exists one_live on version (dataset, key) where live = 1;
create table if not exists bad (dataset text not null, key text not null, rule text not null);
"""


class Refused(Exception):
    """Raised by a handler to answer with an error."""

    def __init__(self, answer: Response) -> None:
        """Keep the answer."""
        super().__init__(answer.status_code)
        self.answer = answer


class Standin(ABC):
    """A stand-in platform on 127.0.0.1, in a thread of its owner's process; a context manager."""

    name: str
    keys: Mapping[str, tuple[str, ...]]

    def __init__(self, path: Path | None, fill: Callable[[], None]) -> None:
        """Take the file that keeps everything (default: memory), and what fills it when it is new."""
        self._lock = threading.RLock()
        if path is not None:
            path.touch(mode=0o600)  # it holds a secret
        self._store = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        with self._writing():
            for statement in filter(str.strip, _TABLES.split(";")):
                self._store.execute(statement)
            if not self._ask("select 1 from setting limit 1"):
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

    @abstractmethod
    def _body(self, dataset: str, row: Row, fault: str | None) -> str:
        """Return a record as the interface shows it; `fault` names what its text alone is to have wrong."""

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
        return int(self._setting("port") or 0)

    @property
    def bad(self) -> Mapping[str, list[tuple[Key, str]]]:
        """Return what was filled in badly: by data set the key and the rule that is to find it."""
        found: dict[str, list[tuple[Key, str]]] = {dataset: [] for dataset in self.keys}
        for dataset, key, rule in self._ask("select dataset, key, rule from bad order by rowid"):
            found[dataset].append((tuple(json.loads(key)), rule))
        return found

    def rows(self, dataset: str) -> list[Row]:
        """Return what the platform holds now in the contract's fields, good and bad."""
        query = "select row from version where dataset = ? and live = 1 order by born"
        return [json.loads(text) for (text,) in self._ask(query, dataset)]

    def edit(self, dataset: str, key: Key, **changes: Any) -> Row:
        """Change a record and return it; it is stamped anew unless `changes` name updated_at. KeyError without it."""
        with self._writing():
            found = self._ask(
                "select row, born from version where live = 1 and dataset = ? and key = ?", dataset, _written(key)
            )
            if not found:
                raise KeyError(key)
            row: Row = json.loads(found[0][0]) | {"updated_at": moment(now())} | changes
            self.delete(dataset, key)
            self._write(dataset, row, born=found[0][1])
        return row

    def delete(self, dataset: str, key: Key) -> None:
        """Remove a record without a trace; KeyError when there is none."""
        with self._writing():
            query = "update version set live = 0 where live = 1 and dataset = ? and key = ?"
            if self._store.execute(query, (dataset, _written(key))).rowcount != 1:
                raise KeyError(key)

    def _write(self, dataset: str, row: Row, *, born: int | None = None, fault: str | None = None) -> None:
        updated = round(datetime.fromisoformat(row["updated_at"]).timestamp() * 1000)
        last = "(select coalesce(max(seq), 0) + 1 from version)"
        self._store.execute(
            f"insert into version (dataset, key, born, updated, row, body) values (?, ?, coalesce(?, {last}), ?, ?, ?)",
            (dataset, self._key(dataset, row), born, updated, json.dumps(row), self._body(dataset, row, fault)),
        )

    def _write_bad(self, dataset: str, rule: str, row: Row) -> None:
        self._write(dataset, row, fault=rule)
        self._store.execute("insert into bad values (?, ?, ?)", (dataset, self._key(dataset, row), rule))

    def _key(self, dataset: str, row: Row) -> str:
        return _written(tuple(row[name] for name in self.keys[dataset]))

    def _setting(self, name: str) -> str | None:
        found = self._ask("select value from setting where name = ?", name)
        return str(found[0][0]) if found else None

    def _set(self, name: str, value: object) -> None:
        self._store.execute("insert or replace into setting values (?, ?)", (name, str(value)))

    def _next(self) -> int:
        """Return the number of the next new record."""
        number = int(self._setting("next") or 0)
        self._set("next", number + 1)
        return number

    def _ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._store.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock; the outermost one is a transaction."""
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
        with self._writing():
            self._set("port", listener.getsockname()[1])
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

    def _versions(self, dataset: str, low: float, high: float, *, order: str) -> tuple[int, ...]:
        query = f"select seq from version where live = 1 and dataset = ? and updated between ? and ? order by {order}"
        return tuple(seq for (seq,) in self._ask(query, dataset, low, high))

    def _bodies(self, versions: tuple[int, ...]) -> list[str]:
        marks = ", ".join("?" * len(versions))
        found = dict(self._ask(f"select seq, body from version where seq in ({marks})", *versions))
        return [found[seq] for seq in versions]


def now() -> datetime:
    """Return the present second."""
    return datetime.now(UTC).replace(microsecond=0)


def _written(key: Key) -> str:
    return json.dumps(list(key), separators=(",", ":"))
