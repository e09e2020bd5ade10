"""The stand-in mail server: takes mail by SMTP on 127.0.0.1 from whoever logs in, and keeps each as a file of its folder.

Its address and account survive a restart. It can be told to refuse recipients, and to be slow.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import socket
import ssl
import threading
from collections.abc import Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast
from urllib.parse import quote

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

logging.getLogger("mail.log").setLevel(logging.ERROR)  # it warns of an attribute that it sets itself at each login
SENDER = "gateway@data.example.gov.cn"
Scheme = Literal["smtp", "smtp+starttls", "smtps"]


class Mailbox:
    """A mail server in a thread of its owner's process; a context manager.

    `refusals` maps a recipient to the reply it gets instead of 250; `refused` is the reply to the end of any mail's data.
    """

    def __init__(
        self, folder: Path, *, scheme: Scheme = "smtp", tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        """Take the folder that keeps the mails, and TLS for the schemes that have it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._scheme, self._tls, self._host = folder, scheme, tls, host
        self.refusals: dict[str, str] = {}
        self.refused: str | None = None
        self._known = self._account()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; the mails stay."""
        self.stop()

    @property
    def dsn(self) -> str:
        """Return the address as GATEWAY_CONN_NOTIFY_MAIL holds it."""
        user, secret, port = (quote(str(self._known[name]), safe="") for name in ("user", "secret", "port"))
        return f"{self._scheme}://{user}:{secret}@{self._host}:{port}?from={quote(SENDER)}"

    @property
    def secret(self) -> str:
        """Return the account's password."""
        return str(self._known["secret"])

    def mails(self) -> list[EmailMessage]:
        """Return what came, in the order in which it came."""
        files = sorted(self.folder.glob("*.eml"))
        return [message_from_bytes(f.read_bytes(), policy=default) for f in files]

    def count(self) -> int:
        """Return how many mails came."""
        return sum(1 for _ in self.folder.glob("*.eml"))

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""
        return f"the mail server answers at 127.0.0.1:{self._known['port']}: {self.count():,} mails in {self.folder}"

    def live(self) -> None:
        """Do nothing by itself: it lives on what it is sent."""

    def start(self) -> None:
        """Answer from now on, at the port of the last time when that is still free."""
        listener, ready, self._loop = self._listener(), threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, args=(listener, ready), name="mailbox", daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the mail server does not start")

    def stop(self) -> None:
        """Stop answering. May be called twice."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
        self._loop = self._thread = None

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take mail from who has logged in, in the sender's name alone."""
        del server
        if not session.authenticated:
            return "530 5.7.0 authentication required"
        if address != SENDER:
            return "553 5.7.1 not your address"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 ok"

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient that is not to be refused."""
        del server, session, options
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        """Keep a mail, whole on the disk before it is confirmed."""
        del server, session
        if self.refused is not None:
            return self.refused
        self._number += 1
        draft = self.folder / f"{self._number:08}.part"
        draft.write_bytes(cast("bytes", envelope.content))
        draft.rename(draft.with_suffix(".eml"))
        return f"250 2.0.0 ok: queued as {self._number:08}"

    def _serve(self, listener: socket.socket, ready: threading.Event) -> None:
        loop = self._loop
        assert loop is not None
        asyncio.set_event_loop(loop)
        implicit = self._tls if self._scheme == "smtps" else None
        server = loop.run_until_complete(loop.create_server(self._session, sock=listener, ssl=implicit))
        ready.set()
        loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def _session(self) -> SMTP:
        started: Mapping[str, Any] = (
            {"tls_context": self._tls, "require_starttls": True} if self._scheme == "smtp+starttls" else {}
        )
        return SMTP(
            self, hostname="mail.example.gov.cn", ident="mail", authenticator=self._admit, loop=self._loop,
            auth_require_tls=self._scheme == "smtp+starttls", **started,
        )  # fmt: skip

    def _admit(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        del server, session, envelope, mechanism
        wanted = (str(self._known["user"]).encode(), self.secret.encode())
        right = isinstance(given, LoginPassword) and (given.login, given.password) == wanted
        return AuthResult(success=right, handled=False)

    def _account(self) -> dict[str, Any]:
        path = self.folder / "account.json"
        if path.exists():
            found: dict[str, Any] = json.loads(path.read_text())
        else:
            path.touch(mode=0o600)
            found = {"user": "gateway", "secret": secrets.token_urlsafe(18), "port": 0}
        self._number = max((int(f.stem) for f in self.folder.glob("*.eml")), default=0)
        return found

    def _listener(self) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self._known["port"]))
        except OSError:
            listener.bind(("127.0.0.1", 0))
        self._known["port"] = listener.getsockname()[1]
        (self.folder / "account.json").write_text(json.dumps(self._known))
        return listener
