"""JSON Schema: a change is judged by the documents accepted before and after, and told by the places that differ."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from schemas.diff.inclusion.differences import Difference, Walk
from schemas.diff.inclusion.document import Document
from schemas.diff.inclusion.forgiving import forgiving
from schemas.diff.inclusion.proof import ALL, Pair, Verdict
from schemas.diff.model import UNDECIDED, BadDocument, Change, Effect, Policy


def diff(old: Any, new: Any, policy: Policy) -> Iterable[Change]:
    """Compare two schemas; BadDocument when one of them is none."""
    for side, document in (("old", old), ("new", new)):
        if not isinstance(document, dict | bool):
            raise BadDocument(f"{side}: a JSON Schema is an object or a boolean")
    if old == new and json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True):  # true is 1 for the first
        return ()
    try:
        return _judged(old, new, policy)
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise BadDocument(f"a keyword does not hold what it should: {error}") from None


def _judged(old: Any, new: Any, policy: Policy) -> Iterable[Change]:
    pair = _pair(old, new, policy)
    one, two = pair.node(pair.old, old), pair.node(pair.new, new)
    reader, writer = pair.included(two, one), pair.included(one, two)
    found = list(Walk(pair).between(old, new))
    eased = {
        "reader": _eased(reader, new, old, policy, reads=True),
        "writer": _eased(writer, old, new, policy, reads=False),
    }
    return settle(found, {"reader": reader, "writer": writer}, eased)


def _pair(old: Any, new: Any, policy: Policy, steps: int = ALL) -> Pair:
    formats, closed = policy.format == "assert", policy.content_model == "closed"
    # No text of a schema holds the sign that marks whose reference it is.
    return Pair(Document(old, "\0old", formats, closed), Document(new, "\0new", formats, closed), steps)


def _eased(verdict: Verdict, sub: Any, sup: Any, policy: Policy, *, reads: bool) -> Effect | None:
    """Return what is left of the harm when the peers forgive what they agreed to; None when it stays."""
    softer = policy.mode == "lenient" or policy.enum == "extensible" or policy.default_rescues == "yes"
    if verdict.said == "yes" or not softer:
        return None
    for eased, effect in ((Policy(mode=policy.mode), Effect.none), (policy, Effect.warn)):
        pair = _pair(sub, forgiving(sub, sup, eased, reads=reads), policy, ALL // 8)
        if pair.included(pair.node(pair.old, sub), pair.node(pair.new, pair.new.root)).said == "yes":
            return effect
    return None


def settle(
    found: Iterable[Difference], verdicts: dict[str, Verdict], eased: dict[str, Effect | None], start: str = "json"
) -> Iterable[Change]:
    """Bring the differences in line with the verdicts on the whole: those are proven, a difference is judged alone."""
    changes = [_change(d, verdicts, eased, start) for d in found]
    for role, verdict in verdicts.items():
        if verdict.said == "yes" or eased[role] is not None:
            continue
        worst = max((c.effect(role) for c in changes), default=Effect.none)  # type: ignore[arg-type]  # its keys are roles
        if verdict.said == "unknown":
            changes.append(_whole(role, "undecided", None, Effect.warn, f"{start}.schema{UNDECIDED}"))
        elif worst < Effect.breaking:
            changes.append(_whole(role, "schema_changed", verdict.witness, Effect.breaking, f"{start}.schema.change"))
    return changes


def _change(d: Difference, verdicts: dict[str, Verdict], eased: dict[str, Effect | None], start: str) -> Change:
    if d.note is not None:
        return Change(d.kind, d.path, d.before, d.after, d.note, d.note, f"{start}.{d.topic}.change")
    reader = _effect(d.reader, verdicts["reader"], eased["reader"])
    writer = _effect(d.writer, verdicts["writer"], eased["writer"])
    direction = {("yes", "yes"): "same", ("no", "yes"): "loosen", ("yes", "no"): "tighten", ("no", "no"): "replace"}
    rule = f"{start}.{d.topic}.{direction.get((d.reader, d.writer), 'change')}"
    return Change(d.kind, d.path, d.before, d.after, reader, writer, rule)


def _effect(alone: str, whole: Verdict, eased: Effect | None) -> Effect:
    if alone == "yes" or whole.said == "yes":
        return Effect.none
    if eased is not None:
        return eased
    return Effect.breaking if alone == "no" else Effect.warn


def _whole(role: str, kind: str, witness: Any, effect: Effect, rule: str) -> Change:
    """Return a change that no single place tells; the document shows what is accepted on one side only."""
    reads = role == "reader"
    before, after = (None, witness) if reads else (witness, None)
    harm = (effect, Effect.none) if reads else (Effect.none, effect)
    return Change(kind, "", before, after, *harm, rule)
