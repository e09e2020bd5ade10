"""The answers of one operation: their status codes, what each holds, and their headers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.diff.api.media import media
from schemas.diff.api.sides import Sides
from schemas.diff.model import Change, Effect

_NONE, _INFO, _WARN, _BREAKING = Effect.none, Effect.info, Effect.warn, Effect.breaking
_ANY: dict[str, Any] = {}
Answers = dict[str, Any]


def responses(sides: Sides, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs in the answers, by status code."""
    before, after = coded(old), coded(new)
    for code in sorted({*before, *after}):
        where = f"{place} > responses/{code}"
        if code not in after:
            yield _gone(where, code, after)
            continue
        known = before.get(code) or _foreseen(code, before)
        if known is None:
            yield Change("status_added", where, None, "present", _INFO, _INFO, "openapi.response.status.add")
        else:
            one, two = sides.answered.resolved(known), sides.new.resolved(after[code])
            yield from media(sides, "response", where, one, two)
            yield from _headers(sides, where, one, two)


def coded(operation: Mapping[str, Any]) -> Answers:
    """Return an operation's answers by status code; YAML reads a bare code as a number."""
    return {_code(c): r for c, r in (operation.get("responses") or {}).items()}


def _code(code: Any) -> str:
    text = str(code)
    return text if text == "default" else text.upper()


def _gone(where: str, code: str, after: Answers) -> Change:
    if code == "2XX" and any(c.startswith("2") for c in after):  # a range was narrowed to what it held
        return Change("status_removed", where, "present", None, _INFO, _INFO, "openapi.response.status.narrow")
    harm = _BREAKING if code.startswith("2") else _INFO
    return Change("status_removed", where, "present", None, harm, harm, "openapi.response.status.remove")


def _foreseen(code: str, before: Answers) -> Any:
    """Return the answer that a caller was told to expect under a code which was not named; `default` is else an error's."""
    if f"{code[0]}XX" in before:
        return before[f"{code[0]}XX"]
    return before["default"] if list(before) == ["default"] and code.startswith("2") else None


def _headers(sides: Sides, where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    before = {n.lower(): sides.answered.resolved(h) for n, h in (old.get("headers") or {}).items()}
    after = {n.lower(): sides.new.resolved(h) for n, h in (new.get("headers") or {}).items()}
    for name in sorted({*before, *after}):
        spot, one, two = f"{where}/headers/{name}", before.get(name), after.get(name)
        if one is None:
            yield Change("header_added", spot, None, "present", _INFO, _NONE, "openapi.response.header.add")
        elif two is None:
            harm = _BREAKING if one.get("required") is True else _WARN
            yield Change("header_removed", spot, "present", None, harm, _NONE, "openapi.response.header.remove")
        else:
            if one.get("required") is True and two.get("required") is not True:
                rule = "openapi.response.header.required"
                yield Change("required_changed", f"{spot}/required", True, False, _BREAKING, _NONE, rule)
            yield from sides.schemas("response", f"{spot}/schema", one.get("schema", _ANY), two.get("schema", _ANY))
