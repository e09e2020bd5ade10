"""MySQL's types as `column_type` writes them."""

from __future__ import annotations

import re
from functools import lru_cache

from schemas.diff.sql_types import ENDLESS, Type

_WRITTEN = re.compile(r"(?P<name>[a-z ]+?)(?:\((?P<inside>.*)\))?(?P<rest>(?: [a-z]+)*)", re.DOTALL)
_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_FLOATS = {"float": 6, "double": 15}
_TEXTS = {"tinytext": (1 << 8) - 1, "text": (1 << 16) - 1, "mediumtext": (1 << 24) - 1, "longtext": ENDLESS}  # bytes
_WIDEST = 4  # bytes of a character


@lru_cache(4096)
def parsed(written: str) -> Type:
    """Return a type by its written form; how wide a number is shown says nothing of it."""
    parts = _WRITTEN.fullmatch(written)
    if parts is None:
        return Type("other", written)
    name, inside = parts["name"], parts["inside"] or ""
    numbers = [int(n) for n in re.findall(r"\d+", inside)]
    unsigned = "unsigned" in parts["rest"]
    if name in _BITS:
        half = 1 << (_BITS[name] - 1)
        return Type("integer", "integer", low=0 if unsigned else -half, high=2 * half - 1 if unsigned else half - 1)
    if name == "decimal" and not unsigned:
        whole, scale = (*numbers, 10, 0)[:2] if len(numbers) != 1 else (numbers[0], 0)
        return Type("decimal", name, digits=whole - scale, scale=scale)
    if name in _FLOATS and not (numbers or unsigned):
        return Type("float", name, digits=_FLOATS[name])
    if name in {"varchar", "char"} or name in _TEXTS:  # blanks at the end of a char are dropped when it is read
        written_as = "char" if name == "char" else "text"
        size = _TEXTS.get(name) or (numbers[0] if numbers else 1)
        return Type("text", written_as, size=size, sure=size // _WIDEST if name in _TEXTS else size)
    return _time(name, numbers) or Type("other", name, rest=inside + parts["rest"])


def _time(name: str, numbers: list[int]) -> Type | None:
    size = numbers[0] if numbers else 0
    if name == "date":
        return Type("date", name)
    if name == "datetime":
        return Type("moment", name, size=size)
    return Type("zoned", name, size=size, short=True) if name == "timestamp" else None
