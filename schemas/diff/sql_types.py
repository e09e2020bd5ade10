"""What a change of a column's type does, told from what the types can hold; how they are written is the dialect's business."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from schemas.diff.model import Effect

Family = Literal["integer", "decimal", "float", "text", "padded", "date", "moment", "zoned", "other"]
ENDLESS = 1 << 40  # digits or characters of a type without a limit
NONE, INFO, WARN, BREAKING = Effect
Verdict = tuple[str, Effect, Effect]  # rule after the dialect's prefix, reader, writer
_NARROW: Verdict = ("type.narrow", NONE, BREAKING)
_WIDEN: Verdict = ("type.widen", WARN, NONE)
_SHIFT: Verdict = ("type.shift", WARN, BREAKING)
_OTHER: Verdict = ("type.family", BREAKING, BREAKING)


@dataclass(frozen=True, slots=True)
class Type:
    """A type as a dialect reads it. `size` is characters, or digits of the fraction of a second; ranges are those of numbers."""

    family: Family
    name: str
    low: int = 0
    high: int = 0
    digits: int = 0  # before the point of a decimal; exact digits of a float
    scale: int = 0
    size: int = 0
    array: bool = False
    rest: str = ""  # what stands in brackets of a type that is only known by name
    special: bool = False  # whether a number may be none (NaN)
    sure: int = 0  # characters that a text holds whatever they are, where its limit is one of bytes
    short: bool = False  # whether moments are those of 1970 to 2038 only


def judge(old: Type, new: Type) -> Verdict | None:
    """Return what the change does, or None when both hold the same values in the same form."""
    if old == new:
        return None
    for families, verdict in _ALIKE:
        if old.array == new.array and {old.family, new.family} <= families:
            return verdict(old, new)
    return _OTHER if old.array != new.array else _unlike(old, new)


def _unlike(old: Type, new: Type) -> Verdict:
    if new.family == "text" and not new.array and old.family != "other":
        return ("type.family", BREAKING, WARN if new.size >= _letters(old) else BREAKING)
    if new.family == "text" and new.size == ENDLESS:
        return ("type.family", BREAKING, WARN)
    if old.family == new.family == "other" and old.name == new.name:
        return ("type.change.undecided", WARN, WARN)
    if {old.name, new.name} == {"json", "jsonb"}:  # the one that is taken apart refuses some of what the other keeps
        return ("type.json", WARN, BREAKING if new.name == "jsonb" else WARN)
    return _OTHER


def _numbers(old: Type, new: Type) -> Verdict | None:
    if "float" in (old.family, new.family):
        return _floats(old, new)
    if old.family == new.family == "integer":
        wider, narrower = new.low <= old.low and new.high >= old.high, new.low >= old.low and new.high <= old.high
        return _WIDEN if wider else _NARROW if narrower else _SHIFT
    whole, fraction = _digits(old), _scale(old)
    if _digits(new) >= whole and _scale(new) >= fraction and not (new.family == "integer" and not _holds(new, old)):
        return _SHIFT if old.special and not new.special else _WIDEN
    if _scale(new) < fraction:  # what is stored and what comes is rounded in silence
        return ("type.shift" if _digits(new) > whole else "type.narrow", BREAKING, BREAKING)
    if _scale(new) == fraction and new.family == old.family:
        return _NARROW
    return _SHIFT


def _floats(old: Type, new: Type) -> Verdict:
    if old.family == new.family:
        return _WIDEN if new.digits >= old.digits else ("type.narrow", WARN, BREAKING)
    if new.family == "float":
        exact = new.digits >= _digits(old) + _scale(old)
        return ("type.approximate", WARN, NONE) if exact else ("type.approximate", BREAKING, BREAKING)
    return ("type.shift", WARN, WARN) if _digits(new) == _scale(new) == ENDLESS else _SHIFT


def _digits(kind: Type) -> int:
    return kind.digits if kind.family == "decimal" else len(str(max(abs(kind.low), kind.high)))


def _scale(kind: Type) -> int:
    return kind.scale if kind.family == "decimal" else 0


def _holds(integer: Type, other: Type) -> bool:
    """Tell whether an integer type holds each whole number of a decimal type."""
    return other.digits < ENDLESS and Decimal(10) ** other.digits - 1 <= min(integer.high, -integer.low)


def _letters(kind: Type) -> int:
    """Return how many characters a value of a type takes at most when it is written."""
    if kind.family == "integer":
        return _digits(kind) + (kind.low < 0)
    if kind.family == "decimal":
        return kind.digits + kind.scale + 2
    return 40


def _texts(old: Type, new: Type) -> Verdict | None:
    if old.family != new.family:  # blanks at the end come, go, or stop being ignored
        reader = BREAKING if new.family == "padded" else WARN
        return ("type.padding", reader, WARN if new.size >= old.size else BREAKING)
    holds = (new.sure or new.size) >= old.size
    if old.name != new.name:
        return ("type.padding", WARN, WARN if holds else BREAKING)
    if holds:
        return _WIDEN if new.size > old.size else None
    return _SHIFT if new.size > (old.sure or old.size) else _NARROW


def _times(old: Type, new: Type) -> Verdict:
    if old.family == new.family:
        return _WIDEN if new.size > old.size else ("type.narrow", WARN, BREAKING)
    if new.family == "date":  # the time of day is cut off in silence
        return ("type.temporal", BREAKING, BREAKING)
    if "zoned" in (old.family, new.family):
        kept = new.size >= old.size and (old.short or not new.short)
        return ("type.timezone", WARN, WARN if kept else BREAKING)
    return ("type.temporal", WARN, NONE)


_ALIKE = (
    (frozenset({"integer", "decimal", "float"}), _numbers),
    (frozenset({"text", "padded"}), _texts),
    (frozenset({"date", "moment", "zoned"}), _times),
)
