"""A unit's own receiver: one signed POST of JSON per message.

The signature is HMAC over `timestamp.body`, SHA-256 or SM3; header X-Gateway-Id names the message, the same one however often
it is sent. A receiver refuses what is older than five minutes and answers an id that it knows with 200.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Mapping

import rfc8785
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from gateway.errors import AccessDenied, ChannelRefused, ChannelUnavailable, GatewayError, SettingMissing
from gateway.notify.address import Address, Form
from gateway.notify.channel import Answer, Envelope, shown
from gateway.notify.http import Post, Reply, networks

FORM = Form(
    {"https": 443, "http": 80}, frozenset({"ca", "allow", "digest"}),
    "https://:SECRET@host/path?digest=sha256&allow=10.13.0.0/16&ca=/path",
)  # fmt: skip
_DIGESTS: Mapping[str, type[hashes.HashAlgorithm]] = {"sha256": hashes.SHA256, "sm3": hashes.SM3}
_SHORTEST = 16  # characters of a secret
_NOT_THIS = frozenset({400, 410, 413, 415, 422})  # this message, or any to this receiver: no other time will help
_LATER = frozenset({408, 425, 429})


class Webhook:
    """One receiver."""

    def __init__(self, address: Address) -> None:
        """Take its connection; SettingMissing when that has no good secret."""
        self._name, self._secret = address.name, address.secret or address.user
        self._digest = address.options.get("digest", "sha256")
        if len(self._secret) < _SHORTEST or self._digest not in _DIGESTS:
            raise SettingMissing(
                f"channel {address.name}: the connection has a secret of less than {_SHORTEST} characters, or an unknown digest",
                f"Write {FORM.example}; digest is sha256 or sm3.",
            )
        self._post, self._path = Post(address, networks(address)), address.path or "/"

    def send(self, envelope: Envelope) -> Answer:
        """POST the message; any 2xx is its receipt."""
        body, stamp = _body(envelope), str(int(time.time()))
        reply = self._post.send(
            self._path,
            body,
            {
                "Content-Type": "application/json",
                "X-Gateway-Id": envelope.id,
                "X-Gateway-Timestamp": stamp,
                "X-Gateway-Signature": f"{self._digest}={signature(self._secret, self._digest, stamp, body)}",
            },
        )
        if 200 <= reply.status < 300:  # noqa: PLR2004 - taken
            return Answer.of(f"HTTP {reply.status} {_said(reply, self._secret)}", reply.body)
        raise self._refusal(reply)

    def close(self) -> None:
        """Drop the connections."""
        self._post.close()

    def _refusal(self, reply: Reply) -> GatewayError:
        words = f"channel {self._name} answers HTTP {reply.status} {_said(reply, self._secret)}".rstrip()
        if reply.status in _NOT_THIS:
            return ChannelRefused(words, "Ask the unit what its receiver does not accept.")
        if reply.status in _LATER or reply.status >= 500:  # noqa: PLR2004 - its own trouble
            return ChannelUnavailable(words, "Check that the receiver is up; what waits is sent when it is.")
        if 300 <= reply.status < 400:  # noqa: PLR2004 - elsewhere
            return AccessDenied(f"{words}; redirects are refused", "Write the final address into the connection.")
        return AccessDenied(words, "Check path and secret of the connection with the unit.")


def signature(secret: str, digest: str, stamp: str, body: bytes) -> str:
    """Return the keyed digest of `stamp.body` in hex; cryptography brings SM3, which hashlib may lack."""
    keyed = HMAC(secret.encode(), _DIGESTS[digest]())
    keyed.update(stamp.encode() + b"." + body)
    return keyed.finalize().hex()


def _body(envelope: Envelope) -> bytes:
    message = envelope.message
    files = [
        {"name": f.name, "mediaType": f.media_type, "base64": b64encode(f.data).decode()} for f in message.attachments
    ]
    return rfc8785.dumps(
        {
            "id": envelope.id, "topic": message.topic, "subject": message.subject, "text": message.text,
            "link": message.link, "calendar": None if message.ics is None else message.ics.decode(), "attachments": files,
        }
    )  # fmt: skip


def _said(reply: Reply, secret: str) -> str:
    return shown(reply.body[:200].decode("utf-8", "replace"), secret)
