"""The days of effect of notices as an iCalendar object (RFC 5545).

A revision replaces the entry of its notice, a withdrawal cancels it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_FOLDED = 73  # octets of a line, less the break


@dataclass(frozen=True, slots=True)
class Entry:
    """The day of effect of a notice in one of its revisions."""

    number: str
    revision: int
    day: date
    stamp: datetime
    summary: str
    withdrawn: bool = False


def message(entry: Entry) -> bytes:
    """Return the object that goes along with a mail: it publishes the entry, or cancels it."""
    return _object([entry], [f"METHOD:{'CANCEL' if entry.withdrawn else 'PUBLISH'}"])


def feed(entries: Iterable[Entry], name: str) -> bytes:
    """Return the object that calendars fetch: all entries, under the name that they show."""
    return _object(entries, ["METHOD:PUBLISH", f"NAME:{_escaped(name)}", f"X-WR-CALNAME:{_escaped(name)}"])


def _object(entries: Iterable[Entry], head: list[str]) -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//exchange-gateway//notices//ZH", *head]
    lines += [line for entry in entries for line in _event(entry)]
    return "".join(f"{_fold(line)}\r\n" for line in [*lines, "END:VCALENDAR"]).encode()


def _event(entry: Entry) -> list[str]:
    day, summary = entry.day, _escaped(entry.summary)
    return [
        "BEGIN:VEVENT", f"UID:{entry.number}@exchange-gateway", f"SEQUENCE:{entry.revision + entry.withdrawn}",
        f"DTSTAMP:{entry.stamp.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}", f"DTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{summary}", f"STATUS:{'CANCELLED' if entry.withdrawn else 'CONFIRMED'}", "TRANSP:TRANSPARENT",
        "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-P2D", f"DESCRIPTION:{summary}", "END:VALARM", "END:VEVENT",
    ]  # fmt: skip


def _escaped(text: str) -> str:
    for sign in ("\\", ";", ","):
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", "\\n")


def _fold(line: str) -> str:
    """Break a line after 75 octets at a character's border, as RFC 5545 asks."""
    parts, length = [""], 0
    for sign in line:
        size = len(sign.encode())
        if length + size > _FOLDED:
            parts.append("")
            length = 0
        parts[-1] += sign
        length += size
    return "\r\n ".join(parts)
