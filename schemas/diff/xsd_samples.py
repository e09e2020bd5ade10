"""Texts that a simple type may hold, at its edges: what refutes that one type lies within another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from schemas.diff.xsd_builtin import NUMBERS, TEXTS, number
from schemas.diff.xsd_patterns import Alphabet
from schemas.diff.xsd_regex import tree
from schemas.diff.xsd_simple import Simple, accepts

_LONG, _MANY = 100_000, 60
_NUMBERS = (
    "0",
    "1",
    "-1",
    "+1",
    "01",
    "12",
    "1000",
    "0.5",
    "1.25",
    "-0.125",
    "1E5",
    "INF",
    "NaN",
    "9" * 10,
    "9" * 20,
    "-" + "9" * 20,
)
_TEXTS = (
    "",
    "a",
    "A",
    "0",
    " ",
    "a b",
    "a  b",
    "\t",
    "中文",
    "x" * 64,
    "a:b",
    "-1",
    "_",
    "http://example.org/",
    "#",
    "\U00020087",
)
_PLAIN = {
    "boolean": ("true", "false", "1", "0"),
    "date": ("2020-02-29", "2000-01-01+08:00", "1999-12-31Z", "0001-01-01", "9999-12-31"),
    "dateTime": ("2020-02-29T12:00:00", "2000-01-01T00:00:00+08:00", "1999-12-31T23:59:59.5Z", "9999-12-31T00:00:00"),
    "time": ("00:00:00", "01:00:00+08:00", "12:30:00.5", "23:59:59Z"),
    "gYear": ("2020", "2000+08:00", "0001", "9999"),
    "gYearMonth": ("2020-02",),
    "gMonth": ("--02",),
    "gDay": ("---29",),
    "gMonthDay": ("--02-29",),
    "duration": ("P1Y", "PT1S"),
    "hexBinary": ("", "0A", "0A0B"),
    "base64Binary": ("", "AAAA", "AA=="),
    "QName": ("a", "xml:a"),
}


@lru_cache(maxsize=4096)
def samples(one: Simple) -> tuple[str, ...]:
    """Return some texts of a type, or near it; whoever uses one asks whether it is a value."""
    return tuple(islice(dict.fromkeys(_all(one)), _MANY))


def _all(one: Simple) -> Iterator[str]:
    yield from sorted(one.values or ())[:_MANY]
    yield from _worded(one)
    for part in one.parts:
        inner = samples(part)
        yield from inner[: _MANY // len(one.parts)] if one.variety == "union" else ()
        good = [text for text in inner if accepts(part, text)] if one.variety == "list" else []
        for size in {one.least, one.most, 0, 1, 2, 3, one.least + 1} - {None} if good else ():
            yield " ".join(good[n % len(good)] for n in range(min(size or 0, _LONG)))
        yield from good
    if one.variety == "atomic":
        yield from _edges(one)


def _worded(one: Simple) -> Iterator[str]:
    """Yield the shortest text of each pattern's alternatives, and of all that holds."""
    for step in sorted(one.steps, key=sorted):
        for pattern in sorted(step):
            found = tree(pattern)
            if found is not None:
                alphabet = Alphabet([found])
                yield alphabet.text(alphabet.pool.shortest(alphabet.term(found), 5000))


def _edges(one: Simple) -> Iterator[str]:
    if one.base in NUMBERS:
        for bound in (one.low, one.high):
            value = number(bound[0]) if bound else None
            if value is not None and value.is_finite():
                for step in ("0", "1", "-1", "0.5", "-0.5", "0.01", "-0.01"):
                    moved = value + (number(step) or 0)
                    yield f"{int(moved)}" if moved == moved.to_integral_value() else f"{moved:f}"
                    if moved > 0:
                        yield f"+{moved:f}"
        if one.total is not None:
            yield from ("9" * min(one.total, _LONG), f"0.{'9' * min(one.total, one.fraction or one.total)}")
            yield f"{'9' * max(one.total - (one.fraction or 0), 0)}.{'9' * (one.fraction or 0)}".strip(".")
        if one.fraction:
            yield f"0.{'1' * one.fraction}"
        yield from _NUMBERS
        return
    yield from (bound[0] for bound in (one.low, one.high) if bound)
    yield from _PLAIN.get(one.base, ())
    if one.base in TEXTS or one.base.endswith("Binary"):
        unit = "0A" if one.base == "hexBinary" else "a"
        yield from (unit * size for size in (one.least, one.most, one.least + 1) if size is not None and size <= _LONG)
        yield from _TEXTS
