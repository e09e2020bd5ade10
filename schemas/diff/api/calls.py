"""One operation of an interface: what a call holds, what it brings back, and what the caller must prove."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.diff.api.sides import Side, Sides
from schemas.diff.model import Change, Effect

_NONE, _INFO, _WARN, _BREAKING = Effect.none, Effect.info, Effect.warn, Effect.breaking
_ANY: dict[str, Any] = {}
_FORM = ("style", "explode", "allowReserved")


def parameters(sides: Sides, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs in the parameters; the name of one in the path is the server's own business."""
    before, after = _keyed(old), _keyed(new)
    for key in sorted({*before, *after}):
        where = f"{place} > parameters/{key[0]}/{key[1]}"
        one, two = before.get(key), after.get(key)
        if one is None and two is not None:
            harm = _BREAKING if _needed(two) else _INFO
            rule = f"openapi.parameter.add.{'required' if _needed(two) else 'optional'}"
            yield Change("parameter_added", where, None, "present", harm, harm, rule)
        elif one is not None and two is None:
            yield Change("parameter_removed", where, "present", None, _NONE, _WARN, "openapi.parameter.remove")
        elif one is not None and two is not None:
            yield from _parameter(sides, where, one, two)


def _keyed(operation: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    names = operation["path"]
    for parameter in operation["parameters"]:
        kind, name = str(parameter.get("in")), str(parameter.get("name"))
        if kind == "path" and f"{{{name}}}" in names:
            name = str(names.index(f"{{{name}}}"))
        found[kind, name.lower() if kind == "header" else name] = parameter
    return found


def _needed(parameter: Mapping[str, Any]) -> bool:
    return parameter.get("required") is True or parameter.get("in") == "path"


def _parameter(sides: Sides, where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    if _needed(old) is not _needed(new):
        harm = _BREAKING if _needed(new) else _INFO
        yield Change(
            "required_changed",
            f"{where}/required",
            _needed(old),
            _needed(new),
            harm,
            harm,
            "openapi.parameter.required",
        )
    for word in _FORM:
        if old.get(word) != new.get(word):
            rule = "openapi.parameter.form"
            yield Change("form_changed", f"{where}/{word}", old.get(word), new.get(word), _NONE, _BREAKING, rule)
    yield from sides.schemas("request", f"{where}/schema", old.get("schema", _ANY), new.get("schema", _ANY))
    yield from _media(sides, "request", where, old, new)


def request_body(sides: Sides, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs in the body a caller sends."""
    where = f"{place} > requestBody"
    one, two = old.get("requestBody"), new.get("requestBody")
    before, after = (sides.old.resolved(one) if one else None), (sides.asked.resolved(two) if two else None)
    if before is None and after is not None:
        harm = _BREAKING if after.get("required") is True else _INFO
        yield Change("request_body_added", where, None, "present", _NONE, harm, "openapi.request.body.add")
    elif before is not None and after is None:
        yield Change("request_body_removed", where, "present", None, _NONE, _BREAKING, "openapi.request.body.remove")
    elif before is not None and after is not None:
        was, now = before.get("required") is True, after.get("required") is True
        if was is not now:
            harm = _BREAKING if now else _INFO
            yield Change(
                "required_changed", f"{where}/required", was, now, _NONE, harm, "openapi.request.body.required"
            )
        yield from _media(sides, "request", where, before, after)


def _media(sides: Sides, side: Side, where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs in the media types and in the schema of each."""
    before, after = old.get("content") or {}, new.get("content") or {}
    for kind in sorted({*before, *after}):
        spot = f"{where}/content/{kind}"
        if kind not in after:
            reader = _NONE if side == "request" else _BREAKING
            yield Change("media_type_removed", spot, "present", None, reader, _BREAKING, f"openapi.{side}.media.remove")
        elif kind not in before:
            yield Change("media_type_added", spot, None, "present", _INFO, _NONE, f"openapi.{side}.media.add")
        else:
            one, two = before[kind].get("schema", _ANY), after[kind].get("schema", _ANY)
            yield from sides.schemas(side, f"{spot}/schema", one, two)


def responses(sides: Sides, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs in the answers, by status code."""
    before = {str(c): r for c, r in (old.get("responses") or {}).items()}
    after = {str(c): r for c, r in (new.get("responses") or {}).items()}
    for code in sorted({*before, *after}):
        where = f"{place} > responses/{code}"
        if code not in after:
            harm = _BREAKING if code.startswith("2") else _INFO
            yield Change("status_removed", where, "present", None, harm, harm, "openapi.response.status.remove")
        elif code not in before:
            yield Change("status_added", where, None, "present", _INFO, _INFO, "openapi.response.status.add")
        else:
            one, two = sides.answered.resolved(before[code]), sides.new.resolved(after[code])
            yield from _media(sides, "response", where, one, two)
            yield from _headers(sides, where, one, two)


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


def security(sides: Sides, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield a change of what a caller must prove: each old way in must still be one."""
    before = _ways(old.get("security", sides.old.root.get("security")))
    after = _ways(new.get("security", sides.new.root.get("security")))
    if before == after:
        return
    let_in = all(any(_suffices(way, other) for other in after) for way in before)
    harm, rule = (_INFO, "openapi.security.loosen") if let_in else (_BREAKING, "openapi.security.add")
    yield Change("security_changed", f"{place} > security", before, after, harm, harm, rule)


def _ways(value: Any) -> list[dict[str, list[str]]]:
    return [{str(n): sorted(map(str, scopes or ())) for n, scopes in way.items()} for way in value or ()] or [{}]


def _suffices(way: Mapping[str, list[str]], wanted: Mapping[str, list[str]]) -> bool:
    return all(name in way and set(scopes) <= set(way[name]) for name, scopes in wanted.items())
