"""What the outbox asks of a channel: send one message to one address, and say what the other side answered.

A channel never repeats, limits or logs. `send` raises ChannelRefused when this message or its recipient is refused for good;
anything else it raises (ChannelUnavailable, or what is wrong with its connection) is a fault of the channel: the message waits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from gateway.errors import ChannelUnavailable
from gateway.notify.message import Message

_LONGEST_ANSWER = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_MASKED = re.compile(r"[0-9A-Za-z._%+-]+@[0-9A-Za-z.-]+|\+?[0-9]{7,}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message on its way to one address; `id` is the same however often it is sent, so that receivers can tell."""

    message: Message
    address: str = field(repr=False)
    id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said when it took a message, without addresses and numbers, and the hash of what it said in full."""

    said: str
    hash: str

    @classmethod
    def of(cls, said: str, raw: bytes) -> Answer:
        """Return an answer that may be kept."""
        return cls(shown(said), sha256(raw).hexdigest())


class PutOff(ChannelUnavailable):
    """Raised when a channel that works puts off this message; others may go meanwhile."""


class Channel(Protocol):
    """One account of one kind, open for a while; used by one thread."""

    def send(self, envelope: Envelope) -> Answer:
        """Send a message; the same one twice bears the same id."""
        ...

    def close(self) -> None:
        """Release what is held; may be called twice."""
        ...


def message_id(topic: str, contact: int, purpose: str) -> str:
    """Return what names a message to every receiver, however often it is sent."""
    return sha256("\n".join([topic, str(contact), purpose]).encode()).hexdigest()[:40]


def shown(said: str, secret: str = "") -> str:
    """Return what a peer said without addresses, telephone numbers, control characters and a secret that it repeated."""
    if secret:
        said = said.replace(secret, "***")
    return _CONTROL.sub(" ", _MASKED.sub("***", said)).strip()[:_LONGEST_ANSWER]
