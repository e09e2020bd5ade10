"""Whether facts about an object leave any: each property is a state of its own, counted with the others.

Names that some schema speaks of are looked at one by one. All other names fall into cells, by the patterns and name
schemas they meet; within a cell every name is treated alike, so one or a few made-up names stand for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

from schemas.diff.inclusion.scalars import matching
from schemas.diff.inclusion.terms import EMPTY, UNKNOWN, Claim, Found, Goal, Keys, Node, Status, found

if TYPE_CHECKING:
    from schemas.diff.inclusion.search import Search

CELLS = 256
FILL = 300
_Atom = str | Node  # a pattern, or a schema of names
_Cell = tuple[tuple[_Atom, bool], ...]


def check_object(search: Search, facts: list[Claim]) -> Found:
    """Return an object with the properties it must have and as few others as may be."""
    shape = _Shape(search)
    for fact in facts:
        shape.add(fact)
    if shape.high is not None and shape.low > shape.high:
        return EMPTY
    if not shape.forced():
        return EMPTY
    for step in (shape.placed, shape.filled):
        possible = step()
        if shape.lost:
            return UNKNOWN
        if not possible:
            return EMPTY
    if UNKNOWN.value in shape.value.values():
        return UNKNOWN
    return found(shape.value, sure=shape.sure)


@dataclass
class _Shape:
    search: Search
    every: list[tuple[Keys, Goal]] = field(default_factory=list)
    some: list[tuple[Keys, Goal]] = field(default_factory=list)
    low: int = 0
    high: int | None = None
    value: dict[str, Any] = field(default_factory=dict)
    goals: dict[str, set[Goal]] = field(default_factory=dict)
    chosen: set[str] = field(default_factory=set)  # names that stand for any of a set
    sure: bool = True
    lost: bool = False  # nothing can be said any more

    def add(self, fact: Claim) -> None:
        """Take in one fact."""
        word = fact[0]
        if word == "every":
            self.every.append(fact[1:])
        elif word == "some":
            self.some.append(fact[1:])
        elif word == "least":
            self.low = max(self.low, int(fact[1]))
        elif word == "most":
            self.high = int(fact[1]) if self.high is None else min(self.high, int(fact[1]))

    def forced(self) -> bool:
        """Give every property that is named and required its value; False when one has none."""
        for keys, goal in self.some:
            if (name := keys.single) is not None:
                self.goals.setdefault(name, set()).add(goal)
        if self.high is not None and len(self.goals) > self.high:
            return False
        return all(self._put(name, self._solve(name, frozenset(goals))) for name, goals in self.goals.items())

    def _put(self, name: str, outcome: Found) -> bool:
        if outcome.status is Status.empty:
            return False
        self.sure &= outcome.status is Status.found
        self.value[name] = outcome.value
        return True

    def _solve(self, name: str, goals: frozenset[Goal]) -> Found:
        """Look for a value under a name."""
        limits, known = set(goals), True
        for keys, goal in self.every:
            inside = self._inside(keys, name)
            known &= inside is not None
            if inside:
                limits.add(goal)
        outcome = self.search.solve(limits)
        return outcome if known or outcome.status is Status.empty else Found(Status.unknown, outcome.value)

    def _inside(self, keys: Keys, name: str) -> bool | None:
        """Tell whether a name is in a set; None when a pattern of it is not understood."""
        if name in keys.names:
            return not keys.others
        answers = [self._meets(atom, name) for atom in _atoms(keys)]
        if any(answers):
            return not keys.others
        return None if None in answers else keys.others

    def _meets(self, atom: _Atom, name: str) -> bool | None:
        if isinstance(atom, str):
            part = matching(self.search, atom)
            return None if part is None else self.search.languages.contains(part, name)
        claims = [("fact", "in", frozenset([name])), ("node", atom, True)]
        status = self.search.explore("string", claims).status
        return None if status is Status.unknown else status is Status.found

    # -- properties that must be there under some name of a set

    def placed(self) -> bool:
        """Find a name for each value that must stand under some name; False when there is none."""
        for keys, goal in self.some:
            if keys.single is None and not self._place(keys, goal):
                return False
            if self.lost:
                return True
        return True

    def _place(self, keys: Keys, goal: Goal) -> bool:
        full = self.high is not None and len(self.value) >= self.high
        guess = None
        for name, outcome in self._options(keys, goal, full=full):
            if outcome.status is Status.found:
                self.goals.setdefault(name, set()).add(goal)
                self.value[name] = outcome.value
                self.chosen.add(name)
                return True
            if outcome.status is Status.unknown:
                guess = guess or (name, outcome.value)
        if guess is not None:
            self.sure = False
            self.chosen.add(guess[0])
            self.value[guess[0]] = guess[1]
            return True
        # Where names were chosen before, another choice might have left room for this one.
        self.lost |= bool(self.chosen) and (
            full or any(self._solve(name, frozenset([goal])).status for name in self.chosen)
        )
        return False

    def _options(self, keys: Keys, goal: Goal, *, full: bool) -> Iterator[tuple[str, Found]]:
        """Yield names that a value could stand under, with what is known of such a value."""
        if not full:
            yield from self._fresh(keys, goal)
        for name in sorted(self.value if full else self._names() | set(self.value)):
            inside = self._inside(keys, name)
            if inside is not False:
                outcome = self._solve(name, frozenset({goal, *self.goals.get(name, ())}))
                if inside is None and outcome.status is Status.found:
                    outcome = Found(Status.unknown, outcome.value)
                yield name, outcome

    def _names(self) -> set[str]:
        return {name for keys, _ in (*self.every, *self.some) for name in keys.names}

    # -- names that no schema speaks of

    def _fresh(self, keys: Keys | None, goal: Goal) -> Iterator[tuple[str, Found]]:
        """Yield a made-up name for each cell (within a set of names) that a value fits into."""
        for cell in self._cells():
            if keys is not None and self._covers(keys, cell) is False:
                continue
            limits = {goal, *(g for k, g in self.every if self._covers(k, cell))}
            outcome = self.search.solve(limits)
            if outcome.status is Status.empty:
                continue
            name = self._name(cell)
            if name.status is Status.found:
                yield name.value, outcome
            elif name.status is Status.unknown:
                yield "", UNKNOWN

    def _cells(self) -> Iterator[_Cell]:
        atoms: list[_Atom] = list(dict.fromkeys(atom for keys, _ in (*self.every, *self.some) for atom in _atoms(keys)))
        if 2 ** len(atoms) > CELLS:
            self.sure = False
            self.lost = True
            return
        for signs in product((False, True), repeat=len(atoms)):
            yield tuple(zip(atoms, signs, strict=True))

    def _covers(self, keys: Keys, cell: _Cell) -> bool:
        met = {atom for atom, sign in cell if sign}
        return any(atom in met for atom in _atoms(keys)) is not keys.others

    def _name(self, cell: _Cell) -> Found:
        """Look for a name of a cell that is neither spoken of nor used."""
        taken = frozenset(self._names() | set(self.value))
        claims: list[Claim] = [("fact", "out", taken)] if taken else []
        for atom, sign in cell:
            claims.append(("fact", "pattern", atom, sign) if isinstance(atom, str) else ("node", atom, sign))
        return self.search.explore("string", claims)

    # -- properties that only make up the number

    def filled(self) -> bool:
        """Add properties until there are enough; False when there cannot be."""
        if self.low > FILL:
            self.lost = True
            return True
        for name in sorted(self._names() - set(self.value)):
            if len(self.value) >= self.low:
                break
            outcome = self._solve(name, frozenset())
            if outcome.status is not Status.empty:
                self._put(name, outcome)
        while len(self.value) < self.low:
            options = list(self._fresh(None, (self.search.anything, True)))
            usable = next((o for o in options if o[1].status is Status.found), None)
            if usable is None:
                self.lost |= bool(options)
                return False
            self._put(*usable)
        return self.high is None or len(self.value) <= self.high


def _atoms(keys: Keys) -> list[_Atom]:
    return [*keys.patterns, *keys.nodes]
