"""The formats that OpenAPI lists as data types: there they say which values come, as a type of a database does."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

_INT32, _INT64 = 1 << 31, 1 << 63
_FLOAT, _DOUBLE = (2**24 - 1) * 2**104, (2**53 - 1) * 2**971  # the largest that each can hold
NUMBERS: dict[Any, tuple[Fraction, Fraction]] = {
    "int32": (Fraction(-_INT32), Fraction(_INT32 - 1)),
    "int64": (Fraction(-_INT64), Fraction(_INT64 - 1)),
    "float": (Fraction(-_FLOAT), Fraction(_FLOAT)),
    "double": (Fraction(-_DOUBLE), Fraction(_DOUBLE)),
}
_DAY, _TIME = r"\d{4}-\d{2}-\d{2}", r"\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})"
TEXTS: dict[Any, str] = {
    "date": f"^{_DAY}$",
    "date-time": f"^{_DAY}[Tt ]{_TIME}$",
    "byte": r"^[A-Za-z0-9+/\r\n]*={0,2}$",
}
