"""The keywords of JSON Schema that say which documents are accepted, where sub-schemas stand, and since which draft."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Raw = Any  # a schema as written: an object or a boolean

DRAFTS = {
    "http://json-schema.org/draft-04/schema": 4,
    "http://json-schema.org/draft-06/schema": 6,
    "http://json-schema.org/draft-07/schema": 7,
    "https://json-schema.org/draft/2019-09/schema": 2019,
    "https://json-schema.org/draft/2020-12/schema": 2020,
}
SINCE = {
    "const": 6, "contains": 6, "propertyNames": 6, "if": 7,
    "dependentRequired": 2019, "dependentSchemas": 2019, "unevaluatedItems": 2019, "unevaluatedProperties": 2019,
    "$recursiveRef": 2019, "prefixItems": 2020, "$dynamicRef": 2020,
}  # fmt: skip
ONE = (
    "additionalProperties", "propertyNames", "unevaluatedProperties", "additionalItems", "unevaluatedItems", "contains",
    "not", "if", "then", "else",
)  # fmt: skip
MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
NAMED = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
# Everything else that limits documents; what is in none of these tuples is an annotation.
PLAIN = (
    "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "pattern", "format", "minItems", "maxItems", "uniqueItems", "minContains", "maxContains", "required",
    "minProperties", "maxProperties", "dependentRequired",
)  # fmt: skip


_SHAPES = {
    **dict.fromkeys(ONE, "one"), **dict.fromkeys(MANY, "many"), **dict.fromkeys(NAMED, "named"),
    "items": "items", "dependencies": "named",
}  # fmt: skip
# Words that lead to another schema, or name this one.
DEEPER = frozenset((*_SHAPES, *REFERENCES, "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor"))


def children(raw: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Raw]]:
    """Yield each sub-schema directly below a schema with its place."""
    for word, value in raw.items():
        shape = _SHAPES.get(word)
        if shape is None:
            continue
        if shape != "named" and isinstance(value, dict | bool) and shape != "many":
            yield (word,), value
        elif shape in {"many", "items"} and isinstance(value, list):
            yield from (((word, str(i)), item) for i, item in enumerate(value))
        elif shape == "named" and isinstance(value, dict):
            dependent = word == "dependencies"
            yield from (((word, n), item) for n, item in value.items() if not (dependent and isinstance(item, list)))
