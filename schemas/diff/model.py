"""The words of every differ: effects, roles, policy, one change, and the answer to one comparison.

A change that tightens a shape harms its writers, one that loosens it harms its readers; a differ states both effects of
each change and never knows who asks. What cannot be decided is said by a rule whose name ends in `.undecided`, and the
answer to it is never "compatible".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Literal, get_args, get_type_hints

Role = Literal["reader", "writer", "both"]
UNDECIDED = ".undecided"


class Effect(IntEnum):
    """What a change does to a party: nothing, worth telling, worth a look, or failure and silently wrong data."""

    none = 0
    info = 1
    warn = 2
    breaking = 3


class BadDocument(Exception):
    """Raised by a differ when a document is not what its kind says; the message says where and what."""


def line(value: Any) -> str:
    """Return a value as one line of JSON, which is UTF-8 even where its texts hold halves of characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() or not _HALF.search(text) else json.dumps(value)


_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Policy:
    """How the peers agreed to read a shape where its language leaves it open; the defaults are its formal meaning."""

    mode: Literal["strict", "lenient"] = "strict"
    content_model: Literal["as-declared", "open", "closed"] = "as-declared"
    enum: Literal["default", "closed", "extensible"] = "default"
    default_rescues: Literal["default", "yes", "no"] = "default"
    format: Literal["annotate", "assert"] = "annotate"
    renames: Literal["certain", "suspect", "off"] = "suspect"

    @classmethod
    def of(cls, chosen: Mapping[str, Any]) -> Policy:
        """Return the policy of a mapping whose keys are the options' names (`policy`, `content-model`, ...).

        BadDocument names an option or a word that does not exist.
        """
        hints = get_type_hints(cls)
        known = {_NAMES.get(f.name, f.name.replace("_", "-")): f.name for f in fields(cls)}
        values: dict[str, Any] = {}
        for name, word in chosen.items():
            field = known.get(name.replace("_", "-"))
            if field is None:
                raise BadDocument(f"policy: {name!r} is no option; there are {', '.join(known)}")
            if word not in get_args(hints[field]):
                raise BadDocument(f"policy: {name} is {' or '.join(get_args(hints[field]))}, not {word!r}")
            values[field] = word
        return cls(**values)


_NAMES = {"mode": "policy"}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: where, what stood there before and after (plain JSON values), and whom it touches how."""

    kind: str
    path: str
    before: Any
    after: Any
    effect_reader: Effect
    effect_writer: Effect
    rule: str

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Change:
        """Return the change that was kept by `as_dict`."""
        effects = (Effect[kept["effect_reader"]], Effect[kept["effect_writer"]])
        return cls(kept["kind"], kept["path"], kept["before"], kept["after"], *effects, kept["rule"])

    def effect(self, role: Role) -> Effect:
        """Return what it does to a role; of both, the worse."""
        if role == "both":
            return max(self.effect_reader, self.effect_writer)
        return self.effect_reader if role == "reader" else self.effect_writer

    def undecided(self, role: Role) -> bool:
        """Tell whether nobody knows what it does to this role."""
        return self.rule.endswith(UNDECIDED) and self.effect(role) > Effect.none

    def as_dict(self) -> dict[str, Any]:
        """Return it with the keys in their fixed order."""
        return {
            "kind": self.kind,
            "path": self.path,
            "before": self.before,
            "after": self.after,
            "effect_reader": self.effect_reader.name,
            "effect_writer": self.effect_writer.name,
            "rule": self.rule,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What one comparison found, for one role."""

    level: Effect
    compatible: bool
    changes: tuple[Change, ...]

    @classmethod
    def of(cls, changes: Iterable[Change], role: Role) -> Answer:
        """Judge changes for a role; sorted by path, then rule, so that equal input gives equal bytes."""
        ordered = tuple(sorted(changes, key=lambda c: (c.path, c.rule, c.kind, repr(c.before), repr(c.after))))
        level = max((c.effect(role) for c in ordered), default=Effect.none)
        if undecided := any(c.undecided(role) for c in ordered):
            level = max(level, Effect.warn)
        return cls(level, level < Effect.breaking and not undecided, ordered)

    def as_dict(self) -> dict[str, Any]:
        """Return it with the keys in their fixed order."""
        return {
            "level": self.level.name,
            "compatible": self.compatible,
            "changes": [c.as_dict() for c in self.changes],
        }
