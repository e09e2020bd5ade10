"""The keywords of JSON Schema that say which documents are accepted, where sub-schemas stand, and since which draft."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Raw = Any  # a schema as written: an object or a boolean

DRAFTS = {
    "http://json-schema.org/draft-03/schema": 3,
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


def children(raw: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Raw]]:
    """Yield each sub-schema directly below a schema with its place."""
    for word in ONE:
        if isinstance(raw.get(word), dict | bool):
            yield (word,), raw[word]
    for word in MANY:
        if isinstance(raw.get(word), list):
            yield from (((word, str(i)), item) for i, item in enumerate(raw[word]))
    for word in NAMED:
        if isinstance(raw.get(word), dict):
            yield from (((word, name), item) for name, item in raw[word].items())
    items = raw.get("items")
    if isinstance(items, list):
        yield from ((("items", str(i)), item) for i, item in enumerate(items))
    elif isinstance(items, dict | bool):
        yield ("items",), items
    if isinstance(raw.get("dependencies"), dict):
        yield from (
            (("dependencies", n), item) for n, item in raw["dependencies"].items() if not isinstance(item, list)
        )
