"""What a call holds: its parameters and how they are written, and the body that the caller sends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.diff.api.media import media
from schemas.diff.api.sides import Api, Sides
from schemas.diff.model import Change, Effect

_NONE, _INFO, _WARN, _BREAKING = Effect.none, Effect.info, Effect.warn, Effect.breaking
_ANY: dict[str, Any] = {}
_STYLES = {"query": "form", "cookie": "form"}  # what is meant where nothing is said; elsewhere `simple`
_ALLOWED = ("allowReserved", "allowEmptyValue")
_SCALARS = {"string", "integer", "number", "boolean"}


def parameters(sides: Sides, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs in the parameters; the name of one in the path is the server's own business."""
    before, after = keyed(old), keyed(new)
    for key in sorted({*before, *after}):
        where = f"{place} > parameters/{key[0]}/{key[1]}"
        one, two = before.get(key), after.get(key)
        if one is None and two is not None:
            harm = _BREAKING if needed(two) else _INFO
            rule = f"openapi.parameter.add.{'required' if needed(two) else 'optional'}"
            yield Change("parameter_added", where, None, "present", harm, harm, rule)
        elif one is not None and two is None:
            yield Change("parameter_removed", where, "present", None, _NONE, _WARN, "openapi.parameter.remove")
        elif one is not None and two is not None:
            yield from _parameter(sides, where, one, two)


def keyed(operation: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return parameters by where they stand and what they are called: in the path by their place, in headers in any case."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    names = operation.get("path", ())
    for parameter in operation["parameters"]:
        kind, name = str(parameter.get("in")), str(parameter.get("name"))
        if kind == "path" and f"{{{name}}}" in names:
            name = str(names.index(f"{{{name}}}"))
        found[kind, name.lower() if kind == "header" else name] = parameter
    return found


def needed(parameter: Mapping[str, Any]) -> bool:
    """Tell whether a call without the parameter is refused."""
    return parameter.get("required") is True or parameter.get("in") == "path"


def _parameter(sides: Sides, where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    if needed(old) is not needed(new):
        harm, rule = (_BREAKING if needed(new) else _INFO), "openapi.parameter.required"
        yield Change("required_changed", f"{where}/required", needed(old), needed(new), harm, harm, rule)
    if bool(old.get("deprecated")) is not bool(new.get("deprecated")):
        said, rule = (old.get("deprecated"), new.get("deprecated")), "openapi.parameter.deprecated"
        yield Change("deprecated", f"{where}/deprecated", *said, _INFO, _INFO, rule)
    before, after = _form(sides.old, old), _form(sides.asked, new)
    for word in before:
        if before[word] != after[word] and not (word == "explode" and None in (before[word], after[word])):
            rule = "openapi.parameter.form"
            harm = _NONE if word in _ALLOWED and after[word] else _BREAKING
            yield Change("form_changed", f"{where}/{word}", before[word], after[word], _NONE, harm, rule)
    if "content" in old and "content" in new:
        yield from media(sides, "request", where, old, new)
    elif "content" not in old and "content" not in new:
        one, two = old.get("schema", _ANY), new.get("schema", _ANY)
        if not _any_text(sides, one, two):
            yield from sides.schemas("request", f"{where}/schema", one, two)


def _form(api: Api, parameter: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a parameter is written, what is left unsaid filled in; a single value is written one way, exploded or not."""
    style = parameter.get("style") or _STYLES.get(str(parameter.get("in")), "simple")
    single = style in {"form", "simple"} and _types(api, parameter.get("schema")) <= _SCALARS
    return {
        "style": style,
        "explode": None if single else bool(parameter.get("explode", style == "form")),
        "content": "content" in parameter,
        **{word: parameter.get(word) is True for word in _ALLOWED},
    }


def _types(api: Api, schema: Any) -> set[str]:
    """Return the types a schema names itself; one that names none may be any."""
    known = api.resolved(schema) if isinstance(schema, Mapping) else _ANY
    word = known.get("type", "object")
    return {word} if isinstance(word, str) else set(map(str, word))


def _any_text(sides: Sides, old: Any, new: Any) -> bool:
    """Tell whether a parameter that was a number is any text from now on: in an address both are written alike."""
    text = isinstance(new, Mapping) and sides.asked.resolved(new)
    return text == {"type": "string"} and _types(sides.old, old) <= {"integer", "number", "boolean"}


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
            harm, rule = (_BREAKING if now else _INFO), "openapi.request.body.required"
            yield Change("required_changed", f"{where}/required", was, now, _NONE, harm, rule)
        yield from media(sides, "request", where, before, after)
