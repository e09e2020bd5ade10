"""A JSON value as the hub would store it: of its field's type, after the contract's repairs.

PostgreSQL is the measure: what it would refuse is refused here, and what it rounds is rounded alike. It takes more
spellings (`today`, `0x1F`, `1_000`) than a peer is allowed to send.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from gateway.model import Field
from gateway.settings import CHINA

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?")
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})-([0-9]{1,2})|([0-9]{2})([0-9]{2}))")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_SIZED = re.compile(r"(numeric|timestamptz|timestamp)(?:\((\d+)(?:,(\d+))?\))?")
_BITS = {"smallint": 15, "integer": 31, "bigint": 63}
_WIDE = Context(prec=2_000, rounding=ROUND_HALF_UP)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FURTHEST = timedelta(hours=16)
_OPEN_END = re.compile("9999-?(12-?31|09-?09)|长期")
_TO_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_BLANKS = " \t\u3000"


def stored(field: Field, value: Any) -> Any:
    """Return the native value of a JSON value, repaired; ValueError when its type cannot hold it.

    Times without zone are China's. A float has lost digits already and is refused: parse JSON numbers as Decimal.
    """
    if value is None:
        return None
    try:
        found = _converter(field.hub_type)(field, value)
    except (ArithmeticError, ValueError) as error:
        raise ValueError(field.name) from error
    for repair in field.repairs:
        found = None if found is None else _REPAIRS[repair](found)
    return found


def _converter(hub_type: str) -> Callable[[Field, Any], Any]:
    sized = _SIZED.fullmatch(hub_type)
    return _CONVERTERS[sized[1] if sized else hub_type]


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str) or _UNSTORABLE.search(value):
        raise ValueError(field.name)
    return value


def _whole(field: Field, value: Any) -> int:
    bound = 1 << _BITS[field.hub_type]
    if not isinstance(value, int) or isinstance(value, bool) or not -bound <= value < bound:
        raise ValueError(field.name)
    return value


def _numeric(field: Field, value: Any) -> Decimal:
    written = isinstance(value, str) and _NUMBER.fullmatch(value) is not None
    if not written and (isinstance(value, bool) or not isinstance(value, int | Decimal)):
        raise ValueError(field.name)
    digits, scale = _size(field)
    number = Decimal(value).quantize(Decimal(1).scaleb(-scale), context=_WIDE)
    if number.is_nan() or abs(number) >= Decimal(10) ** (digits - scale):
        raise ValueError(field.name)
    return number


def _day(field: Field, value: Any) -> date:
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(field.name)
    return date(int(found[1]), int(found[2] or found[4]), int(found[3] or found[5]))


def _moment(field: Field, value: Any) -> datetime:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError(field.name)
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        moment = _in_china(moment)
    if abs(moment.utcoffset() or timedelta()) >= _FURTHEST:
        raise ValueError(field.name)
    moment.astimezone(CHINA)  # refuses what lies in no year of four digits there
    sized = _SIZED.fullmatch(field.hub_type)
    return _rounded(moment, int(sized[2])) if sized and sized[2] else moment


def _in_china(naive: datetime) -> datetime:
    """Read a time without zone; one that summer time made double or skipped is standard time, as the server has it."""
    offsets = (naive.replace(tzinfo=CHINA, fold=fold).utcoffset() for fold in (0, 1))
    return naive.replace(tzinfo=timezone(min(o for o in offsets if o is not None)))


def _rounded(moment: datetime, digits: int) -> datetime:
    """Round as PostgreSQL does: halves away from the year 2000."""
    unit = 10 ** (6 - digits)
    micros = (moment - _EPOCH) // _MICROSECOND
    whole = (abs(micros) + unit // 2) // unit * unit
    rounded = _EPOCH + timedelta(microseconds=whole if micros >= 0 else -whole)
    return rounded.astimezone(moment.tzinfo)


def _boolean(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(field.name)  # noqa: TRY004 - one error for all types
    return value


def _json(field: Field, value: Any) -> Any:
    """Refuse what jsonb cannot hold: texts that the database cannot, and numbers that are none."""
    if isinstance(value, str):
        return _text(field, value)
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        raise ValueError(field.name)
    if isinstance(value, Mapping):
        return {_text(field, key): _json(field, inner) for key, inner in value.items()}
    return [_json(field, inner) for inner in value] if isinstance(value, list) else value


def _size(field: Field) -> tuple[int, int]:
    sized = _SIZED.fullmatch(field.hub_type)
    assert sized is not None
    return int(sized[2]), int(sized[3])


def _upper(text: str) -> str:
    """Raise ASCII letters only, as the sources do whatever their locale."""
    return text.translate(_TO_UPPER)


_CONVERTERS: Mapping[str, Callable[[Field, Any], Any]] = {
    "text": _text,
    **dict.fromkeys(_BITS, _whole),
    "numeric": _numeric,
    "date": _day,
    "timestamp": _moment,
    "timestamptz": _moment,
    "boolean": _boolean,
    "jsonb": _json,
}
_REPAIRS: Mapping[str, Callable[[Any], Any]] = {
    "trim": lambda text: text.rstrip(_BLANKS),
    "upper": _upper,
    "open_end": lambda end: None if _OPEN_END.fullmatch(str(end)) else end,
    "nullify": lambda text: text or None,
}
