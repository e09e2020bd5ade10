"""The group robot of WeCom or of a government's own deployment of it (政务微信).

It always answers HTTP 200: only `errcode` 0 in the body is success. Long texts go in pieces, since it counts bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gateway.errors import AccessDenied, ChannelRefused, ChannelUnavailable, SettingMissing
from gateway.notify.address import Address, Form
from gateway.notify.channel import Answer, Envelope, shown
from gateway.notify.http import Post, Reply, networks

FORM = Form(
    {"https": 443, "http": 80}, frozenset({"ca", "allow", "format"}),
    "https://:KEY@qyapi.weixin.qq.com/?format=text&ca=/path",
)  # fmt: skip
_LIMITS = {"text": 2048, "markdown": 4096}  # bytes of UTF-8
_PATH = "/cgi-bin/webhook/send"
_NOT_THIS = frozenset({40058, 44004, 45002})  # too long, empty, over the limit: no other time will help
_NOT_US = frozenset({93000, 40001, 40014})  # the key is not, or no longer, a robot's
_TAG = 12  # bytes that "(10/12) " may take


class WeCom:
    """One robot."""

    def __init__(self, address: Address) -> None:
        """Take its connection; SettingMissing when that has no key."""
        self._name, self._key = address.name, address.secret or address.user
        self._kind = address.options.get("format", "text")
        if not self._key or self._kind not in _LIMITS:
            raise SettingMissing(
                f"channel {address.name}: the connection has no key, or a format other than text and markdown",
                f"Write {FORM.example} with the key of the robot.",
            )
        self._post = Post(address, networks(address))
        self._path = f"{address.path.rstrip('/')}{_PATH}?key={quote(self._key, safe='')}"

    def send(self, envelope: Envelope) -> Answer:
        """Send the message, in as many pieces as it takes; a repetition sends all pieces again, each with its number."""
        message = envelope.message
        words = _harmless(message.short) if self._kind == "markdown" else message.short
        if message.link:
            words = f"{words}\n{message.link}"
        return [self._send(piece) for piece in pieces(words, _LIMITS[self._kind])][-1]

    def close(self) -> None:
        """Drop the connections."""
        self._post.close()

    def _send(self, words: str) -> Answer:
        body = json.dumps({"msgtype": self._kind, self._kind: {"content": words}}, ensure_ascii=False).encode()
        reply = self._post.send(self._path, body, {"Content-Type": "application/json"})
        told = _told(reply)
        code, said = told.get("errcode"), shown(str(told.get("errmsg", "")), self._key)
        if reply.status == 200 and type(code) is int and code == 0:  # noqa: PLR2004 - the one status it has
            return Answer.of(f"errcode 0 {said}", reply.body)
        words = f"channel {self._name} answers errcode {code} {said}".rstrip()
        if not isinstance(code, int):
            raise ChannelUnavailable(
                f"channel {self._name} answers HTTP {reply.status} without errcode", "Check its base address."
            )
        if code in _NOT_THIS:
            raise ChannelRefused(words, "Shorten the message; a robot takes so many bytes and no more.")
        if code in _NOT_US:
            raise AccessDenied(words, "Make a new robot in the group and set its key in the connection.")
        raise ChannelUnavailable(words, "What waits is sent later; a robot takes 20 messages a minute.")


def pieces(text: str, limit: int) -> list[str]:
    """Return a text as numbered pieces of at most `limit` bytes each; whole when it fits, never cut inside a character."""
    if len(text.encode()) <= limit:
        return [text]
    parts = split_bytes(text, limit - _TAG)
    return [f"({number}/{len(parts)}) {part}" for number, part in enumerate(parts, 1)]


def split_bytes(text: str, limit: int) -> list[str]:
    """Return a text in parts of at most `limit` (>= 4) bytes of UTF-8 that join back to it."""
    data, parts = text.encode(), []
    while data:
        cut = min(limit, len(data))
        while cut < len(data) and data[cut] & 0xC0 == 0x80:  # noqa: PLR2004 - inside a character
            cut -= 1
        parts.append(data[:cut].decode())
        data = data[cut:]
    return parts


def _harmless(text: str) -> str:
    """Return a text in which nothing is a mention, a font or a link of the robot's markdown."""
    return text.replace("<", "＜").replace("](", "] (")


def _told(reply: Reply) -> Mapping[str, Any]:
    try:
        found = json.loads(reply.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
