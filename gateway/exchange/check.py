"""What a check of one row is, and how values and names are written in its SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from gateway.model import Dataset

Args = Mapping[str, Any]
Record = Mapping[str, Any]
_NUMERIC = ("smallint", "integer", "bigint", "numeric")


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the vocabulary; `needs` are the arguments it cannot do without."""

    sql: Callable[[Dataset, Args, date], str]
    broken: Callable[[Record, Args, date], bool]
    needs: tuple[str, ...]


def column(name: str) -> str:
    """Quote a column's name."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """Quote a value; numbers stay numbers."""
    if isinstance(value, bool | int | float | Decimal):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def literals(values: list[Any]) -> str:
    """Quote a list of values."""
    return ", ".join(literal(v) for v in values)


def listed(dataset: Dataset, field: str, values: list[Any]) -> str:
    """Return values as a field's type writes them in SQL."""
    return ", ".join(map(str, values)) if dataset.field(field).hub_type.startswith(_NUMERIC) else literals(values)
