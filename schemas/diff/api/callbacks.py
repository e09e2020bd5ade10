"""Calls that go the other way, callbacks and webhooks: here the interface sends, and its caller answers.

Who is called reads the body and the parameters that come, and writes the answer; the sides are those of a call, exchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from schemas.diff.api.answers import coded
from schemas.diff.api.calls import keyed, needed
from schemas.diff.api.media import media
from schemas.diff.api.sides import Api, Sides, operations
from schemas.diff.model import Change, Effect

_NONE, _INFO, _WARN, _BREAKING = Effect.none, Effect.info, Effect.warn, Effect.breaking
_ANY: dict[str, Any] = {}
Operations = dict[tuple[str, ...], Mapping[str, Any]]


def callbacks(
    sides: Sides, place: str, old: tuple[Mapping[str, Any], Mapping[str, Any]], new: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> Iterator[Change]:  # fmt: skip
    """Yield what differs in the callbacks of an operation, which comes as it is read on each side: answered, then asked."""
    found = (
        _calls(api, operation.get("callbacks") or {})
        for api, operation in zip((sides.answered, sides.old, sides.new, sides.asked), (*old, *new), strict=True)
    )
    yield from _received(sides, lambda key: f"{place} > callbacks/{'/'.join(key)}", *found)


def webhooks(sides: Sides) -> Iterator[Change]:
    """Yield what differs in the calls that the interface makes of its own accord."""
    found = (_hooks(api, api.root.get("webhooks") or {}) for api in (sides.answered, sides.old, sides.new, sides.asked))
    yield from _received(sides, lambda key: f"{key[1].upper()} webhooks/{key[0]}", *found)


def _calls(api: Api, named: Mapping[str, Any]) -> Operations:
    return {
        (name, expression, method): operation
        for name, item in named.items()
        for expression, part in api.resolved(item).items()
        if isinstance(part, Mapping)
        for method, operation in operations(api, part).items()
    }


def _hooks(api: Api, named: Mapping[str, Any]) -> Operations:
    return {
        (name, method): operation for name, item in named.items() for method, operation in operations(api, item).items()
    }


def _received(
    sides: Sides, place: Callable[[tuple[str, ...]], str], before: Operations, asking: Operations, after: Operations,
    asked: Operations,
) -> Iterator[Change]:  # fmt: skip
    for key in sorted({*before, *after}):
        where = place(key)
        if key not in after:
            yield Change("callback_removed", where, "present", None, _BREAKING, _NONE, "openapi.callback.remove")
        elif key not in before:
            yield Change("callback_added", where, None, "present", _INFO, _NONE, "openapi.callback.add")
        else:
            yield from _parameters(sides, where, before[key], after[key])
            yield from _body(sides, f"{where} > requestBody", before[key], after[key])
            yield from _replies(sides, where, asking[key], asked[key])


def _parameters(sides: Sides, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    before, after = keyed(old), keyed(new)
    for key in sorted({*before, *after}):
        where, one, two = f"{place} > parameters/{key[0]}/{key[1]}", before.get(key), after.get(key)
        if one is None:
            yield Change("parameter_added", where, None, "present", _INFO, _NONE, "openapi.callback.parameter.add")
        elif two is None or (needed(one) and not needed(two)):
            harm = _BREAKING if needed(one) else _WARN
            rule = "openapi.callback.parameter.remove"
            yield Change("parameter_removed", where, "present", two and "optional", harm, _NONE, rule)
        else:
            yield from sides.schemas("response", f"{where}/schema", one.get("schema", _ANY), two.get("schema", _ANY))


def _body(sides: Sides, where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    one, two = old.get("requestBody"), new.get("requestBody")
    before, after = (sides.answered.resolved(one) if one else None), (sides.new.resolved(two) if two else None)
    if before is None and after is None:
        return
    if before is None or after is None:
        kind, harm = ("added", _INFO) if before is None else ("removed", _BREAKING)
        was, now = (None, "present") if before is None else ("present", None)
        yield Change(f"request_body_{kind}", where, was, now, harm, _NONE, "openapi.callback.body")
        return
    if before.get("required") is True and after.get("required") is not True:
        yield Change("required_changed", f"{where}/required", True, False, _BREAKING, _NONE, "openapi.callback.body")
    yield from media(sides, "response", where, before, after)


def _replies(sides: Sides, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs in the answers that the interface takes."""
    before, after = coded(old), coded(new)
    for code in sorted({*before, *after}):
        where = f"{place} > responses/{code}"
        if code not in after or code not in before:
            lost = code not in after
            harm = _BREAKING if lost and code.startswith("2") else _INFO
            kind, was, now = ("removed", "present", None) if lost else ("added", None, "present")
            yield Change(f"status_{kind}", where, was, now, _NONE, harm, "openapi.callback.status")
            continue
        one, two = sides.old.resolved(before[code]), sides.asked.resolved(after[code])
        if two.get("content") and not one.get("content"):
            yield Change("content_added", where, None, "present", _NONE, _BREAKING, "openapi.callback.content")
        else:
            yield from media(sides, "request", where, one, two)
