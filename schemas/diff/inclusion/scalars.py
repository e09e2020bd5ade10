"""Whether facts about a number, a string, a boolean or null leave any value."""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.diff.inclusion.languages import Language, TooManyStates
from schemas.diff.inclusion.patterns import Unsupported, language
from schemas.diff.inclusion.terms import EMPTY, UNKNOWN, Claim, Found, found, written

if TYPE_CHECKING:
    from schemas.diff.inclusion.search import Search

PERIOD = 2000
LONGEST = 100_000
# A text of each format that assertion is likely to accept; the validator has the last word.
SAMPLES = (
    "2026-01-31", "2026-01-31T08:00:00Z", "08:00:00Z", "a@example.org", "example.org", "127.0.0.1", "::1",
    "https://example.org/a", "/a", "123e4567-e89b-12d3-a456-426614174000", "P1D", "a", "",
)  # fmt: skip


def check_null(_search: Search, facts: list[Claim]) -> Found:
    """Return null, unless it is left out."""
    return _finite([None], facts)


def check_boolean(_search: Search, facts: list[Claim]) -> Found:
    """Return true or false, unless both are left out."""
    return _finite([True, False], facts)


def _finite(values: list[Any], facts: list[Claim]) -> Found:
    for value in values:
        if all((value in f[1]) is (f[0] == "in") for f in facts if f[0] in {"in", "out"}):
            return found(value)
    return EMPTY


class _Numbers(NamedTuple):
    low: Fraction | None
    open_low: bool
    high: Fraction | None
    open_high: bool
    steps: list[Fraction]
    skips: list[Fraction]
    out: frozenset[Fraction]
    plain: bool  # whether a whole number may be written without a fraction

    def fits(self, value: Fraction) -> bool:
        """Tell whether a number obeys every limit."""
        above = self.low is None or value > self.low or (value == self.low and not self.open_low)
        under = self.high is None or value < self.high or (value == self.high and not self.open_high)
        return (
            above
            and under
            and value not in self.out
            and all((value / s).denominator == 1 for s in self.steps)
            and not any((value / s).denominator == 1 for s in self.skips)
        )


def check_number(_search: Search, facts: list[Claim]) -> Found:
    """Return a number that obeys bounds and steps; the answer is exact but for very long periods."""
    limits = _numbers(facts)
    listed = [f[1] for f in facts if f[0] == "in"]
    if listed:
        fitting = sorted(v for v in frozenset.intersection(*listed) if limits.fits(v))
        return _written(fitting, limits)
    if limits.low is not None and limits.high is not None and limits.low > limits.high:
        return EMPTY
    if limits.steps:
        return _stepped(limits)
    return _between(limits)


def _numbers(facts: list[Claim]) -> _Numbers:
    lows = [(f[1], f[2]) for f in facts if f[0] == "over"]
    highs = [(-f[1], f[2]) for f in facts if f[0] == "under"]
    low, high = max(lows, default=(None, False)), max(highs, default=(None, False))
    return _Numbers(
        low[0],
        low[1],
        None if high[0] is None else -high[0],
        high[1],
        [f[1] for f in facts if f[0] == "whole" and f[2]],
        [f[1] for f in facts if f[0] == "whole" and not f[2]],
        frozenset().union(*(f[1] for f in facts if f[0] == "out")),
        ("plain", False) not in facts,
    )


def _written(values: list[Fraction], limits: _Numbers) -> Found:
    for value in values:
        if (short := written(value, plain=limits.plain)) is not None:
            return found(short)
    return UNKNOWN if values else EMPTY


def _common(one: Fraction, two: Fraction) -> Fraction:
    """Return the smallest number that is a multiple of both."""
    below = lcm(one.denominator, two.denominator)
    return Fraction(lcm(int(one * below), int(two * below)), below)


