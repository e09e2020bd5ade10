"""A test message to one contact, sent at once: whether a channel works, before it has to."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import NotFound
from gateway.notify import channels, contacts
from gateway.notify.channel import Envelope, message_id
from gateway.notify.message import Message, page

_SUBJECT = "[测试] 数据交换网关通知渠道测试 Channel test"


@dataclass(frozen=True, slots=True)
class Tried:
    """Whom a test message reached and what the other side answered."""

    unit: str
    channel: str
    answer: str


def run(deployment: Deployment, contact: int) -> Tried:
    """Send a test message; the channel's error when it is not taken, NotFound for a contact that there is not."""
    with closing(deployment.hub(name="gateway channel", autocommit=True)) as hub, pg.hub_errors("look up a contact"):
        found = contacts.get(hub, contact)
    if found.until is not None:
        raise NotFound(f"contact {contact} has ended", "Run `gateway contact list`.")
    with closing(channels.open_channel(found.channel, found.address, deployment.resolve)) as channel:
        at = settings.now().astimezone(settings.CHINA)
        topic = f"test {at:%Y-%m-%d %H:%M:%S.%f}"
        envelope = Envelope(_message(deployment, topic), found.address, message_id(topic, contact, "test"))
        return Tried(found.unit, found.channel, channel.send(envelope).said)


def _message(deployment: Deployment, topic: str) -> Message:
    city = deployment.catalog.city
    text = f"{city}数据交换网关测试通知渠道，无需处理。\nA test by the data-exchange gateway; nothing has to be done."
    return Message(topic, _SUBJECT, text, f"{city}数据交换网关测试通知渠道，无需处理。", html=page(_SUBJECT, text))
