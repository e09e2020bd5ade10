"""Whether each value of one property of a feature is one of another's: both are small JSON Schemas."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from schemas.diff.inclusion.document import Document
from schemas.diff.inclusion.formats import NUMBERS, TEXTS
from schemas.diff.inclusion.proof import Pair
from schemas.diff.inclusion.vocabulary import DEEPER, PLAIN
from schemas.diff.model import BadDocument

Facts = Mapping[str, Any]
_TYPES = {"string", "integer", "number", "boolean", "object", "array", "null"}
_JUDGED = {*PLAIN, *DEEPER} - {"$id", "id", "$anchor", "$schema"}


def included(path: str, sub: Facts, sup: Facts) -> bool | None:
    """Tell it; None when a word that differs is none of JSON Schema, or when it cannot be proven. BadDocument for no schema."""
    if _strange(sub, sup) or _meant_otherwise(sub, sup):
        return None
    try:
        one, two = _document(_schema(sub), "\0sub"), _document(_schema(sup), "\0sup")
        pair = Pair(one, two)
        said = pair.included(pair.node(one, one.root), pair.node(two, two.root)).said
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise BadDocument(f"{path}: a keyword does not hold what it should: {error}") from None
    return {"yes": True, "no": False}.get(said)


def _strange(sub: Facts, sup: Facts) -> bool:
    types = [kind for facts in (sub, sup) for kind in _types(facts)]
    differing = {word for word in {*sub, *sup} if sub.get(word) != sup.get(word)}
    return not _TYPES.issuperset(types) or not _JUDGED.issuperset(differing)


def _types(facts: Facts) -> list[Any]:
    kind = facts.get("type", "any")
    return list(kind) if isinstance(kind, list) else [] if kind == "any" else [kind]


def _meant_otherwise(sub: Facts, sup: Facts) -> bool:
    """Tell whether a value must be of a format now of which no pattern is known here."""
    form = sup.get("format")
    return form is not None and form != sub.get("format") and form not in {*NUMBERS, *TEXTS}


def _schema(facts: Facts) -> dict[str, Any]:
    schema = {word: value for word, value in facts.items() if word in _JUDGED and value is not None}
    if schema.get("type") == "any":
        del schema["type"]
    if isinstance(schema.get("enum"), list):
        schema["enum"] = [_typed(value, str(schema.get("type"))) for value in schema["enum"]]
    return schema


def _typed(value: Any, kind: str) -> Any:
    """Return a value of an enumeration as one of its type; XML has texts alone."""
    if kind == "boolean" and value in ("true", "false", "1", "0"):
        return value in ("true", "1")
    if kind in ("integer", "number") and isinstance(value, str):
        try:
            number = Decimal(value)
        except InvalidOperation:
            return value
        return int(number) if number == number.to_integral_value() else float(number)
    return value


def _document(schema: dict[str, Any], tag: str) -> Document:
    document = Document(schema, tag)
    document.draft, document.typed = 2020, True
    return document
