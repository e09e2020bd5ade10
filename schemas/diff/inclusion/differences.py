"""What differs between two schemas, place by place, each difference judged alone: does it tighten, loosen, or both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.diff.inclusion.document import Document
from schemas.diff.inclusion.proof import PART, Pair
from schemas.diff.inclusion.terms import same_text
from schemas.diff.inclusion.vocabulary import MANY, NAMED, ONE, PLAIN, REFERENCES
from schemas.diff.model import Effect

NOTES = (
    "title", "description", "examples", "$comment", "$id", "id", "deprecated", "$schema", "example", "readOnly", "writeOnly",
    "x-extensible-enum", "discriminator",
)  # fmt: skip
# Keywords that only mean something together are judged together.
_GROUPS = {
    "minimum": ("minimum", "exclusiveMinimum"), "maximum": ("maximum", "exclusiveMaximum"),
    "nullable": ("type", "nullable"),
    "contains": ("contains", "minContains", "maxContains"), "if": ("if", "then", "else"),
    "items": ("items", "prefixItems", "additionalItems"),
    "additionalProperties": ("properties", "patternProperties", "additionalProperties"),
    "unevaluatedProperties": (
        "properties", "patternProperties", "unevaluatedProperties", "allOf", "anyOf", "oneOf", "$ref",
    ),
    "unevaluatedItems": (
        "items", "prefixItems", "unevaluatedItems", "contains", "allOf", "anyOf", "oneOf", "$ref",
    ),
}  # fmt: skip
_ASIDE = {"nullable", "unevaluatedItems", "unevaluatedProperties"}  # their groups share words with others
_HEAD = {word: head for head, words in _GROUPS.items() for word in words if head not in _ASIDE} | {
    "properties": "properties", "patternProperties": "patternProperties", "required": "required",
}  # fmt: skip
_DEEP = 60  # levels that are looked at in one go; what is below them waits
_PLACED = ("properties", "patternProperties", "dependentSchemas")
_DEEPER = ("additionalProperties", "propertyNames", "unevaluatedProperties", "unevaluatedItems", "contains")


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference and what it would do alone: `yes` is harmless, `no` harms, `unknown` nobody knows."""

    kind: str
    path: str
    before: Any
    after: Any
    reader: str
    writer: str
    topic: str
    note: Effect | None = None  # of an annotation, which limits nothing


@dataclass
class Walk:
    """Two schemas side by side."""

    pair: Pair
    seen: set[tuple[int, int]] = field(default_factory=set)
    _later: list[tuple[Any, Any, str, tuple[str, str]]] = field(default_factory=list)
    _depth: int = 0

    def between(self, old: Any, new: Any) -> Iterator[Difference]:
        """Yield the differences of two schemas and of what stands below them, however deep they refer into each other."""
        self._later.append((old, new, "", ("", "")))
        while self._later:
            yield from self._below(*self._later.pop())

    def _below(self, old: Any, new: Any, path: str, bases: tuple[str, str]) -> Iterator[Difference]:
        if self.pair.late():  # the verdict on the whole stands without them
            return
        if self._depth == _DEEP:
            self._later.append((old, new, path, bases))
            return
        self._depth += 1
        try:
            yield from self._between(old, new, path, bases)
        finally:
            self._depth -= 1

    def _between(self, old: Any, new: Any, path: str, bases: tuple[str, str]) -> Iterator[Difference]:
        (old, new), bases = self._followed(old, new, bases)
        if (id(old), id(new)) in self.seen or (old == new and self._same(old, new, bases)):
            return
        self.seen.add((id(old), id(new)))
        if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
            yield self._judged("schema_changed", path, old, new, old, new, "schema", bases)
            return
        bases = (self.pair.old.place(old, bases[0]).base, self.pair.new.place(new, bases[1]).base)
        yield from _notes(old, new, path)
        for word in _words(old, new):
            if word in old or word in new:
                yield from self._of(word)(word, old, new, path, bases)

    def _same(self, old: Any, new: Any, bases: tuple[str, str]) -> bool:
        return self.pair.old.text(old, bases[0]) == self.pair.new.text(new, bases[1])

    def _followed(self, old: Any, new: Any, bases: tuple[str, str]) -> tuple[tuple[Any, Any], tuple[str, str]]:
        """Look through references that stand alone."""
        sides = []
        for document, raw, base in ((self.pair.old, old, bases[0]), (self.pair.new, new, bases[1])):
            sides.append(_target(document, raw, base))
        return (sides[0][0], sides[1][0]), (sides[0][1], sides[1][1])

    def _of(self, word: str) -> Callable[..., Iterator[Difference]]:
        if word in _PLACED:
            return self._named
        if word == "required":
            return self._required
        if word in MANY:
            return self._branches
        return self._deeper if word in {*_DEEPER, "items"} else self._plain

    def _judged(
        self, kind: str, path: str, before: Any, after: Any, old: Any, new: Any, topic: str, bases: tuple[str, str]
    ) -> Difference:
        """Judge a difference by two schemas that hold nothing else."""
        self.pair.keep(old, new)
        one, two = self.pair.node(self.pair.old, old, bases[0]), self.pair.node(self.pair.new, new, bases[1])
        reader, writer = self.pair.included(two, one, PART).said, self.pair.included(one, two, PART).said
        return Difference(kind, path, before, after, reader, writer, topic)

    def _plain(self, word: str, old: Any, new: Any, path: str, bases: tuple[str, str]) -> Iterator[Difference]:
        if word in old and word in new and same_text(old[word]) == same_text(new[word]):
            return
        group = _GROUPS.get(word, (word,)) if word not in {"minContains", "maxContains"} else _GROUPS["contains"]
        group = _GROUPS[_HEAD[word]] if _HEAD.get(word) in {"minimum", "maximum", "if", "items"} else group
        before, after = _part(old, group), _part(new, group)
        kind = f"{_snake(word)}_{_what(word, old, new)}"
        yield self._judged(kind, f"{path}/{word}", old.get(word), new.get(word), before, after, _snake(word), bases)

    def _deeper(self, word: str, old: Any, new: Any, path: str, bases: tuple[str, str]) -> Iterator[Difference]:
        both = isinstance(old.get(word), Mapping) and isinstance(new.get(word), Mapping)
        if both and (
            word != "contains"
            or _part(old, ("minContains", "maxContains")) == _part(new, ("minContains", "maxContains"))
        ):
            yield from self._below(old[word], new[word], f"{path}/{word}", bases)
        elif isinstance(old.get(word), list) and isinstance(new.get(word), list):
            yield from self._branches(word, old, new, path, bases)
        else:
            yield from self._plain(word, old, new, path, bases)

    def _required(self, word: str, old: Any, new: Any, path: str, bases: tuple[str, str]) -> Iterator[Difference]:
        before, after = _listed(old.get(word)), _listed(new.get(word))
        for name in sorted(before ^ after):
            kind = "required_removed" if name in before else "required_added"
            one, two = ({"required": [name]} if name in side else True for side in (before, after))
            place = f"{path}/required/{_escaped(name)}"
            yield self._judged(kind, place, name in before, name in after, one, two, "required", bases)

    def _named(self, word: str, old: Any, new: Any, path: str, bases: tuple[str, str]) -> Iterator[Difference]:
        before, after = old.get(word) or {}, new.get(word) or {}
        for name in sorted({*before, *after}):
            place = f"{path}/{word}/{_escaped(name)}"
            if name in before and name in after:
                yield from self._below(before[name], after[name], place, bases)
                continue
            kind = f"{_snake(word).removesuffix('ies') + 'y' if word == 'properties' else _snake(word)}"
            kind += "_added" if name in after else "_removed"
            one, two = (_alone(side, word, name, {*before, *after}) for side in (old, new))
            yield self._judged(kind, place, before.get(name), after.get(name), one, two, "property", bases)

    def _branches(self, word: str, old: Any, new: Any, path: str, bases: tuple[str, str]) -> Iterator[Difference]:
        before, after = old.get(word), new.get(word)
        if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
            inner = [
                d
                for i, (a, b) in enumerate(zip(before, after, strict=True))
                for d in self._below(a, b, f"{path}/{word}/{i}", bases)
            ]
            if sum(d.note is None for d in inner) <= 1 or word not in {"anyOf", "oneOf"}:
                yield from inner
                return
        yield from self._plain(word, old, new, path, bases)


