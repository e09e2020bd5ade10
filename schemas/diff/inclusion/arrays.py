"""Whether facts about a list leave any: places that differ are looked at one by one, all after them alike."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.diff.inclusion.terms import EMPTY, UNKNOWN, Claim, Found, Goal, Node, Status, found, same_text

if TYPE_CHECKING:
    from schemas.diff.inclusion.search import Search

LONGEST = 300
ALIKE = 100_000  # so many values may follow the last place that differs


def check_array(search: Search, facts: list[Claim]) -> Found:
    """Return a list as short as may be."""
    shape = _Shape(search)
    for fact in facts:
        shape.add(fact)
    if not shape.fits():
        return EMPTY
    if shape.last > LONGEST or shape.low > (ALIKE if shape.plain else LONGEST):
        return UNKNOWN
    for step in (shape.placed, shape.counted, shape.repeated, shape.filled):
        if not step():
            return EMPTY
        if shape.lost:
            return UNKNOWN
    return found(shape.value, sure=shape.sure)


@dataclass
class _Shape:
    search: Search
    items: list[tuple[int, int | None, Goal]] = field(default_factory=list)
    item: list[tuple[int, int | None, Goal]] = field(default_factory=list)
    most_of: list[tuple[int, Node]] = field(default_factory=list)
    least_of: list[tuple[int, Node]] = field(default_factory=list)
    low: int = 0
    high: int | None = None
    signs: set[bool] = field(default_factory=set)
    placed_at: dict[int, set[Goal]] = field(default_factory=dict)
    value: list[Any] = field(default_factory=list)
    sure: bool = True
    lost: bool = False

    def add(self, fact: Claim) -> None:
        """Take in one fact."""
        word = fact[0]
        if word in {"items", "item"}:
            (self.items if word == "items" else self.item).append(fact[1:])
        elif word == "atleast":
            self.least_of.append(fact[1:])
            self.item.extend([(0, None, (fact[2], True))] * min(fact[1], LONGEST))
            self.low = max(self.low, fact[1])
        elif word == "atmost":
            self.most_of.append(fact[1:])
        elif word == "unique":
            self.signs.add(fact[1])
        elif word == "least":
            self.low = max(self.low, int(fact[1]))
        elif word == "most":
            self.high = int(fact[1]) if self.high is None else min(self.high, int(fact[1]))

    @property
    def plain(self) -> bool:
        """Tell whether values that may be equal follow each other at the end."""
        return True not in self.signs and not self.most_of and not self.least_of

    @property
    def last(self) -> int:
        """Return the place from which on all are alike."""
        edges = [e for start, end, _ in (*self.items, *self.item) for e in (start, end) if e is not None]
        return max(edges, default=0)

    def goals(self, place: int) -> set[Goal]:
        """Return what every value at a place must meet."""
        return {g for start, end, g in self.items if start <= place and (end is None or place < end)}

    def fits(self) -> bool:
        """Shorten the list to before the first place that no value fits into; False when that is too short."""
        if self.signs == {True, False}:
            return False
        for place in range(min(self.last, LONGEST) + 1):
            if self.high is not None and place >= self.high:
                break
            if self.search.solve(self.goals(place)).status is Status.empty:
                self.high = place
                break
        return self.high is None or self.low <= self.high

    def _open(self, place: int) -> bool:
        return self.high is None or place < self.high

    def placed(self) -> bool:
        """Find a place for each value that must stand somewhere; False when one has none."""
        for start, end, goal in self.item:
            stop = min(x for x in (end, self.high, self.last + 1 + len(self.item)) if x is not None)
            places = [p for p in range(start, stop) if self.search.solve({goal, *self.goals(p)}).status]
            if not places:
                return False
            self._take(places, goal)
        return True

    def _take(self, places: list[int], goal: Goal) -> None:
        free = [p for p in places if p not in self.placed_at]
        surely = [p for p in free if self.search.solve({goal, *self.goals(p)}).status is Status.found]
        shared = [p for p in places if p in self.placed_at and self._with(p, goal).status is Status.found]
        choice = next(iter([*surely, *shared, *free]), None)
        if choice is None:
            self.lost = True  # another choice of places before might have worked
            return
        self.placed_at.setdefault(choice, set()).add(goal)

    def _with(self, place: int, goal: Goal) -> Found:
        return self.search.solve({goal, *self.placed_at[place], *self.goals(place)})

    def counted(self) -> bool:
        """Compare what must be there often with what must be rare; False when they exclude each other."""
        for most, rare in self.most_of:
            self.sure = False  # the list that is built may hold more of them by chance
            for least, wanted in self.least_of:
                if least > most and self._always({(wanted, True)}, rare, range(self.last + 1)):
                    return False
            always = sum(self._always(set(), rare, [p]) for p in range(min(self.low, self.last + 1)))
            if self.low > self.last + 1 and self._always(set(), rare, [self.last]):
                always += self.low - self.last - 1
            if always > most:
                return False
        return True

    def _always(self, goals: set[Goal], node: Node, places: Any) -> bool:
        return all(self.search.solve({*goals, *self.goals(p), (node, False)}).status is Status.empty for p in places)

    def repeated(self) -> bool:
        """Find two places for the same value where a list must not be unique; False when there are none."""
        if False not in self.signs:
            return True
        edge = self.last + 2
        pairs = [(a, b) for b in range(edge) for a in range(b) if self._open(b)]
        outcomes = [(pair, self.search.solve(self.goals(pair[0]) | self.goals(pair[1]))) for pair in pairs[:LONGEST]]
        possible = [(pair, o) for pair, o in outcomes if o.status]
        if not possible:
            return len(pairs) > LONGEST and self._give_up()
        (a, b), outcome = max(possible, key=lambda p: p[1].status)
        if a in self.placed_at or b in self.placed_at or outcome.value is UNKNOWN.value:
            self.lost = True
            return True
        self.sure &= outcome.status is Status.found
        twin = {(self.search.made({"const": outcome.value}), True)}
        self.placed_at[a], self.placed_at[b] = set(twin), set(twin)
        return True

    def _give_up(self) -> bool:
        self.lost = True
        return True

    def filled(self) -> bool:
        """Give every place its value; False when there are too few different ones."""
        length = max([self.low, *(p + 1 for p in self.placed_at)])
        unique = True in self.signs
        for place in range(length):
            goals = self.goals(place) | self.placed_at.get(place, set())
            rare = {(node, False) for _, node in self.most_of} if place not in self.placed_at else set()
            outcome = self._fresh(goals | rare, unique=unique)
            if outcome.status is Status.empty and rare:
                outcome = self._fresh(goals, unique=unique)
            if outcome.status is Status.empty:
                return self._too_few(place)
            if outcome.value is UNKNOWN.value:
                return self._give_up()
            self.sure &= outcome.status is Status.found
            self.value.append(outcome.value)
            if self.plain and place > max(self.last, *self.placed_at, 0):
                self.value.extend([outcome.value] * (length - place - 1))
                break
        self.sure &= not unique or max(Counter(map(same_text, self.value)).values(), default=1) == 1
        return True

    def _fresh(self, goals: set[Goal], *, unique: bool) -> Found:
        if unique:
            goals = goals | {(self.search.made({"const": v}), False) for v in self.value}
        return self.search.solve(goals)

    def _too_few(self, place: int) -> bool:
        """Tell whether there may be enough values after all: the ones before could have been chosen otherwise."""
        alike = (
            not self.placed_at and not self.most_of and len({frozenset(self.goals(p)) for p in range(place + 1)}) == 1
        )
        return False if alike else self._give_up()
