"""The kinds of channel there are, the account each sends by, and what an address of each looks like."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.errors import ContactInvalid
from gateway.notify import mail, sms, webhook, wecom
from gateway.notify.address import Address, Form, Resolve, resolved
from gateway.notify.channel import Channel

_CONNECTION = re.compile(r"[A-Z][A-Z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of channel. `account` is the connection all its contacts share; None when each contact's address names one."""

    form: Form
    opens: Callable[[Address], Channel]
    account: str | None
    pattern: re.Pattern[str]
    example: str


KINDS: Mapping[str, Kind] = {
    "mail": Kind(mail.FORM, mail.Mail, "NOTIFY_MAIL", mail.MAILBOX, "a mail address such as zhangsan@city.gov.cn"),
    "sms": Kind(sms.FORM, sms.Sms, "NOTIFY_SMS", re.compile(r"1[3-9][0-9]{9}"), "a mobile number of 11 digits"),
    "wecom": Kind(wecom.FORM, wecom.WeCom, None, _CONNECTION, "the name of a connection, such as ROBOT_GAJ"),
    "webhook": Kind(webhook.FORM, webhook.Webhook, None, _CONNECTION, "the name of a connection, such as HOOK_GAJ"),
}


def account(channel: str, address: str) -> str:
    """Return the connection by which a contact is reached."""
    return KINDS[channel].account or address


def open_channel(channel: str, address: str, resolve: Resolve) -> Channel:
    """Return the channel that reaches an address; ConnectionUnknown or SettingMissing when its connection cannot be used."""
    kind = KINDS[channel]
    return kind.opens(resolved(account(channel, address), resolve, kind.form))


def check_address(channel: str, address: str) -> None:
    """Refuse (ContactInvalid) an unknown channel, and an address that is not one of it; nothing of it is repeated."""
    if channel not in KINDS:
        raise ContactInvalid(f"there is no channel {channel!r}", f"Use one of {', '.join(KINDS)}.")
    if not KINDS[channel].pattern.fullmatch(address):
        raise ContactInvalid(f"the address does not suit channel {channel}", f"Give {KINDS[channel].example}.")
