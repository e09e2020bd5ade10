"""Two interface descriptions, and their schemas as requests and as answers: each side has properties of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import unquote

from schemas.diff.inclusion.differences import Difference, Walk
from schemas.diff.inclusion.document import Document
from schemas.diff.inclusion.forgiving import forgiving
from schemas.diff.inclusion.formats import NUMBERS, TEXTS
from schemas.diff.inclusion.proof import Pair, Verdict
from schemas.diff.model import UNDECIDED, BadDocument, Change, Effect, Policy

Side = Literal["request", "response"]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_FOREIGN = {"request": "readOnly", "response": "writeOnly"}  # properties that never travel this way


@dataclass(frozen=True)
class Api:
    """One description."""

    root: Mapping[str, Any]

    def resolved(self, part: Any) -> Mapping[str, Any]:
        """Return a part, or the one it refers to."""
        for _ in range(20):
            if not (isinstance(part, Mapping) and isinstance(part.get("$ref"), str)):
                break
            part = _pointed(self.root, part["$ref"])
        else:
            raise BadDocument("a reference leads to itself, or over more than 20 others")
        if not isinstance(part, Mapping):
            raise BadDocument("a reference leads to nothing in the document")
        return part


@dataclass
class Sides:
    """What is compared, and under which policy.

    A caller sends what it knows: a property that a request may hold from now on was not sent under that name before.
    """

    old_root: Mapping[str, Any]
    new_root: Mapping[str, Any]
    policy: Policy
    _pairs: dict[Side, Pair] = field(default_factory=dict)
    _known: dict[tuple[int, int, Side], list[Change]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read each description once for each side."""
        asked = forgiving(self.old_root, self.new_root, Policy(mode="lenient"), reads=False, closed=False)
        answered = forgiving(self.new_root, self.old_root, Policy(enum=self.policy.enum), reads=True)
        self.old, self.new = Api(self.old_root), Api(self.new_root)
        self.asked, self.answered = Api(asked), Api(answered)
        self._pairs["request"] = _pair(self.old_root, asked, "request", self.policy)
        self._pairs["response"] = _pair(answered, self.new_root, "response", self.policy)

    def schemas(self, side: Side, place: str, old: Any, new: Any) -> Iterator[Change]:
        """Yield what differs between two schemas that a request or an answer holds."""
        key = (id(old), id(new), side)
        if key not in self._known:
            self._known[key] = list(_judged(self._pairs[side], side, old, new))
        for change in self._known[key]:
            yield replace(change, path=f"{place} > {change.path}" if change.path else place)


def _pair(old: Mapping[str, Any], new: Mapping[str, Any], side: Side, policy: Policy) -> Pair:
    documents = []
    for root, tag in ((old, "\0old"), (new, "\0new")):
        older = str(root["openapi"]).startswith("3.0")
        starts = tuple(f"#/components/schemas/{n}" for n in (root.get("components") or {}).get("schemas") or {})
        document = Document(root, tag, policy.format == "assert", policy.content_model == "closed")
        document.draft, document.dialect = (None, "openapi") if older else (2020, "jsonschema")
        document.starts, document.foreign, document.typed = starts, _FOREIGN[side], True
        documents.append(document)
    return Pair(documents[0], documents[1])


def _judged(pair: Pair, side: Side, old: Any, new: Any) -> Iterator[Change]:
    """Yield the differences with the effect on the one role that this side touches."""
    one, two = pair.node(pair.old, old), pair.node(pair.new, new)
    verdict = pair.included(one, two) if side == "request" else pair.included(two, one)
    worst = Effect.none
    for difference in Walk(pair).between(old, new):
        effect = _effect(side, difference, verdict)
        worst = max(worst, effect)
        yield _change(side, difference.kind, difference, effect)
    if verdict.said == "unknown":
        yield _whole(side, "undecided", None, Effect.warn, f"openapi.{side}{UNDECIDED}")
    elif verdict.said == "no" and worst < Effect.breaking:
        yield _whole(side, "schema_changed", verdict.witness, Effect.breaking, f"openapi.{side}.schema.change")


