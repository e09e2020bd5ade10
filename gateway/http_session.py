"""A session of requests that follows and trusts nothing it was not told to, and can be cut off at any moment.

The timeout of requests is per read, and a dripping peer outlives it: only shutting the socket ends it (measured).
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Self

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection


class Watchdog:
    """Shuts the socket of a request that outlives its time."""

    def __init__(self, seconds: float) -> None:
        """Keep the time; it runs from the start of the context."""
        self.late = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._bite)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        """Start to watch the requests of this thread."""
        self._outer = _watching.set(self)
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching."""
        self._timer.cancel()
        _watching.reset(self._outer)

    def notice(self, connected: socket.socket | None) -> None:
        """Take the socket in use: http.client forgets it before a body without length has come."""
        self._socket = connected or self._socket
        if self.late:
            self._shut()

    def _bite(self) -> None:
        self.late = True
        self._shut()

    def _shut(self) -> None:
        if self._socket is None:
            return
        with suppress(OSError):  # closed already
            # not SSLSocket's own, which would take the TLS layer away from a reader in another thread
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_watching: ContextVar[Watchdog | None] = ContextVar("_watching", default=None)


def _notice(connected: socket.socket | None) -> None:
    if (watchdog := _watching.get()) is not None:
        watchdog.notice(connected)


class _Plain(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _notice(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _notice(self.sock)  # one kept alive
        super().request(*args, **kwargs)


class _Secure(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _notice(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _notice(self.sock)
        super().request(*args, **kwargs)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Secure


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - the base's
        """Return none: even unfollowed, requests reads a redirect's whole body and parses its target."""
        return None


def plain_session() -> requests.Session:
    """Return a session without proxies, netrc, cookies and redirects."""
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.mount("https://", _Adapter())
    session.mount("http://", _Adapter())
    return session


def loopback(host: str) -> bool:
    """Tell whether a host is this machine itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
