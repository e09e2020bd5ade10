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
            yield from _validity(code, left[code], right, closed=policy.enum == "closed")
            yield from _meaning(code, left, right)


def _gone(code: str, one: Code, right: dict[str, Code]) -> Change:
    """Judge a code that is not in the new edition: replaced, where the list said by what, or retired."""
    if _loaded(one, right):
        return Change("code_replaced", code, one["name"], one["replaced_by"], WARN, BREAKING, "codelist.code.drop")
    return Change("code_removed", code, one["name"], None, NONE, BREAKING, "codelist.code.remove")


def _loaded(one: Code, right: dict[str, Code]) -> bool:
    """Tell whether what replaces a code, and what replaced that in turn, ends with a code of the list."""
    passed, heir = set[str](), one["replaced_by"]
    while heir in right and heir not in passed:
        passed.add(heir)
        if (following := right[heir]["replaced_by"]) is None:
            return True
        heir = following
    return False


def _validity(code: str, old: Code, right: dict[str, Code], *, closed: bool) -> Iterable[Change]:
    """Judge on which days a code holds, and what stands for it on others; a closed list knows no day more."""
    new, more = right[code], BREAKING if closed else WARN
    replaced = old["replaced_by"] != new["replaced_by"]
    if replaced:
        told, effect = (old["replaced_by"], new["replaced_by"]), WARN
        if new["replaced_by"] is not None and not _loaded(new, right):
            effect = BREAKING
        yield Change("code_replaced", code, *told, effect, effect, "codelist.code.replace")
    ends, old_end = new["valid_to"], old["valid_to"]
    if ends != old_end:
        if ends is None or (old_end is not None and ends > old_end):
            yield Change("code_prolonged", code, old_end, ends, more, NONE, "codelist.code.prolong")
        elif not replaced or new["replaced_by"] is None:
            yield Change("code_retired", code, old_end, ends, NONE, BREAKING, "codelist.code.retire")
    begins, old_begin = new["valid_from"], old["valid_from"]
    if begins != old_begin and not _another(old, new):  # what old writers send for a day before is refused
        later = begins is not None and (old_begin is None or begins > old_begin)
        reader, writer = (WARN, BREAKING) if later else (more, WARN)
        yield Change("validity_changed", code, old_begin, begins, reader, writer, "codelist.validity")


def _meaning(code: str, left: dict[str, Code], right: dict[str, Code]) -> Iterable[Change]:
    """Judge what a code means by its name: one that holds from another day on, or left another code, is another meaning."""
    old, new = left[code], right[code]
    if old["name"] != new["name"]:
        told = old["name"], new["name"]
        if _another(old, new) or _taken(new["name"], left, right):
            yield Change("meaning_changed", code, *told, BREAKING, BREAKING, "codelist.meaning")
        else:
            yield Change("name_changed", code, *told, INFO, INFO, "codelist.name")
    if old["parent"] != new["parent"]:
        yield Change("parent_changed", code, old["parent"], new["parent"], WARN, WARN, "codelist.parent")


def _taken(name: str | None, left: dict[str, Code], right: dict[str, Code]) -> bool:
    """Tell whether codes had a name that none of them has any more; many codes may bear one name, as districts do."""
    bearers = [code for code, one in left.items() if name is not None and one["name"] == name]
    return bool(bearers) and not any(code in right and right[code]["name"] == name for code in bearers)


def _another(old: Code, new: Code) -> bool:
    """Tell whether a code was given a new name that holds from another day on."""
    begun = old["valid_from"] != new["valid_from"] and None not in (old["valid_from"], new["valid_from"])
    return old["name"] != new["name"] and begun
