"""Simple types with the facets that hold for them, and whether a text is one of their values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from schemas.diff.xsd_builtin import COLLAPSE, NUMBERS, PRESERVE, moment, number, written
from schemas.diff.xsd_patterns import matched

Bound = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple type; `unknown` is one whose document is not here, told apart by its name alone.

    `steps` are patterns that all hold, each of them by one of its alternatives. A bound is its text and whether it is
    itself allowed.
    """

    variety: Literal["atomic", "list", "union", "unknown"] = "atomic"
    base: str = "string"
    parts: tuple[Simple, ...] = ()
    space: int = COLLAPSE
    steps: frozenset[frozenset[str]] = frozenset()
    values: frozenset[str] | None = None
    low: Bound | None = None
    high: Bound | None = None
    least: int = 0
    most: int | None = None
    total: int | None = None
    fraction: int | None = None

    @property
    def free(self) -> bool:
        """Tell whether nothing but its base holds for it."""
        return self.unbounded and not self.steps and self.values is None and self.least == 0 and self.most is None

    @property
    def unbounded(self) -> bool:
        """Tell whether no facet of an order holds for it."""
        return self.low is None and self.high is None and self.total is None and self.fraction is None


def treated(text: str, space: int) -> str:
    """Return a text with its white space treated."""
    if space == PRESERVE:
        return text
    text = text.replace("\t", " ").replace("\n", " ").replace("\r", " ")
    return " ".join(part for part in text.split(" ") if part) if space == COLLAPSE else text


def accepts(one: Simple, text: str) -> bool | None:
    """Tell whether a text is a value of a type; None when that cannot be known."""
    text = treated(text, one.space)
    if one.variety == "unknown":
        return None
    verdicts = [_patterned(one, text)]
    if one.variety == "union":
        each = [accepts(member, text) for member in one.parts]
        verdicts.append(True if True in each else None if None in each else False)
    elif one.variety == "list":
        items = text.split(" ") if text else []
        verdicts.append(one.least <= len(items) and (one.most is None or len(items) <= one.most))
        verdicts.extend(accepts(one.parts[0], item) for item in items)
    else:
        verdicts.append(written(one.base, text))
        if verdicts[-1]:
            verdicts += [_sized(one, text), _bounded(one, text)]
    if one.values is not None:
        verdicts.append(any(same(one, text, value) for value in one.values))
    return False if False in verdicts else None if None in verdicts else True


def same(one: Simple, text: str, value: str) -> bool:
    """Tell whether two texts are the same value of a type."""
    if one.variety == "atomic" and one.base in NUMBERS:
        left, right = number(text), number(value)
        return left is not None and left == right
    if one.variety == "atomic" and one.base == "boolean":
        return (text in {"true", "1"}) == (treated(value, one.space) in {"true", "1"})
    if one.variety == "union":
        return any(same(member, treated(text, member.space), value) for member in one.parts)
    return text == treated(value, one.space)


def _patterned(one: Simple, text: str) -> bool | None:
    found = [matched(step, text) for step in one.steps]
    return False if False in found else None if None in found else True


def _sized(one: Simple, text: str) -> bool | None:
    if one.least == 0 and one.most is None:
        return True
    if one.base == "base64Binary":
        return None
    size = len(text) // 2 if one.base == "hexBinary" else len(text)
    return one.least <= size and (one.most is None or size <= one.most)


def _bounded(one: Simple, text: str) -> bool | None:
    if one.unbounded:
        return True
    if one.base in NUMBERS:
        return _numeric(one, number(text))
    found = [
        _ordered(one.base, bound, text, upper=upper) for bound, upper in ((one.low, False), (one.high, True)) if bound
    ]
    return False if False in found else None if None in found else True


def _ordered(base: str, bound: Bound, text: str, *, upper: bool) -> bool | None:
    value, edge = moment(base, text), moment(base, bound[0])
    if value is None or edge is None:
        return None
    if value == edge:
        return bound[1]
    return (value < edge) == upper


def _numeric(one: Simple, value: Decimal | None) -> bool | None:
    if value is None or not value.is_finite():
        return None
    for bound, upper in ((one.low, False), (one.high, True)):
        edge = number(bound[0]) if bound else None
        if bound and edge is None:
            return None
        if bound and edge is not None and not (bound[1] if value == edge else (value < edge) == upper):
            return False
    whole, part = _digits(value)
    return (one.total is None or whole + part <= one.total) and (one.fraction is None or part <= one.fraction)


def _digits(value: Decimal) -> tuple[int, int]:
    """Return how many digits a value needs before and after its point."""
    before, _, after = f"{abs(value):f}".partition(".")
    return len(before.lstrip("0")), len(after.rstrip("0"))
