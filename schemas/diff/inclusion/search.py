"""The search for a document that some schemas accept and others refuse.

A set of documents is a state: schemas, each with a sign. For each type of document the claims are gathered, choices
are tried one after the other, and facts are checked at the end, where the values inside are states of their own.

Recursion: a state met again below itself is taken as empty. That is sound, for a smallest document of the state would
hold a smaller one of the same state. A result that leaned on such an assumption is not kept, as it may be wrong
elsewhere; a document that was found leans on nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from schemas.diff.inclusion.arrays import check_array
from schemas.diff.inclusion.claims import claim
from schemas.diff.inclusion.document import Document, Place
from schemas.diff.inclusion.languages import Languages
from schemas.diff.inclusion.objects import check_object
from schemas.diff.inclusion.scalars import check_boolean, check_null, check_number, check_string
from schemas.diff.inclusion.terms import EMPTY, TYPES, UNKNOWN, Claim, Found, Goal, Keys, Node, State, Status, found

STEPS = 30_000
FACTS = 32  # that are looked at again in the time of one step
DEPTH = 120
MANY_CHOICES = 8
_NOBODY = DEPTH + 1
_SIGNED = {"whole", "plain", "pattern", "format", "unique", "opaque"}
_ALL = {"some": "every", "item": "items"}  # one value that does, against all that do not
_CHECKS: Mapping[str, Callable[[Search, list[Claim]], Found]] = {
    "null": check_null,
    "boolean": check_boolean,
    "number": check_number,
    "string": check_string,
    "array": check_array,
    "object": check_object,
}


class OutOfSteps(Exception):
    """Raised when a search takes longer than it is worth."""


@dataclass(slots=True)
class _Facts:
    """What is claimed of one document so far."""

    facts: dict[Claim, None] = field(default_factory=dict)
    nodes: set[Goal] = field(default_factory=set)
    choices: list[tuple[Claim, ...]] = field(default_factory=list)

    def copy(self) -> _Facts:
        return _Facts(dict(self.facts), set(self.nodes), list(self.choices))


class Search:
    """One search space: the schemas of a comparison and what is known of their states."""

    def __init__(self, steps: int = STEPS) -> None:
        self.languages = Languages(self.spend)
        self.patterns: dict[str, Any] = {}
        self.steps = steps
        self.until = math.inf
        self.guesses: list[Any] = []
        self._nodes: dict[str, Node] = {}
        self._number = count().__next__
        self._places: dict[tuple[int, int, str], Node] = {}
        self._known: dict[State, Found] = {}
        self._open: dict[State, int] = {}
        self._checked: dict[tuple[str, frozenset[Claim]], Found] = {}
        self._leaned = _NOBODY
        self._kept: list[Any] = []
        self._made = Document(True, "", draft=2020)
        self.anything = self.node(self._made, True, "")
        self.nothing = self.node(self._made, False, "")

    # -- schemas

    def node(self, document: Document, raw: Any, base: str) -> Node:
        """Return the one node of a schema."""
        key = (id(document), id(raw), base)
        if key not in self._places or isinstance(raw, bool):
            text = document.text(raw, base)
            if text == f"{document.draft}{{}}":  # only annotations
                text = "true"
            if text not in self._nodes:
                place = document.place(raw if text != "true" else True, base)
                self._nodes[text] = Node(document, place, self._number())
            self._places[key] = self._nodes[text]
        return self._places[key]

    def below(self, node: Node, raw: Any) -> Node:
        """Return the node of a schema written inside another."""
        return self.node(node.document, raw, node.place.base)

    def made(self, raw: dict[str, Any]) -> Node:
        """Return the node of a schema that stands in no document."""
        self._kept.append(raw)  # nodes are found by the identity of what they were made of
        return self.node(self._made, raw, "")

    def union(self, nodes: Iterable[Node]) -> Node:
        """Return the node that accepts what any of these accepts."""
        parts = tuple(dict.fromkeys(nodes))
        union = Node(self._made, Place({"anyOf": []}, "", ""), self._number())
        for kind in TYPES:
            union.claims[kind, True] = ("or", tuple(("node", n, True) for n in parts))
            union.claims[kind, False] = ("and", tuple(("node", n, False) for n in parts))
        return union

    # -- sets of documents

    def spend(self, steps: int = 1) -> None:
        """Count work; raises OutOfSteps when there was too much of it."""
        self.steps -= steps
        if self.steps < 0 or time.thread_time() > self.until:
            raise OutOfSteps

    def solve(self, goals: Iterable[Goal]) -> Found:
        """Look for a document that meets all goals."""
        state = frozenset(g for g in goals if g not in {(self.anything, True), (self.nothing, False)})
        if any((node, not sign) in state for node, sign in state) or self._never(state):
            return EMPTY
        if state in self._known:
            return self._known[state]
        if state in self._open:
            self._leaned = min(self._leaned, self._open[state])
            return EMPTY
        if len(self._open) >= DEPTH:
            return UNKNOWN
        self.spend()
        return self._solve(state)

    def _never(self, state: State) -> bool:
        return (self.nothing, True) in state or (self.anything, False) in state

    def _solve(self, state: State) -> Found:
        place = self._open[state] = len(self._open)
        before, self._leaned = self._leaned, _NOBODY
        try:
            outcome = self._of_any_type(state)
        finally:
            del self._open[state]
            mine, self._leaned = self._leaned, before
        if mine < place:
            self._leaned = min(self._leaned, mine)
        if mine >= place or outcome.status is Status.found:
            self._known[state] = outcome
        return outcome

    def _of_any_type(self, state: State) -> Found:
        best = EMPTY
        for kind in reversed(TYPES):  # scalars first: they are quick
            outcome = self.explore(kind, [("node", node, sign) for node, sign in state])
            best = self._better(best, outcome)
            if best.status is Status.found:
                break
        return best

    def _better(self, one: Found, two: Found) -> Found:
        if len(self._open) == 1 and two.status is Status.unknown and len(self.guesses) < 20:  # noqa: PLR2004 - enough
            self.guesses.append(two.value)
        return (
            one if (one.status, one.value is not UNKNOWN.value) >= (two.status, two.value is not UNKNOWN.value) else two
        )

    def explore(self, kind: str, claims: list[Claim]) -> Found:
        """Look for a document of one type for which all claims hold."""
        return self._explore(kind, _Facts(), claims)

    def _explore(self, kind: str, facts: _Facts, pending: list[Claim]) -> Found:
        while True:
            self.spend()
            if not self._assert(kind, facts, pending):
                return EMPTY
            pending = _forced(facts)
            if pending == [False]:
                return EMPTY
            if not pending:
                break
        outcome = self._check(kind, facts.facts)
        if outcome.status is not Status.empty and len(facts.choices) > MANY_CHOICES:
            self._drop_implied(facts)
        if outcome.status is Status.empty or not facts.choices:
            return outcome
        if len(facts.choices) > 1 and not self._narrow(kind, facts):
            return EMPTY
        choice = min(facts.choices, key=len)
        facts.choices.remove(choice)
        best = EMPTY
        for part in choice:
            best = self._better(best, self._explore(kind, facts.copy(), [part]))
            if best.status is Status.found:
                break
        return best

    def _narrow(self, kind: str, facts: _Facts) -> bool:
        """Leave out what a single further claim already makes impossible; False when nothing is left of a choice."""
        kept = []
        for choice in sorted(facts.choices, key=len):
            possible = tuple(part for part in choice if not self._impossible(kind, facts, part))
            if not possible:
                return False
            kept.append(possible)
        facts.choices = kept
        return True

    def _drop_implied(self, facts: _Facts) -> None:
        """Drop choices that hold anyway: a required property that obeys one schema breaks another."""
        every: dict[Keys, list[Goal]] = {}
        for fact in facts.facts:
            if fact[1] == "every":
                every.setdefault(fact[2], []).append(fact[3])
        there = {f[2] for f in facts.facts if f[1:2] == ("some",) and f[2] in every and f[2].single is not None}

        def holds(part: Claim) -> bool:
            if part[0] != "fact" or part[1] != "some" or part[2] not in there:
                return False
            node, sign = part[3]
            return self.solve([*every[part[2]], (node, not sign)]).status is Status.empty

        before, self._leaned = self._leaned, _NOBODY
        kept = [choice for choice in facts.choices if not any(map(holds, choice))]
        leaned, self._leaned = self._leaned, min(before, self._leaned)
        if leaned == _NOBODY:  # an assumption may only make fewer documents, never drop what limits them
            facts.choices = kept

    def _impossible(self, kind: str, facts: _Facts, part: Claim) -> bool:
        if part[0] != "fact":
            return False
        self.spend()
        return self._check(kind, {**facts.facts, part: None}).status is Status.empty

    def _assert(self, kind: str, facts: _Facts, pending: list[Claim]) -> bool:
        """Take claims apart; False when two contradict each other."""
        pending = list(pending)
        while pending:
            part = pending.pop()
            if isinstance(part, bool):
                if not part:
                    return False
            elif part[0] == "and":
                pending.extend(part[1])
            elif part[0] == "or":
                facts.choices.append(part[1])
            elif part[0] == "fact":
                if _opposite(part) in facts.facts:
                    return False
                facts.facts[part] = None
            elif (part[1], not part[2]) in facts.nodes:
                return False
            elif (part[1], part[2]) not in facts.nodes:
                facts.nodes.add((part[1], part[2]))
                pending.append(claim(self, part[1], kind, part[2]))
        return True

    def _check(self, kind: str, facts: Mapping[Claim, None]) -> Found:
        key = (kind, frozenset(facts))
        if key in self._checked:
            return self._checked[key]
        self.spend(len(facts) // FACTS)
        before, self._leaned = self._leaned, _NOBODY
        outcome = _CHECKS[kind](self, [f[1:] for f in facts])
        mine, self._leaned = self._leaned, min(before, self._leaned)
        if any(f[1] == "opaque" for f in facts) and outcome.status is Status.found:
            outcome = found(outcome.value, sure=False)
        if mine == _NOBODY:
            self._checked[key] = outcome
        return outcome


def _opposite(fact: Claim) -> Claim:
    return (*fact[:-1], not fact[-1]) if fact[1] in _SIGNED else None


def _forced(facts: _Facts) -> list[Claim]:
    """Drop choices that are made already; return what is left of those with one way only, [False] if one has none."""
    kept, forced = [], []
    for choice in facts.choices:
        if any(part in facts.facts or (part[0] == "node" and part[1:] in facts.nodes) for part in choice):
            continue
        possible = tuple(p for p in choice if not _contradicted(facts, p))
        if not possible:
            return [False]
        if len(possible) == 1:
            forced.append(possible[0])
        else:
            kept.append(possible)
    facts.choices = kept
    return forced


def _contradicted(facts: _Facts, part: Claim) -> bool:
    if part[0] == "node":
        return (part[1], not part[2]) in facts.nodes
    if part[0] != "fact":
        return False
    if part[1] in _ALL:
        *place, (node, sign) = part[2:]
        return ("fact", _ALL[part[1]], *place, (node, not sign)) in facts.facts
    return _opposite(part) in facts.facts
