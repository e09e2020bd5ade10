"""The values of a verdict as platforms tell them over HTTP: when it was found, and which batch it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from gateway.errors import SchemaMismatch
from gateway.ports import Verdict
from gateway.records import as_text

PLACES = ("id", "number", "left", "code", "words", "at")
MUST = ("id", "code", "at")
FORMATS = ("iso", "epoch", "epoch_ms")
_UNITS = {"epoch": timedelta(seconds=1), "epoch_ms": timedelta(milliseconds=1)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST = 2**63 - 1
_NO_MOMENT = 10**18
_NOBODYS = -1  # a batch that we never sent: the engine counts such a verdict as unknown


def verdict(
    found: Callable[[str], Any], key: Mapping[str, str | None], form: str, zone: ZoneInfo, what: str
) -> Verdict:  # fmt: skip
    """Return a verdict of which `found` gives what stands at each of PLACES; SchemaMismatch without a name or a time."""
    name, judged = as_text(found("id")), moment(found("at"), form, zone)
    if not name or judged is None:
        raise SchemaMismatch(
            f"{what} tells a verdict without {'a time' if name else 'a name'} where it is declared",
            "Compare id, at and format of verdicts with what the platform sends.",
        )
    left = moment(found("left"), form, zone)
    code, words = as_text(found("code")) or "-", as_text(found("words")) or ""
    return Verdict(name, key, _number(found("number")), code, words, judged, left)


def _number(told: Any) -> int | None:
    text = as_text(told)
    if text is None:
        return None
    known = text.isascii() and text.isdecimal() and len(text) <= len(str(_LARGEST)) and int(text) <= _LARGEST
    return int(text) if known else _NOBODYS


def moment(told: Any, form: str, zone: ZoneInfo) -> datetime | None:
    """Return a moment that is told in a form; None when it is none."""
    try:
        if form in _UNITS:
            since = Decimal(as_text(told) or "")
            return (
                _EPOCH + int(since) * _UNITS[form] if since.copy_abs() < _NO_MOMENT else None
            )  # else digits without end
        found = datetime.fromisoformat(told)
    except (ValueError, TypeError, ArithmeticError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=zone)
