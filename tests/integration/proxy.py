"""A TCP proxy in front of a server: the tests stop, cut or silence what flows through it at an exact place."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65_536


class Proxy:
    """Relays connections to a server on loopback; `watch` sees every chunk and may cut the connection.

    `watch(to_server, data)` returns "pass" to relay, "cut" to close both ends instead, or "swallow" to relay this chunk
    and then close the client's end before any answer.
    """

    def __init__(self, dsn: str, watch: Callable[[bool, bytes], str]) -> None:
        """Nothing listens before `with`."""
        self._parts = urlsplit(dsn)
        self._watch = watch
        self._listener = socket.socket()
        self._done = threading.Event()

    def __enter__(self) -> Proxy:
        """Listen on a free port of loopback."""
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        self._listener.settimeout(0.2)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and drop what is open."""
        self._done.set()
        self._listener.close()

    @property
    def dsn(self) -> str:
        """Return the server's DSN by way of this proxy."""
        user, _, _ = self._parts.netloc.rpartition("@")
        return urlunsplit(self._parts._replace(netloc=f"{user}@127.0.0.1:{self._listener.getsockname()[1]}"))

    def _accept(self) -> None:
        while not self._done.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._parts.port or 5432))
        with contextlib.suppress(OSError), client, server:
            while not self._done.is_set():
                readable, _, _ = select.select([client, server], [], [], 0.2)
                for end in readable:
                    data = end.recv(_CHUNK)
                    verdict = self._watch(end is client, data) if data else "cut"
                    if verdict != "cut":
                        (server if end is client else client).sendall(data)
                    if verdict == "swallow":
                        client.close()
                        server.recv(_CHUNK)  # the server answers; nobody hears it
                    if verdict != "pass":
                        return
