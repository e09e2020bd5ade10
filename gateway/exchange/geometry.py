"""Checks of a geometry in GeoJSON: as SQL over jsonb that is true when it is wrong, and as Python that agrees.

The paths are strict, so that an array is never taken for its elements; what a path stumbles over counts as not found. An
array that begins with a number is a position, an array that begins with a position is a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

_AREAS = ("Polygon", "MultiPolygon")
_RING = 4
_ORDINATES = 2
_OPEN = (
    '@.size() < 4 || @[0].size() < 2 || @[last].type() != "array" || @[last].size() < 2 || @[0][1].type() != "number" '
    '|| @[last][0].type() != "number" || @[last][1].type() != "number" || @[0][0] != @[last][0] || @[0][1] != @[last][1]'
)
_LINES = 'strict $.coordinates.** ? (@.type() == "array" && @[0].type() == "array" && @[0][0].type() == "number")'
_POSITIONS = 'strict $.coordinates.** ? (@.type() == "array" && @[0].type() == "number")'


def is_of_sql(name: str, types: str) -> str:
    """Return SQL: a geometry is none of some types."""
    return f"({name} is not null and coalesce({name}->>'type' not in ({types}), true))"


def is_of(value: Any, types: Sequence[str]) -> bool:
    """Tell whether a geometry is of one of some types."""
    return isinstance(value, Mapping) and value.get("type") in types


def rings_closed_sql(name: str) -> str:
    """Return SQL: a ring of an area does not end where it begins, or has fewer than four positions."""
    areas = ", ".join(f"'{kind}'" for kind in _AREAS)
    return f"coalesce({name}->>'type' in ({areas}) and {name} @? '{_LINES} ? ({_OPEN})', false)"


def rings_closed(value: Any) -> bool:
    """Tell whether every ring of an area ends where it begins; what is no area has none."""
    if not is_of(value, _AREAS):
        return True
    lines = (one for one in _arrays(value.get("coordinates")) if isinstance(one[0], list) and _is_position(one[0]))
    return all(map(_closed, lines))


def within_sql(name: str, lon: Sequence[Any], lat: Sequence[Any]) -> str:
    """Return SQL: a position lies outside of these bounds, or has one ordinate only."""
    outside = (
        f'!(@[0] >= {lon[0]} && @[0] <= {lon[1]}) || @.size() < 2 || @[1].type() != "number" '
        f"|| !(@[1] >= {lat[0]} && @[1] <= {lat[1]})"
    )
    return f"coalesce({name} @? '{_POSITIONS} ? ({outside})', false)"


def within(value: Any, lon: Sequence[Any], lat: Sequence[Any]) -> bool:
    """Tell whether every position lies within these bounds, longitude first."""
    coordinates = value.get("coordinates") if isinstance(value, Mapping) else None
    return all(
        len(one) >= _ORDINATES and _is_number(one[1]) and _between(one[0], lon) and _between(one[1], lat)
        for one in _arrays(coordinates) if _is_position(one)
    )  # fmt: skip


def _closed(ring: list[Any]) -> bool:
    first, last = ring[0], ring[-1]
    if len(ring) < _RING or not isinstance(last, list) or min(len(first), len(last)) < _ORDINATES:
        return False
    numbers = all(map(_is_number, (first[1], *last[:2])))
    return numbers and [_exact(n) for n in first[:2]] == [_exact(n) for n in last[:2]]


def _arrays(value: Any) -> Iterator[list[Any]]:
    """Yield the arrays that are not empty, at any depth."""
    if isinstance(value, list):
        if value:
            yield value
        for inner in value:
            yield from _arrays(inner)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _arrays(inner)


def _is_position(value: list[Any]) -> bool:
    return bool(value) and _is_number(value[0])


def _between(number: Any, bounds: Sequence[Any]) -> bool:
    return _exact(bounds[0]) <= _exact(number) <= _exact(bounds[1])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _exact(number: Any) -> Decimal:
    return Decimal(str(number))
