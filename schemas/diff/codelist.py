"""Compare two editions of a code list; who reads it is taken to bear codes that it does not know, unless it says `closed`.

An edition that lacks much of the one before is no mass retirement but a suspect edition: nobody knows what it means.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.diff.model import UNDECIDED, Change, Effect, Policy
from schemas.snapshot.codelist import codes

NONE, INFO, WARN, BREAKING = Effect.none, Effect.info, Effect.warn, Effect.breaking
Code = dict[str, str | None]
_SHARE, _FEW = 0.2, 10


def diff(old: Any, new: Any, policy: Policy) -> Iterable[Change]:
    """Return what differs between two snapshots of code lists; BadDocument when one of them is none."""
    left, right = codes(old, "old"), codes(new, "new")
    gone = [code for code in left if code not in right]
    if len(gone) > _FEW and len(gone) > _SHARE * len(left):
        words = f"{len(gone)} of {len(left)} codes are not in it"
        yield Change("edition_shorter", "", len(left), words, WARN, WARN, f"codelist.shorter{UNDECIDED}")
    for code in sorted({*left, *right}):
        if code not in left:
            reader = BREAKING if policy.enum == "closed" else WARN
            yield Change("code_added", code, None, right[code]["name"], reader, NONE, "codelist.code.add")
        elif code not in right:
            yield _gone(code, left[code], right)
        else:
            yield from _same(code, left[code], right[code], right)


def _gone(code: str, one: Code, right: dict[str, Code]) -> Change:
    """Judge a code that is not in the new edition: replaced, where the list said by what, or retired."""
    heir = one["replaced_by"]
    if heir in right:
        return Change("code_replaced", code, one["name"], heir, WARN, BREAKING, "codelist.code.drop")
    return Change("code_removed", code, one["name"], None, NONE, BREAKING, "codelist.code.remove")


def _same(code: str, old: Code, new: Code, right: dict[str, Code]) -> Iterable[Change]:
    if old["replaced_by"] != new["replaced_by"]:
        loaded = new["replaced_by"] is None or new["replaced_by"] in right
        effect = WARN if loaded else BREAKING
        yield Change(
            "code_replaced", code, old["replaced_by"], new["replaced_by"], effect, effect, "codelist.code.replace"
        )
    if old["valid_to"] != new["valid_to"] and (old["replaced_by"] == new["replaced_by"] or new["replaced_by"] is None):
        if new["valid_to"] is not None and (old["valid_to"] is None or new["valid_to"] < old["valid_to"]):
            yield Change("code_retired", code, old["valid_to"], new["valid_to"], NONE, BREAKING, "codelist.code.retire")
        else:
            yield Change("code_prolonged", code, old["valid_to"], new["valid_to"], WARN, NONE, "codelist.code.prolong")
    yield from _meaning(code, old, new)
    if old["parent"] != new["parent"]:
        yield Change("parent_changed", code, old["parent"], new["parent"], WARN, WARN, "codelist.parent")


def _meaning(code: str, old: Code, new: Code) -> Iterable[Change]:
    """Judge a name: another name that holds from another day on is another meaning under the same code."""
    renamed, begun = old["name"] != new["name"], old["valid_from"] != new["valid_from"]
    if renamed and begun and None not in (old["valid_from"], new["valid_from"]):
        yield Change("meaning_changed", code, old["name"], new["name"], BREAKING, BREAKING, "codelist.meaning")
        return
    if renamed:
        yield Change("name_changed", code, old["name"], new["name"], INFO, INFO, "codelist.name")
    if begun:  # what old writers send for a day before is refused
        later = new["valid_from"] is not None and (old["valid_from"] is None or new["valid_from"] > old["valid_from"])
        writer = BREAKING if later else WARN
        yield Change("validity_changed", code, old["valid_from"], new["valid_from"], WARN, writer, "codelist.validity")