def _stepped(limits: _Numbers) -> Found:
    step = limits.steps[0]
    for other in limits.steps[1:]:
        step = _common(step, other)
    period = Fraction(step)
    for skip in limits.skips:
        period = _common(period, skip)
    # Skips repeat after a period; every value left out can spoil one more place.
    tries = int(period / step) + len(limits.out) + 2
    if limits.low is not None:
        first, way = -(-limits.low // step), 1
    elif limits.high is not None:
        first, way = limits.high // step, -1
    else:
        first, way = 0, 1
    span = None
    if limits.low is not None and limits.high is not None:
        span = int(limits.high // step - first) + 1
    count = tries * (len(limits.out) + 1) if span is None else min(span, tries * (len(limits.out) + 1))
    fitting = [v for i in range(min(count, PERIOD)) if limits.fits(v := (first + way * i) * step)]
    if not fitting and count > PERIOD:
        return UNKNOWN
    return _written(fitting[:50], limits)


def _between(limits: _Numbers) -> Found:
    low, high = limits.low, limits.high
    if low is not None and low == high:
        return _written([low] if limits.fits(low) else [], limits)
    if low is None:
        low = Fraction(0) if high is None else high - 1
    if high is None:
        high = low + 1
    ceiling = -(-low // 1)
    whole = [v for i in (*range(8), *range(-1, -8, -1)) if limits.fits(v := Fraction(ceiling + i))]
    # Between two different numbers lie more of them than any finite set and any steps can take away.
    parts = [low + (high - low) * Fraction(i, n) for n in (2, 4, 10, 16, 100, 1024) for i in range(1, min(n, 32))]
    fitting = [*whole, *(p for p in parts if limits.fits(p))]
    return _written(fitting, limits) if fitting or not low < high else UNKNOWN


def check_string(search: Search, facts: list[Claim]) -> Found:
    """Return a string that obeys lengths and patterns; formats that are asserted can only be guessed."""
    low = max([0, *(f[1] for f in facts if f[0] == "least")])
    high = min([f[1] for f in facts if f[0] == "most"], default=None)
    if high is not None and low > high:
        return EMPTY
    languages, unknown = _languages(search, facts)
    out = frozenset[str]().union(*(f[1] for f in facts if f[0] == "out"))
    formats = [f for f in facts if f[0] == "format"]
    listed = [f[1] for f in facts if f[0] == "in"]

    def fits(text: str) -> bool:
        return (
            low <= len(text)
            and (high is None or len(text) <= high)
            and text not in out
            and all(search.languages.contains(part, text) for part in languages)
        )

    sure = not unknown and not formats
    if listed:
        fitting = [text for text in sorted(frozenset.intersection(*listed)) if fits(text)]
        return found(fitting[0], sure=sure) if fitting else EMPTY
    if formats:
        fitting = [text for text in SAMPLES if fits(text)]
        search.guesses.extend(fitting if len(search.guesses) < 2 * len(SAMPLES) else [])
    return _some(search, languages, out, int(low), high if high is None else int(high), sure=sure)


def _languages(search: Search, facts: list[Claim]) -> tuple[list[Language], bool]:
    """Return the sets of the patterns, and whether there is one that is not understood."""
    known, unknown = [], False
    for fact in facts:
        if fact[0] == "pattern":
            part = matching(search, fact[1])
            if part is None:
                unknown = True
            else:
                known.append(part if fact[2] else search.languages.complement(part))
    return known, unknown


def matching(search: Search, pattern: str) -> Language | None:
    """Return the strings that match a pattern, or None when it is not understood."""
    if pattern not in search.patterns:
        try:
            search.patterns[pattern] = language(pattern, search.languages)
        except (Unsupported, RecursionError):
            search.patterns[pattern] = None
    part: Language | None = search.patterns[pattern]
    return part


def _some(
    search: Search, languages: list[Language], out: frozenset[str], low: int, high: int | None, *, sure: bool
) -> Found:
    if low > LONGEST:
        return UNKNOWN
    makes = search.languages
    if not languages:
        for i in range(len(out) + 1):
            text = _padded(i, low)
            if text not in out and (high is None or len(text) <= high):
                return found(text, sure=sure)
    left = makes.both([*languages, *(makes.complement(makes.literal(text)) for text in sorted(out))])
    try:
        shortest = makes.shortest(left, low, high)
    except TooManyStates:
        return UNKNOWN
    return EMPTY if shortest is None else found(shortest, sure=sure)


def _padded(number: int, low: int) -> str:
    """Return a text of its own for a number, as short as it may be."""
    letters = ""
    while number:
        number, digit = divmod(number, 26)
        letters += chr(ord("a") + digit)
    return letters.ljust(low, "x")
