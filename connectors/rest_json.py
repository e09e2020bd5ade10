"""Strict JSON: exact numbers, and what plain JSON silently bends is marked where it stands.

A repeated key, or a number that is none, condemns the record that holds it and not its page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import accumulate, chain
from re import compile as pattern
from typing import Any

import orjson

from gateway.errors import GatewayError, SchemaMismatch, SourceChanged

DUPLICATE, NUMBER, TYPE = "json.duplicate_key", "json.number", "json.type"
_DEEPEST = 100
_DIGITS = 1_000  # Python refuses to read integers of more than 4,300, PostgreSQL numbers of more than 131,072
_STRINGS = pattern(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', 16)  # re.DOTALL; an open string ends the text: linear in any case
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS = bytes(byte for byte in range(256) if byte not in _STEPS)


class Repeated(dict[str, Any]):
    """An object with a repeated key; the last value won."""


class NoNumber(str):
    """NaN, Infinity or a number beyond all bounds, as it was written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed page; `marked` when something in it is Repeated or NoNumber."""

    value: Any
    marked: bool


def parse(body: bytes, what: str) -> Document:
    """Parse a page; SourceChanged when it looks cut off, else SchemaMismatch. `what` names it in the error."""
    if (value := _quick(body)) is not None:
        return Document(value, marked=False)
    if _depth(body) > _DEEPEST:
        raise _broken(what, f"is nested deeper than {_DEEPEST}")
    marks: list[Any] = []
    try:
        text = body.decode()
        return Document(_decoder(marks).decode(text), bool(marks))
    except UnicodeDecodeError as error:
        raise _broken(what, "is not UTF-8", cut=error.reason == "unexpected end of data") from None
    except json.JSONDecodeError as error:
        raise _broken(what, "is not JSON", cut=_looks_cut(text, error)) from None
    except RecursionError:
        raise _broken(what, f"is nested deeper than {_DEEPEST}") from None


def _broken(what: str, words: str, *, cut: bool = False) -> GatewayError:
    if cut:
        return SourceChanged(f"a page of {what} is cut off", "The run is repeated.")
    return SchemaMismatch(f"a page of {what} {words}", "Ask the platform's owner what its interface sends.")


def _looks_cut(text: str, error: json.JSONDecodeError) -> bool:
    text = text.strip()
    if error.msg == "Extra data" or text[:1] not in ("", "[", "{"):
        return False
    return text[-1:] not in ("]", "}") or error.pos >= len(text)


def _quick(body: bytes) -> Any:
    """Return what the fast parser makes of a page if that is exact; None when the strict one has to tell.

    Of a repeated key it keeps the last value only, and a fraction or what 64 bits do not hold becomes a float. A page has
    two quotes a text: where a key, or a text with it, was lost there are more.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if _texts(value) * 2 == _quotes(body) else None


def _texts(value: Any) -> int:
    """Return the number of texts in a value, keys included, level by level; -1 for a float, or one too deep."""
    level, texts = [value], 0
    for _ in range(_DEEPEST + 1):
        kinds = list(map(type, level))
        found = set(kinds)
        if float in found:
            break
        texts += kinds.count(str)
        if not found & {dict, list}:
            return texts
        objects = level if found == {dict} else [inner for inner in level if inner.__class__ is dict]
        arrays = [inner for inner in level if inner.__class__ is list] if list in found else []
        texts += sum(map(len, objects))
        level = [*chain.from_iterable(map(dict.values, objects)), *chain.from_iterable(arrays)]
    return -1


def _quotes(body: bytes) -> int:
    """Return the number of quotes that begin or end a text."""
    if b"\\" not in body:
        return body.count(b'"')
    body = body.replace(b"\\\\", b"")
    return body.count(b'"') - body.count(b'\\"')


def _depth(body: bytes) -> int:
    brackets = _STRINGS.sub(b"", body).translate(None, _OTHERS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _decoder(marks: list[Any]) -> json.JSONDecoder:
    """Return a decoder that notes in `marks` whatever it had to mark."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(made := dict(found)) == len(found):
            return made
        marks.append(DUPLICATE)
        return Repeated(made)

    def no_number(text: str) -> NoNumber:
        marks.append(NUMBER)
        return NoNumber(text)

    def whole(text: str) -> Any:
        return int(text) if len(text) <= _DIGITS else no_number(text)

    def fraction(text: str) -> Any:
        try:
            return Decimal(text)
        except InvalidOperation:
            return no_number(text)

    return json.JSONDecoder(object_pairs_hook=pairs, parse_constant=no_number, parse_float=fraction, parse_int=whole)


def fault(value: Any, but: Any = None) -> str | None:
    """Return the first fault marked in a value; what `but` holds does not count."""
    return next(_faults(value, but), None)


def _faults(value: Any, but: Any) -> Iterator[str]:
    if value is but and but is not None:
        return
    if isinstance(value, NoNumber):
        yield NUMBER
    elif isinstance(value, dict):
        if isinstance(value, Repeated):
            yield DUPLICATE
        for inner in value.values():
            yield from _faults(inner, but)
    elif isinstance(value, list):
        for inner in value:
            yield from _faults(inner, but)