def _words(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keywords to compare, each group once."""
    done: set[str] = set()
    for word in (*REFERENCES, "nullable", *PLAIN, *ONE, *MANY, *NAMED, "items", "dependencies"):
        if word in {"$defs", "definitions"} or (word not in old and word not in new):
            continue
        head = _HEAD.get(word, word)
        if head not in done or word in _PLACED:
            if head not in {"properties", "patternProperties", "required", "additionalProperties", "contains", "items"}:
                done.add(head)
            yield word


def _target(document: Document, raw: Any, base: str) -> tuple[Any, str]:
    for _ in range(50):
        if not isinstance(raw, Mapping) or "$ref" not in raw or not document.active(raw, "$ref"):
            break
        if document.draft not in {4, 6, 7} and any(word in raw for word in (*PLAIN, *ONE, *MANY, *NAMED, "items")):
            break
        found = document.follow("$ref", raw["$ref"], document.place(raw, base).base)
        if found is None:
            break
        raw, base = found.raw, found.base
    return raw, base


def _notes(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[Difference]:
    for word in (*NOTES, "default"):
        if old.get(word) != new.get(word) or (word in old) is not (word in new):
            effect = Effect.warn if word in {"default", "x-extensible-enum"} else Effect.info
            name = _snake(word)
            yield Difference(
                f"{name}_changed", f"{path}/{word}", old.get(word), new.get(word), "yes", "yes", name, effect
            )


def _part(raw: Mapping[str, Any], words: tuple[str, ...]) -> Any:
    return {word: raw[word] for word in words if word in raw}


def _alone(raw: Mapping[str, Any], word: str, name: str, names: set[str]) -> Any:
    """Return what a schema says of one property, and of those it does not name; the other names may hold anything."""
    if word != "properties":
        return {word: {name: raw[word][name]}} if name in raw.get(word, {}) else True
    part = _part(raw, ("patternProperties", "additionalProperties", "unevaluatedProperties"))
    part["properties"] = {n: True for n in names if n != name}
    if name in (raw.get(word) or {}):
        part["properties"][name] = raw[word][name]
    return part


def _listed(value: Any) -> set[str]:
    return {v for v in value if isinstance(v, str)} if isinstance(value, list) else set()


def _what(word: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if word in old and word in new:
        return "changed"
    return "added" if word in new else "removed"


def _snake(word: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in word.lstrip("$"))


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
