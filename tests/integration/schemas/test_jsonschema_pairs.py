"""JSON Schemas made up by chance: what is called compatible is contradicted by no document."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.diff.compare import compare
from schemas.diff.model import Policy

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
VALUES = st.sampled_from(
    [None, True, 0, 1, 2, -1, 1.5, "", "a", "ab", [], [1], [1, 1], ["a"], {}, {"a": 1}, {"a": "x"}, {"b": 1}]
)
LEAVES = st.one_of(
    st.sampled_from([True, False, {}, TEXT, WHOLE, {"type": "number"}, {"type": "null"}, {"type": "array"}]),
    st.fixed_dictionaries(
        {},
        optional={
            "minimum": st.integers(-1, 2),
            "maximum": st.integers(-1, 2),
            "multipleOf": st.sampled_from([1, 2, 0.5]),
        },
    ),
    st.fixed_dictionaries(
        {}, optional={"maxLength": st.integers(0, 2), "pattern": st.sampled_from(["^a", "b$", "^(a|ab)$", "."])}
    ),
    st.builds(lambda v: {"enum": v}, st.lists(VALUES, max_size=3)),
)


def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return schemas around others."""
    some = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "anyOf": some, "oneOf": some, "allOf": some, "not": inner, "if": inner, "then": inner, "else": inner,
            "properties": named, "additionalProperties": inner, "required": st.lists(st.sampled_from("ab"), max_size=2, unique=True),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), inner, max_size=1), "items": inner,
            "prefixItems": some, "contains": inner, "maxContains": st.integers(0, 2), "uniqueItems": st.booleans(),
            "minItems": st.integers(0, 2), "maxProperties": st.integers(0, 2), "dependentSchemas": named,
            "propertyNames": st.sampled_from([{"pattern": "^a"}, {"maxLength": 1}]), "unevaluatedProperties": st.booleans(),
        },
    )  # fmt: skip


SCHEMAS = st.recursive(LEAVES, grown, max_leaves=6)


@settings(max_examples=150, deadline=None)
@given(SCHEMAS, SCHEMAS, st.lists(VALUES, min_size=8, max_size=18))
def test_no_document_ever_contradicts_compatible(old: Any, new: Any, documents: list[Any]) -> None:
    """Where a document is accepted on one side only, the role it harms is never told that all is well."""
    before, after = Draft202012Validator(old), Draft202012Validator(new)
    for document in documents:
        was, now = before.is_valid(document), after.is_valid(document)
        if was is not now:
            assert not compare("jsonschema", old, new, "writer" if was else "reader", Policy()).compatible


@settings(max_examples=100, deadline=None)
@given(SCHEMAS)
def test_a_schema_is_compatible_with_itself(schema: Any) -> None:
    """The same document twice is no change, and wrapped in an allOf it still accepts the same."""
    assert compare("jsonschema", schema, schema, "both", Policy()).changes == ()
    wrapped = compare("jsonschema", schema, {"allOf": [schema]}, "both", Policy())
    assert wrapped.compatible
