"""What a body may be written in: media types, the schema of each, and how the parts of a form are encoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.diff.api.sides import Side, Sides, touching
from schemas.diff.model import Change, Effect

_ANY: dict[str, Any] = {}
_ENCODED = ("contentType", "style", "explode", "allowReserved")


def media(sides: Sides, side: Side, where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield what differs in the media types and in the schema of each."""
    before, after = _kinds(old), _kinds(new)
    for kind in sorted({*before, *after}):
        spot = f"{where}/content/{kind}"
        was = before[kind] if kind in before else _wider(kind, before)  # a range took in what is named apart now
        now = _wider(kind, after) if kind not in after and side == "request" else after.get(kind)
        if now is None:
            reader = Effect.none if side == "request" else Effect.breaking
            rule = f"openapi.{side}.media.remove"
            yield Change("media_type_removed", spot, "present", None, reader, Effect.breaking, rule)
            continue
        if kind not in before:
            rule = f"openapi.{side}.media.add"
            yield Change("media_type_added", spot, None, "present", Effect.info, Effect.none, rule)
        if was is not None:
            yield from sides.schemas(side, f"{spot}/schema", was.get("schema", _ANY), now.get("schema", _ANY))
            yield from _encodings(side, f"{spot}/encoding", was, now)


def _kinds(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the media types as a server compares them: JSON is written in UTF-8, whether or not it is said."""
    found = {}
    for kind, item in (body.get("content") or {}).items():
        name, *rest = (part.strip() for part in str(kind).lower().split(";"))
        words = [part for part in rest if part.replace('"', "") != "charset=utf-8"]
        found[";".join([name, *words])] = item or {}
    return found


def _wider(kind: str, offered: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the range of media types that takes in one that is not named itself."""
    return offered.get(f"{kind.partition('/')[0]}/*", offered.get("*/*"))


def _encodings(side: Side, where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    before, after = old.get("encoding") or {}, new.get("encoding") or {}
    for name in sorted({*before, *after}):
        for word in _ENCODED:
            one, two = before.get(name, _ANY).get(word), after.get(name, _ANY).get(word)
            if one != two:
                harm = Effect.warn if None in (one, two) else Effect.breaking
                rule = f"openapi.{side}.encoding"
                yield Change("encoding_changed", f"{where}/{name}/{word}", one, two, *touching(side, harm), rule)