def _effect(side: Side, difference: Difference, verdict: Verdict) -> Effect:
    if difference.note is not None:
        return _noted(side, difference)
    gone = difference.kind == "property_removed"
    if gone and side == "response":
        return Effect.breaking  # whoever reads it misses it, whether or not something else may stand there
    alone = difference.writer if side == "request" else difference.reader
    if verdict.said == "yes" or alone == "yes":
        return Effect.warn if gone or _other_words(difference) else Effect.none  # what is sent on is read no more
    return Effect.breaking if alone == "no" else Effect.warn


def _other_words(difference: Difference) -> bool:
    """Tell whether a format changed that limits nothing, but says how a value is meant."""
    words = {difference.before, difference.after} - {None, *NUMBERS, *TEXTS} if difference.topic == "format" else ()
    return bool(words)


def _noted(side: Side, difference: Difference) -> Effect:
    """Return what an annotation does; one that moves a property to the other side takes it from this one."""
    if difference.topic == "discriminator":
        return discriminated(side, difference.before, difference.after)
    if difference.after is not True or not difference.path.endswith(_FOREIGN[side]):
        return difference.note or Effect.none
    return Effect.warn if side == "request" else Effect.breaking


def _change(side: Side, kind: str, d: Difference, effect: Effect) -> Change:
    rule = f"openapi.{side}.{d.topic}.change"
    if d.note is not None and effect is d.note:
        return Change(kind, d.path, d.before, d.after, effect, effect, rule)
    return Change(kind, d.path, d.before, d.after, *touching(side, effect), rule)


def touching(side: Side, effect: Effect) -> tuple[Effect, Effect]:
    """Return the effects on reader and writer of what touches one side only."""
    return (Effect.none, effect) if side == "request" else (effect, Effect.none)


def _whole(side: Side, kind: str, witness: Any, effect: Effect, rule: str) -> Change:
    before, after = (witness, None) if side == "request" else (None, witness)
    return Change(kind, "", before, after, *touching(side, effect), rule)


def _pointed(root: Mapping[str, Any], reference: str) -> Any:
    value: Any = root
    for part in unquote(reference.removeprefix("#")).split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if reference.startswith("#") else None


def discriminated(side: Side, old: Any, new: Any) -> Effect:
    """Return what another discriminator does: by its values a program picks the type that it reads or writes."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return Effect.warn
    if old.get("propertyName") != new.get("propertyName"):
        return Effect.breaking
    before, after = (
        {v: str(t).rpartition("/")[2] for v, t in (one.get("mapping") or {}).items()} for one in (old, new)
    )
    moved = any(after.get(value, kind) != kind for value, kind in before.items())
    if moved or (side == "request" and not before.keys() <= after.keys()):
        return Effect.breaking
    return Effect.warn if side == "response" and not after.keys() <= before.keys() else Effect.info


def operations(api: Api, item: Any) -> dict[str, dict[str, Any]]:
    """Return the operations of a path by their methods, each with what the path says for all of them."""
    known = api.resolved(item)
    return {
        method: {
            **known[method],
            "parameters": _merged(api, known, known[method]),
            "servers": known[method].get("servers") or known.get("servers"),
        }
        for method in METHODS
        if method in known
    }


def _merged(api: Api, item: Mapping[str, Any], operation: Mapping[str, Any]) -> list[Any]:
    merged: dict[tuple[Any, Any], Any] = {}
    for parameter in (*(item.get("parameters") or ()), *(operation.get("parameters") or ())):
        known = api.resolved(parameter)
        merged[known.get("in"), known.get("name")] = known
    return list(merged.values())


def listing(value: Any, key: str) -> set[str]:
    """Return one field of each part of a list."""
    return {str(item.get(key)) for item in value or () if isinstance(item, Mapping)}
