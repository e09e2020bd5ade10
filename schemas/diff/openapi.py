"""OpenAPI 3: requests must go on being accepted, answers must go on being understood, and calls being possible at all.

What stops a call touches both roles; request bodies and parameters' values touch writers, answers touch readers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from schemas.diff.api.answers import responses
from schemas.diff.api.callbacks import callbacks, webhooks
from schemas.diff.api.calls import parameters, request_body
from schemas.diff.api.security import security
from schemas.diff.api.sides import METHODS, Api, Sides, listing, operations
from schemas.diff.model import BadDocument, Change, Effect, Policy

_TEMPLATE = re.compile(r"\{[^}]*\}")
_WORDS = ("operationId", "summary", "description", "tags")


def diff(old: Any, new: Any, policy: Policy) -> Iterable[Change]:
    """Compare two OpenAPI documents; BadDocument when one of them is none, or of a version before 3."""
    for side, document in (("old", old), ("new", new)):
        if not isinstance(document, Mapping) or not str(document.get("openapi", "")).startswith("3."):
            raise BadDocument(f"{side}: no OpenAPI document of version 3 (`openapi: 3.x.y`); convert Swagger 2 first")
    if old == new:
        return ()
    try:
        return list(_changes(Sides(old, new, policy)))
    except (AttributeError, TypeError) as error:
        raise BadDocument(f"a part does not hold what it should: {error}") from None


def _changes(sides: Sides) -> Iterator[Change]:
    before, after = _paths(sides.answered), _paths(sides.new)
    asking, asked = _paths(sides.old), _paths(sides.asked)
    for path in sorted({*before, *after}):
        for method in METHODS:
            one, two = before.get(path, {}).get(method), after.get(path, {}).get(method)
            place = f"{method.upper()} {(before.get(path) or after[path])['path']}"
            if one is None and two is not None:
                yield Change(
                    "operation_added", place, None, "present", Effect.info, Effect.none, "openapi.operation.add"
                )
            elif one is not None and two is None:
                harm = Effect.info if _passed(one) else Effect.breaking
                yield Change("operation_removed", place, "present", None, harm, harm, "openapi.operation.remove")
            elif one is not None and two is not None:
                was, now = asking[path][method], asked[path][method]
                yield from parameters(sides, place, was, now)
                yield from request_body(sides, place, was, now)
                yield from callbacks(sides, place, (one, was), (two, now))
                yield from _answers(sides, place, one, two)
    yield from webhooks(sides)
    yield from _servers(sides)


def _paths(api: Api) -> dict[str, dict[str, Any]]:
    """Return the operations of each path, its parameters' names left out: they are the server's own business."""
    found: dict[str, dict[str, Any]] = {}
    for path, item in (api.root.get("paths") or {}).items():
        methods = {m: {**o, "path": _TEMPLATE.findall(path)} for m, o in operations(api, item).items()}
        found.setdefault(_TEMPLATE.sub("{}", path), {"path": path}).update(methods)
    return found


def _answers(sides: Sides, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    yield from responses(sides, place, old, new)
    yield from security(sides, place, old, new)
    yield from _moved(sides, place, old, new)
    yield from _ending(place, old, new)
    for word in _WORDS:
        if old.get(word) != new.get(word):
            rule = f"openapi.{word.lower()}.change"
            yield Change(
                f"{word}_changed", f"{place} > {word}", old.get(word), new.get(word), Effect.info, Effect.info, rule
            )


def _ending(place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what was announced about the operation's end; a date may move later, never earlier."""
    if bool(old.get("deprecated")) is not bool(new.get("deprecated")):
        was, now = old.get("deprecated"), new.get("deprecated")
        yield Change(
            "deprecated", f"{place} > deprecated", was, now, Effect.info, Effect.info, "openapi.deprecated.change"
        )
    was, now = old.get("x-sunset"), new.get("x-sunset")
    if was != now:
        earlier = was is not None and (now is None or _day(now) < _day(was))
        harm = Effect.breaking if earlier else Effect.info
        rule = "openapi.sunset.earlier" if earlier else "openapi.sunset.set"
        yield Change("sunset_changed", f"{place} > x-sunset", str(was), now and str(now), harm, harm, rule)


def _moved(sides: Sides, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the addresses at which an operation with servers of its own is found no more."""
    if not (old.get("servers") or new.get("servers")):
        return
    before, after = (
        listing(operation.get("servers") or api.root.get("servers") or [{"url": "/"}], "url")
        for operation, api in ((old, sides.old), (new, sides.new))
    )
    if gone := sorted(before - after):
        come, rule = sorted(after - before), "openapi.server.remove"
        yield Change("server_removed", f"{place} > servers", gone, come, Effect.warn, Effect.warn, rule)


def _day(value: Any) -> str:
    return str(value)[:10]


def _passed(operation: Mapping[str, Any]) -> bool:
    """Tell whether the end that was announced has come."""
    sunset = operation.get("x-sunset")
    return sunset is not None and _day(sunset) <= datetime.now(UTC).date().isoformat()


def _servers(sides: Sides) -> Iterator[Change]:
    before, after = (listing(api.root.get("servers"), "url") for api in (sides.old, sides.new))
    if before - after:
        gone, come = sorted(before - after), sorted(after - before)
        yield Change("server_removed", "servers", gone, come, Effect.warn, Effect.warn, "openapi.server.remove")
