"""Short messages through the HTTP interface of a carrier or of the government's own SMS platform.

What its interface wants stands in the connection: `body` is a flat JSON object whose values hold {phone}, {text}, {id}, {user}
and {secret}; `ok` tells where its answer says that the message was taken, such as `result.code:0`.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode

from gateway.errors import ChannelRefused, ChannelUnavailable, SettingMissing
from gateway.notify.address import Address, Form
from gateway.notify.channel import Answer, Envelope, shown
from gateway.notify.http import Post, Reply, networks

FORM = Form(
    {"https": 443, "http": 80}, frozenset({"ca", "allow", "format", "body", "sign", "ok", "refused"}),
    'https://USER:SECRET@host/path?sign=某市数据交换&ok=code:0&refused=1001,1002&body={"mobile":"{phone}","content":"{text}"}',
)  # fmt: skip
_LONGEST = 335  # characters: five parts of 67, which is what carriers join
_PLACE = re.compile(r"\{(phone|text|id|user|secret)\}")


class Sms:
    """One account at an SMS platform."""

    def __init__(self, address: Address) -> None:
        """Take its connection; SettingMissing when it does not say what the interface wants."""
        self._address, options = address, address.options
        self._template = _template(address)
        self._path, _, self._wanted = options.get("ok", "").rpartition(":")
        self._refused = frozenset(options.get("refused", "").split(",")) - {""}
        if not self._path or not options.get("sign") or options.get("format", "json") not in {"json", "form"}:
            raise SettingMissing(
                f"channel {address.name}: the connection lacks sign or ok, or has a format other than json and form",
                f"Write {FORM.example}, percent-encoded.",
            )
        self._post = Post(address, networks(address))

    def send(self, envelope: Envelope) -> Answer:
        """Send 【签名】, the short text and the link to a telephone."""
        message = envelope.message
        words = f"【{self._address.options['sign']}】{message.short}{f' {message.link}' if message.link else ''}"
        if len(words) > _LONGEST:
            raise ChannelRefused(
                f"a message of {len(words)} characters is too long for channel {self._address.name}",
                f"Shorten its short text; {_LONGEST} characters go with signature and link.",
            )
        given = {
            "phone": envelope.address, "text": words, "id": envelope.id,
            "user": self._address.user, "secret": self._address.secret,
        }  # fmt: skip
        filled = {name: _filled(value, given) for name, value in self._template.items()}
        if self._address.options.get("format") == "form":
            body, kind = urlencode(filled).encode(), "application/x-www-form-urlencoded"
        else:
            body, kind = json.dumps(filled, ensure_ascii=False).encode(), "application/json"
        return self._judged(self._post.send(self._address.path or "/", body, {"Content-Type": kind}))

    def close(self) -> None:
        """Drop the connections."""
        self._post.close()

    def _judged(self, reply: Reply) -> Answer:
        """Return the answer of one that was taken; what the interface does not call refused may be taken later."""
        found = _at(reply.body, self._path)
        code = None if found is None else shown(str(found), self._address.secret)[:40]
        if reply.status == 200 and code == self._wanted:  # noqa: PLR2004 - an interface of this kind knows no other
            return Answer.of(f"{self._path} {code}", reply.body)
        words = f"channel {self._address.name} answers HTTP {reply.status}, {self._path} {code}"
        if code is not None and code in self._refused:
            raise ChannelRefused(words, "Look the code up in the manual of the SMS platform.")
        raise ChannelUnavailable(words, "Look the code up in the manual; what waits is sent later.")


def _template(address: Address) -> dict[str, Any]:
    try:
        found = json.loads(address.options.get("body", ""))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str | int | bool) for v in found.values()):
        found = {}
    places = {place for value in found.values() if isinstance(value, str) for place in _PLACE.findall(value)}
    if not {"phone", "text"} <= places:
        raise SettingMissing(
            f"channel {address.name}: body= of the connection is no flat JSON object with {{phone}} and {{text}} in it",
            f"Write {FORM.example}, percent-encoded.",
        )
    return found


def _filled(value: Any, given: dict[str, str]) -> Any:
    """Return a value of the template with its places filled, all in one pass: what is filled in is never read again."""
    return _PLACE.sub(lambda place: given[place[1]], value) if isinstance(value, str) else value


def _at(body: bytes, path: str) -> Any:
    try:
        found = json.loads(body)
        for name in path.split("."):
            found = found[int(name)] if isinstance(found, list) else found[name]
    except (ValueError, LookupError, TypeError):
        return None
    return found
