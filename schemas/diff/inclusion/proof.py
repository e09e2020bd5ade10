"""Whether one schema accepts all that another accepts: yes, no with a document that shows it, or unknown."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import jsonschema_rs

from schemas.diff.inclusion.document import Document, share
from schemas.diff.inclusion.search import STEPS, OutOfSteps, Search
from schemas.diff.inclusion.terms import MISSING, Node, Status

PART = 2_000  # steps for one difference of many
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

    def __init__(self, old: Document, new: Document, seconds: float = 3.0) -> None:
        self.old, self.new = old, new
        share(old, new)
        self.search = Search()
        self._kept: list[Any] = []
        self._judges: dict[int, Any] = {}
        self._each, self._until = seconds / 2, time.monotonic() + seconds

    def node(self, document: Document, raw: Any, base: str = "") -> Node:
        """Return a schema of one of the documents."""
        return self.search.node(document, raw, base)

    def keep(self, *raws: Any) -> None:
        """Keep schemas made for one question alive: nodes are found by the identity of what they were made of."""
        self._kept.extend(raws)

    def included(self, sub: Node, sup: Node, steps: int = STEPS) -> Verdict:
        """Tell whether every document that `sub` accepts is accepted by `sup`."""
        if sub is sup:
            return Verdict("yes")
        self.search.steps = steps
        self.search.until = min(self._until, time.monotonic() + self._each)
        self.search.guesses.clear()
        try:
            outcome = self.search.solve([(sub, True), (sup, False)])
        except (OutOfSteps, RecursionError):
            return Verdict("unknown")
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
