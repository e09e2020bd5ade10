"""The answers of one operation: their status codes, what each holds, and their headers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.diff.api.media import media
from schemas.diff.api.sides import Api, Sides
from schemas.diff.model import Change, Effect

_NONE, _INFO, _WARN, _BREAKING = Effect.none, Effect.info, Effect.warn, Effect.breaking
_ANY: dict[str, Any] = {}
Answers = dict[str, Any]


def responses(sides: Sides, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs in the answers, by status code."""
    before, after = coded(old), coded(new)
    for code in sorted({*before, *after}):
        where = f"{place} > responses/{code}"
        one = before.get(code) or _foreseen(code, before, sides.answered)
        two = after.get(code) or _foreseen(code, after, sides.new)
        if two is None or (code not in after and code.startswith("2")):
            yield _gone(where, code, after)
        elif one is None:
            yield Change("status_added", where, None, "present", _INFO, _INFO, "openapi.response.status.add")
        else:
            left, right = sides.answered.resolved(one), sides.new.resolved(two)
            yield from media(sides, "response", where, left, right)
            yield from _headers(sides, where, left, right)


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


def _foreseen(code: str, answers: Answers, api: Api) -> Any:
    """Return the answer that is to be expected under a code which is not named; `default` is an error's beside others."""
    if f"{code[0]}XX" in answers:
        return answers[f"{code[0]}XX"]
    if code.startswith("2"):
        return answers["default"] if list(answers) == ["default"] else None
    told = "default" in answers and api.resolved(answers["default"]).get("content")
    return answers["default"] if told else None


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
