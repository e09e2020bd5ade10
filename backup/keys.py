"""Recipients that a backup is sealed to and the identities that open it: age's X25519 keys, for every profile.

A recipient is public: `age1…`, with ` expires=YYYY-MM-DD` behind it when it may seal only up to that day. An identity is
secret, `AGE-SECRET-KEY-1…`; the machine that makes backups has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pyrage

from gateway import settings
from gateway.errors import SealKeyRefused
from gateway.settings import CHINA

_RECIPIENT = re.compile(r"(age1[0-9a-z]+)(?:\s+expires=(\d{4}-\d{2}-\d{2}))?")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who can open what is sealed, and the last day it may be sealed to."""

    name: str
    key: str
    expires: date | None = None


def recipients(named: Mapping[str, str]) -> tuple[Recipient, ...]:
    """Return the recipients of a plan by their texts; SealKeyRefused names the one that is no key or has expired."""
    if not named:
        raise SealKeyRefused("there is no recipient to seal to", "Name at least one that can open the backup again.")
    found = tuple(_recipient(name, text) for name, text in named.items())
    today = settings.now().astimezone(CHINA).date()
    for recipient in found:
        if recipient.expires is not None and recipient.expires < today:
            raise SealKeyRefused(
                f"recipient {recipient.name} expired on {recipient.expires}",
                "Make a new key for its holder, and keep the old identity: it opens the backups sealed to it.",
            )
    return found


def last_day(text: str) -> date | None:
    """Return the last day that a recipient may be sealed to; None when it has none, or is no recipient."""
    found = _RECIPIENT.fullmatch(text.strip())
    return date.fromisoformat(found[2]) if found and found[2] else None


def identities(text: str) -> list[pyrage.x25519.Identity]:
    """Return what opens: each line of an age key file, a new key and those that it replaced; SealKeyRefused when one is none.

    A key that was replaced still opens what was sealed to it, and a base and the WAL behind it may be sealed to both.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        return [pyrage.x25519.Identity.from_str(line) for line in lines or [""]]
    except pyrage.IdentityError:
        raise SealKeyRefused("the identity is no age identity", "An identity begins with AGE-SECRET-KEY-1.") from None


def create(expires: date | None = None) -> tuple[str, str]:
    """Return a new identity, to be kept apart, and the recipient's text that belongs to it."""
    made = pyrage.x25519.Identity.generate()
    return str(made), str(made.to_public()) + (f" expires={expires}" if expires else "")


def _recipient(name: str, text: str) -> Recipient:
    found = _RECIPIENT.fullmatch(text.strip())
    try:
        if found:
            pyrage.x25519.Recipient.from_str(found[1])
            return Recipient(name, found[1], date.fromisoformat(found[2]) if found[2] else None)
    except (pyrage.RecipientError, ValueError):
        pass
    raise SealKeyRefused(
        f"recipient {name} is no age key", "Write age1…, and ` expires=YYYY-MM-DD` behind it if it is to end."
    )
