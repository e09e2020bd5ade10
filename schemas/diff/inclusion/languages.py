"""Sets of strings as expressions with intersection and complement, and the shortest string of one.

The successor of a set under a character is its derivative (Brzozowski): what may follow once the character is read.
Equal expressions are one object, so states compare by identity.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

Ranges = tuple[tuple[int, int], ...]

LAST = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)
STATES = 3000


class TooManyStates(Exception):
    """Raised by `shortest` when a set has more states than it is worth to look at."""


@dataclass(eq=False, slots=True)
class Language:
    """A set of strings; made by `Languages` only."""

    kind: str
    parts: tuple[Language, ...]
    ranges: Ranges
    low: int
    high: int | None
    nullable: bool
    after: dict[int, Language] = field(default_factory=dict)


class Languages:
    """Makes sets, each distinct one once; `spend` counts the work, and raises when there was too much of it."""

    def __init__(self, spend: Callable[[int], None]) -> None:
        self._spend = spend
        self._known: dict[tuple[object, ...], Language] = {}
        self.none = self._make("none")
        self.empty = self._make("empty", nullable=True)
        self.all = self._make("all", nullable=True)

    def _make(
        self,
        kind: str,
        parts: tuple[Language, ...] = (),
        ranges: Ranges = (),
        low: int = 0,
        high: int | None = 0,
        *,
        nullable: bool = False,
    ) -> Language:
        ids = tuple(sorted(map(id, parts))) if kind in {"any", "both"} else tuple(map(id, parts))
        key = (kind, ids, ranges, low, high)
        if key not in self._known:
            self._known[key] = Language(kind, parts, ranges, low, high, nullable)
        return self._known[key]

    def chars(self, ranges: Iterable[tuple[int, int]]) -> Language:
        """Return the strings of one character out of these ranges."""
        merged = merge(ranges)
        return self._make("chars", ranges=merged) if merged else self.none

    def literal(self, text: str) -> Language:
        """Return the set of one string."""
        found = self.empty
        for char in reversed(text):
            found = self.then(self.chars([(ord(char), ord(char))]), found)
        return found

    def then(self, first: Language, second: Language) -> Language:
        """Return the strings of one set followed by those of another."""
        if self.none in {first, second}:
            return self.none
        if first is self.empty:
            return second
        if second is self.empty:
            return first
        if first is self.all and (second is self.all or (second.kind == "then" and second.parts[0] is self.all)):
            return second
        if first.kind == "then":
            return self.then(first.parts[0], self.then(first.parts[1], second))
        return self._make("then", (first, second), nullable=first.nullable and second.nullable)

    def either(self, parts: Iterable[Language]) -> Language:
        """Return the union."""
        flat = self._flat("any", parts)
        flat.pop(self.none, None)
        if self.all in flat or any(p.kind == "not" and p.parts[0] in flat for p in flat):
            return self.all
        if not flat:
            return self.none
        if len(flat) == 1:
            return next(iter(flat))
        return self._make("any", tuple(flat), nullable=any(p.nullable for p in flat))

    def both(self, parts: Iterable[Language]) -> Language:
        """Return the intersection."""
        flat = self._flat("both", parts)
        flat.pop(self.all, None)
        if self.none in flat or any(p.kind == "not" and p.parts[0] in flat for p in flat):
            return self.none
        if not flat:
            return self.all
        if len(flat) == 1:
            return next(iter(flat))
        return self._make("both", tuple(flat), nullable=all(p.nullable for p in flat))

    def _flat(self, kind: str, parts: Iterable[Language]) -> dict[Language, None]:
        flat: dict[Language, None] = {}
        for part in parts:
            flat.update(dict.fromkeys(part.parts if part.kind == kind else (part,)))
        return flat

    def complement(self, part: Language) -> Language:
        """Return every other string."""
        if part.kind == "not":
            return part.parts[0]
        if part is self.none:
            return self.all
        if part is self.all:
            return self.none
        return self._make("not", (part,), nullable=not part.nullable)

    def repeat(self, part: Language, low: int, high: int | None) -> Language:
        """Return the strings of a set, that many times one after the other; None is no end."""
        low = 0 if part.nullable else low
        if high == 0 or part is self.empty:
            return self.empty
        if part is self.none:
            return self.empty if low == 0 else self.none
        if (low, high) == (1, 1):
            return part
        if low == 0 and high is None and (part is self.all or part.ranges == ((0, LAST),)):
            return self.all
        return self._make("repeat", (part,), low=low, high=high, nullable=low == 0)

    def step(self, part: Language, char: int) -> Language:
        """Return what may follow in a set once a character is read."""
        found = part.after.get(char)
        if found is None:
            found = part.after[char] = self._step(part, char)
        return found

    def _step(self, part: Language, char: int) -> Language:
        found = self.none
        match part.kind:
            case "all":
                found = part
            case "chars" if any(a <= char <= z for a, z in part.ranges):
                found = self.empty
            case "then":
                first, second = part.parts
                found = self.then(self.step(first, char), second)
                if first.nullable:
                    found = self.either([found, self.step(second, char)])
            case "any":
                found = self.either([self.step(p, char) for p in part.parts])
            case "both":
                found = self.both([self.step(p, char) for p in part.parts])
            case "not":
                found = self.complement(self.step(part.parts[0], char))
            case "repeat":
                high = None if part.high is None else part.high - 1
                rest = self.repeat(part.parts[0], max(part.low - 1, 0), high)
                found = self.then(self.step(part.parts[0], char), rest)
        return found

    def contains(self, part: Language, text: str) -> bool:
        """Tell whether a string is in a set."""
        for char in text:
            part = self.step(part, ord(char))
        return part.nullable

    def shortest(self, part: Language, low: int, high: int | None) -> str | None:
        """Return the shortest string of a set between two lengths, or None when there is none.

        Raises TooManyStates when it cannot tell.
        """
        letters = list(_letters(part))
        seen, queue = {(part, 0)}, deque([(part, "")])
        while queue:
            state, text = queue.popleft()
            self._spend(1)
            if high is not None and len(text) > high:
                continue
            if state.nullable and len(text) >= low:
                return text
            for letter in letters:
                follower = self.step(state, ord(letter))
                key = (follower, min(len(text) + 1, low))
                if follower is self.none or key in seen:
                    continue
                if len(seen) > STATES:
                    raise TooManyStates
                seen.add(key)
                queue.append((follower, text + letter))
        return None


def merge(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return ranges in order, touching ones joined."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def invert(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return every other character."""
    free, found = 0, []
    for start, end in merge(ranges):
        if start > free:
            found.append((free, start - 1))
        free = end + 1
    if free <= LAST:
        found.append((free, LAST))
    return tuple(found)


def _letters(part: Language) -> Iterator[str]:
    """Yield one character for each kind of character that the set tells apart."""
    sets = {p.ranges for p in _within(part) if p.ranges}
    starts = (
        {0, SURROGATES[0], SURROGATES[1] + 1} | {a for s in sets for a, _ in s} | {z + 1 for s in sets for _, z in s}
    )
    # Cells that begin with a letter or digit come first: a witness should read well.
    points = sorted(p for p in starts if p <= LAST)
    seen = set()
    cells = [(start, end - 1) for start, end in zip(points, [*points[1:], LAST + 1], strict=True)]
    for start, end in sorted(cells, key=lambda c: (not chr(c[0]).isalnum(), c)):
        signature = tuple(any(a <= start <= z for a, z in s) for s in sets)
        if start != SURROGATES[0] and signature not in seen:
            seen.add(signature)
            yield _readable(start, end)


def _readable(start: int, end: int) -> str:
    return next((c for c in "ax0 ~" if start <= ord(c) <= end), chr(start))


def _within(part: Language) -> set[Language]:
    found, rest = {part}, [part]
    while rest:
        for inner in rest.pop().parts:
            if inner not in found:
                found.add(inner)
                rest.append(inner)
    return found
