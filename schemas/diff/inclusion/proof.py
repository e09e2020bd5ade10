"""Whether one schema accepts all that another accepts: yes, no with a document that shows it, or unknown."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import jsonschema_rs

from schemas.diff.inclusion.document import Document, share
from schemas.diff.inclusion.search import STEPS, OutOfSteps, Search
from schemas.diff.inclusion.terms import MISSING, Node, Status

PART = 2_000  # steps for one difference of many
ALL = 80_000  # steps for all questions of a comparison: about two seconds of a processor
_SECONDS = 4.0  # of a processor: far beyond that, so that a verdict never hangs on how busy the machine is
_VALIDATORS = {
    4: jsonschema_rs.Draft4Validator,
    6: jsonschema_rs.Draft6Validator,
    7: jsonschema_rs.Draft7Validator,
    2019: jsonschema_rs.Draft201909Validator,
    2020: jsonschema_rs.Draft202012Validator,
}


class Verdict(NamedTuple):
    """The answer; where it is no, a document that the one accepts and the other refuses."""

    said: Literal["yes", "no", "unknown"]
    witness: Any = None


class Pair:
    """Two documents that are compared, and the search they share."""

    def __init__(self, old: Document, new: Document, steps: int = ALL) -> None:
        self.old, self.new = old, new
        share(old, new)
        self.search = Search()
        self._kept: list[Any] = []
        self._judges: dict[int, Any] = {}
        self._left, self._until = steps, math.inf

    def node(self, document: Document, raw: Any, base: str = "") -> Node:
        """Return a schema of one of the documents."""
        return self.search.node(document, raw, base)

    def keep(self, *raws: Any) -> None:
        """Keep schemas made for one question alive: nodes are found by the identity of what they were made of."""
        self._kept.extend(raws)

    def late(self) -> bool:
        """Tell whether the steps are used up; every further question is answered with unknown, unless nothing differs."""
        return self._left <= 0 or time.thread_time() > self._until

    def included(self, sub: Node, sup: Node, steps: int = STEPS) -> Verdict:
        """Tell whether every document that `sub` accepts is accepted by `sup`."""
        if sub is sup:
            return Verdict("yes")
        self._until = min(
            self._until, time.thread_time() + _SECONDS
        )  # from the first question on: reading takes time too
        self.search.steps, self.search.until = min(steps, self._left), self._until
        self.search.guesses.clear()
        before = self.search.steps
        try:
            outcome = self.search.solve([(sub, True), (sup, False)])
        except (OutOfSteps, RecursionError):
            return Verdict("unknown")
        finally:
            self._left -= before - self.search.steps
        if outcome.status is Status.empty:
            return Verdict("yes")
        judges = self._judge(sub), self._judge(sup)
        if None in judges:  # nobody else knows part of a document, or what was agreed beside it
            sure = outcome.status is Status.found
            return Verdict("no", outcome.value) if sure else Verdict("unknown")
        for value in [outcome.value, *self.search.guesses]:
            if value is not MISSING and _shows(value, *judges):
                return Verdict("no", value)
        return Verdict("unknown")

    def _judge(self, node: Node) -> Any:
        document = node.document
        if node.place.raw is not document.root:
            return None
        if id(document) not in self._judges:
            self._judges[id(document)] = _validator(document)
        return self._judges[id(document)]


def _shows(value: Any, before: Any, after: Any) -> bool:
    """Ask validators of their own whether a document tells the schemas apart."""
    try:
        return bool(before.is_valid(value)) and not after.is_valid(value)
    except (ValueError, OverflowError):
        return False


def _validator(document: Document) -> Any:
    root, draft = document.root, document.draft
    if draft is None:
        draft = _guessed(root)
    if document.dialect != "jsonschema" or document.closed or draft not in _VALIDATORS:
        return None
    try:
        return _VALIDATORS[draft](root, validate_formats=document.formats, retriever=_nothing)
    except (ValueError, jsonschema_rs.ReferencingError):
        return None


def _nothing(address: str) -> Any:
    raise ValueError(f"{address} is not part of the document")  # nothing is ever fetched


def _guessed(root: Any) -> int:
    """Return the draft of a document that names none: the newest, unless its words are older ones."""
    text = json.dumps(root)
    if not any(word in text for word in ('"exclusiveM', '"items": [')):
        return 2020
    rest = [root]
    while rest:
        value = rest.pop()
        if isinstance(value, Mapping):
            if isinstance(value.get("exclusiveMinimum"), bool) or isinstance(value.get("exclusiveMaximum"), bool):
                return 4
            if isinstance(value.get("items"), list):
                return 2019
            rest.extend(value.values())
        elif isinstance(value, list):
            rest.extend(value)
    return 2020
