"""Mail by SMTP: TLS verified, plain text first, then HTML, calendar and attachments.

The Message-ID is the same however often a message is sent, so that a mailbox shows one that came twice as one.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from socket import socket
from typing import Any

from gateway import settings
from gateway.errors import AccessDenied, ChannelRefused, ChannelUnavailable, GatewayError, SettingMissing
from gateway.http_session import Watchdog
from gateway.notify.address import Address, Form
from gateway.notify.channel import Answer, Envelope, PutOff, shown
from gateway.notify.message import Message

FORM = Form(
    {"smtps": 465, "smtp+starttls": 587, "smtp": 25}, frozenset({"from", "ca"}),
    "smtps://USER:PASSWORD@host:465?from=gateway@city.gov.cn&ca=/path",
)  # fmt: skip
MAILBOX = re.compile(
    r"[0-9A-Za-z](?:[0-9A-Za-z._%+-]{0,62}[0-9A-Za-z_%+-])?@(?=.{1,253}$)[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)+"
)
_SECONDS = 30.0  # of one message, connecting included
_STEP = 10.0  # of one answer
_REFUSED = 500  # from here on a reply is for good (RFC 5321, 4.2.1)
_CLOSING = 421  # whatever was asked


class Mail:
    """One sending account; the connection is kept from message to message."""

    def __init__(self, address: Address) -> None:
        """Take its connection; SettingMissing when that has no sender."""
        self._address, self._sender = address, address.options.get("from", "")
        if not MAILBOX.fullmatch(self._sender):
            raise SettingMissing(
                f"channel {address.name}: from= of the connection is no mail address", f"Write {FORM.example}."
            )
        self._server: smtplib.SMTP | None = None

    def send(self, envelope: Envelope) -> Answer:
        """Hand a message over; the server's acceptance is what it answers to the end of the data."""
        mail = built(envelope, self._sender)
        with Watchdog(_SECONDS) as watchdog, self._worded(watchdog):
            return self._sent(self._connected(watchdog), envelope, mail)

    def close(self) -> None:
        """Say goodbye; may be called twice."""
        if self._server is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._server.quit()
            self._server.close()
        self._server = None

    def _sent(self, server: smtplib.SMTP, envelope: Envelope, mail: bytes) -> Answer:
        self._expect(server.mail(self._sender, [f"size={len(mail)}"] if server.has_extn("size") else []), "the sender")
        self._expect(server.rcpt(envelope.address), "the recipient")
        code, said = self._expect(server.data(mail), "the message")
        return Answer.of(f"{code} {said}", f"{code} {said}".encode())

    def _connected(self, watchdog: Watchdog) -> smtplib.SMTP:
        if self._server is not None:
            watchdog.notice(self._server.sock)
            with suppress(smtplib.SMTPException, OSError):  # it went away meanwhile
                if self._server.rset()[0] == 250:  # noqa: PLR2004 - still there
                    return self._server
            self._drop()
        address, tls = self._address, ssl.create_default_context(cafile=self._address.ca)
        if address.scheme == "smtps":
            server: smtplib.SMTP = _Secure(watchdog, address.host, address.port, timeout=_STEP, context=tls)
        else:
            server = _Plain(watchdog, address.host, address.port, timeout=_STEP)
        self._server = server
        if address.scheme == "smtp+starttls":
            self._expect(server.starttls(context=tls), "STARTTLS")
        server.ehlo_or_helo_if_needed()
        if address.user:
            server.login(address.user, address.secret)
        return server

    def _expect(self, reply: tuple[int, bytes], what: str) -> tuple[int, str]:
        """Return a reply that accepts; ChannelRefused for the recipient or message alone, for good."""
        code, raw = reply
        said = shown(raw.decode("utf-8", "replace"), self._address.secret)
        if code < 400:  # noqa: PLR2004 - accepted
            return code, said
        words = f"channel {self._address.name} answers {code} to {what}: {said}"
        about_this = what in {"the recipient", "the message"}
        if code == _CLOSING or (code < _REFUSED and not about_this):
            self._drop()
            raise ChannelUnavailable(words, "What waits is sent later.")
        if code < _REFUSED:
            raise PutOff(words, "It is sent again later by itself.")
        if about_this:
            raise ChannelRefused(
                words, "Ask the unit for the right address, and the mail server's owner why it refuses."
            )
        raise AccessDenied(words, "Check account and sender of the connection with the mail server's owner.")

    def _drop(self) -> None:
        if self._server is not None:
            self._server.close()
        self._server = None

    @contextmanager
    def _worded(self, watchdog: Watchdog) -> Iterator[None]:
        try:
            yield
        except GatewayError:
            raise
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            raise self._failure(error, late=watchdog.late) from None  # the original tells addresses

    def _failure(self, error: Exception, *, late: bool) -> GatewayError:
        name = self._address.name
        if isinstance(error, ssl.SSLCertVerificationError):
            return AccessDenied(
                f"channel {name}: its TLS certificate is not accepted",
                "Check host name and ca of the connection, and that the certificate has not expired.",
            )
        if isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= _REFUSED:
            return AccessDenied(
                f"channel {name} refuses user or password ({error.smtp_code})", "Check the account in its connection."
            )
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return AccessDenied(
                f"channel {name} does not offer TLS or login", "Check scheme and port of its connection."
            )
        how = "did not finish in time" if late else "does not answer, or broke off"
        return ChannelUnavailable(f"channel {name} {how}", "Check that it is up; what waits is sent when it is.")


class _Plain(smtplib.SMTP):
    def __init__(self, watchdog: Watchdog, host: str, port: int, timeout: float) -> None:
        self._watchdog = watchdog
        super().__init__(host, port, local_hostname="exchange-gateway", timeout=timeout)

    def _get_socket(self, *args: Any) -> socket:
        return _noticed(super()._get_socket(*args), self._watchdog)  # type: ignore[misc]


class _Secure(smtplib.SMTP_SSL):
    def __init__(self, watchdog: Watchdog, host: str, port: int, timeout: float, context: ssl.SSLContext) -> None:
        self._watchdog = watchdog
        super().__init__(host, port, local_hostname="exchange-gateway", timeout=timeout, context=context)

    def _get_socket(self, *args: Any) -> socket:
        return _noticed(super()._get_socket(*args), self._watchdog)  # type: ignore[misc]


def _noticed(connected: socket, watchdog: Watchdog) -> socket:
    """Show a new socket to the watchdog before the first answer is waited for."""
    watchdog.notice(connected)
    return connected


def _body(message: Message) -> str:
    """Return the text with its link, which stands there once."""
    return (
        message.text if message.link is None or message.link in message.text else f"{message.text}\n\n{message.link}\n"
    )


def built(envelope: Envelope, sender: str) -> bytes:
    """Return the mail as it goes over the wire; header injection is refused by Message and once more by the policy."""
    message, mail = envelope.message, EmailMessage(SMTP_POLICY)
    mail["From"], mail["To"], mail["Subject"] = sender, envelope.address, message.subject
    mail["Date"] = format_datetime(settings.now().astimezone(settings.CHINA))
    mail["Message-ID"] = f"<{envelope.id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_body(message), cte="base64")
    if message.html is not None:
        mail.add_alternative(message.html, subtype="html", cte="base64")
    if message.ics is not None:
        mail.add_attachment(message.ics, "text", "calendar", filename="notice.ics", params={"charset": "utf-8"})
    for file in message.attachments:
        main, _, sub = file.media_type.partition("/")
        mail.add_attachment(file.data, main, sub, filename=file.name)
    return mail.as_bytes()
