"""PostgreSQL's types as `format_type` writes them."""

from __future__ import annotations

import re
from functools import lru_cache

from schemas.diff.sql_types import ENDLESS, Type

_WRITTEN = re.compile(r"(?P<name>.*?)(?:\((?P<inside>[^()]*)\))?(?P<zone> with(?:out)? time zone)?(?P<array>(?:\[\])*)")
_BITS = {"smallint": 15, "integer": 31, "bigint": 63}
_FLOATS = {"real": 6, "double precision": 15}
_TEXTS = {"character varying": "text", "text": "text", "character": "padded"}


@lru_cache(4096)
def parsed(written: str) -> Type:
    """Return a type by its written form."""
    parts = _WRITTEN.fullmatch(written)
    if parts is None:
        return Type("other", written)
    name, inside, array = parts["name"], parts["inside"], bool(parts["array"])
    numbers = [int(n) for n in re.findall(r"-?\d+", inside or "")]
    if name in _BITS:
        limit = 1 << _BITS[name]
        return Type("integer", name, low=-limit, high=limit - 1, array=array)
    if name == "numeric":
        digits, scale = (numbers[0] - numbers[1], numbers[1]) if len(numbers) > 1 else (ENDLESS, ENDLESS)
        return Type("decimal", name, digits=digits, scale=scale, array=array, special=True)
    if name in _FLOATS:
        return Type("float", "float", digits=_FLOATS[name], array=array)
    if name in _TEXTS:
        family = "padded" if _TEXTS[name] == "padded" else "text"
        return Type(
            "padded" if family == "padded" else "text", family, size=numbers[0] if numbers else ENDLESS, array=array
        )
    return _time(name, parts["zone"] or "", numbers, array=array) or Type(
        "other", name + (parts["zone"] or ""), array=array, rest=inside or ""
    )


def _time(name: str, zone: str, numbers: list[int], *, array: bool) -> Type | None:
    if name == "date":
        return Type("date", name, array=array)
    if name == "timestamp":
        family = "zoned" if zone == " with time zone" else "moment"
        return Type("zoned" if family == "zoned" else "moment", family, size=numbers[0] if numbers else 6, array=array)
    return None
