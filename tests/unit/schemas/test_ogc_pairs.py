"""Collections of features made up by chance, with features that a JSON Schema of each judges: none contradicts compatible."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.diff.compare import compare
from schemas.diff.model import Policy
from schemas.snapshot import ogc

KINDS = ["Point", "MultiPoint", "LineString", "MultiLineString", "GeometryCollection", "Geometry"]
CRS = ["OGC:CRS84", "EPSG:4490", "EPSG:4545"]
FLAGS = {"required": st.booleans(), "nullable": st.booleans()}
PROPERTY = st.one_of(
    st.fixed_dictionaries({"type": st.just("string"), **FLAGS}, optional={
        "maxLength": st.integers(0, 3), "minLength": st.integers(0, 2), "enum": st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, unique=True),
        "pattern": st.sampled_from(["^a", "b$", "^a|b$", "^(a|b)$", "^a$|^b$", "a|b", "^[ab]+$", "^ab?$"]),
    }),
    st.fixed_dictionaries({"type": st.sampled_from(["integer", "number"]), **FLAGS}, optional={
        "minimum": st.integers(-1, 2), "maximum": st.integers(0, 3), "exclusiveMinimum": st.integers(-1, 1),
        "exclusiveMaximum": st.integers(1, 3), "multipleOf": st.sampled_from([1, 2, 0.5]), "enum": st.lists(st.integers(0, 2), min_size=1, unique=True),
    }),
    st.fixed_dictionaries({"type": st.sampled_from(["boolean", "any", "object"]), **FLAGS}),
)  # fmt: skip
COLLECTION = st.fixed_dictionaries({
    "properties": st.dictionaries(st.sampled_from("pq"), PROPERTY, max_size=2),
    "geometry": st.fixed_dictionaries({"property": st.sampled_from(["geom", "shape"]), "type": st.sampled_from(KINDS)}),
    "crs": st.builds(lambda name: {"default": name, "axis_order": ogc.axes(name), "supported": [name]}, st.sampled_from(CRS)),
})  # fmt: skip
VALUES = st.sampled_from([None, True, "", "a", "b", "ab", "abc", "ba", "xa", 0, 1, 2, 3, -1, 0.5, 1.5, {}, {"a": 1}])
FEATURE = st.tuples(
    st.dictionaries(st.sampled_from("pq"), VALUES, max_size=2), st.sampled_from(["geom", "shape"]), st.sampled_from(KINDS[:-1])
)  # fmt: skip


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Return a collection and another one that differs from it in one fact or some."""
    old, other = draw(COLLECTION), draw(COLLECTION)
    taken = draw(st.sets(st.sampled_from(sorted(old)), min_size=1))
    return old, old | {fact: other[fact] for fact in taken}


def judge(collection: Any) -> Draft202012Validator:
    """Return what accepts a feature of a collection."""
    properties = {}
    for name, facts in collection["properties"].items():
        schema = {word: value for word, value in facts.items() if word not in ("required", "nullable")}
        if schema["type"] == "any":
            del schema["type"]
        properties[name] = {"anyOf": [schema, {"type": "null"}]} if facts["nullable"] else schema
    needed = [name for name, facts in collection["properties"].items() if facts["required"]]
    kind, held = collection["geometry"]["type"], collection["geometry"]["property"]
    geometry = {"properties": {"type": {} if kind == "Geometry" else {"const": kind}}}
    whole = {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}
    return Draft202012Validator(
        {"properties": {"properties": whole, held: geometry}, "required": [held], "additionalProperties": False}
    )


@settings(max_examples=300, deadline=None)
@given(pairs(), st.lists(FEATURE, min_size=6, max_size=14))
def test_no_feature_ever_contradicts_compatible(pair: tuple[Any, Any], features: list[Any]) -> None:
    """What only the new collection holds harms readers, what only the old one took harms writers; so does another system."""
    old, new = pair
    verdicts = {
        role: compare("ogc", ogc.snapshot({"c": old}), ogc.snapshot({"c": new}), role, Policy()).compatible
        for role in ("reader", "writer")
    }
    for properties, held, kind in features:
        feature = {"properties": properties, held: {"type": kind}}
        was, now = judge(old).is_valid(feature), judge(new).is_valid(feature)
        if was is not now:
            assert not verdicts["writer" if was else "reader"], feature
    if old["crs"]["default"] != new["crs"]["default"]:
        assert not any(verdicts.values())


@settings(max_examples=100, deadline=None)
@given(COLLECTION)
def test_a_collection_is_compatible_with_itself(collection: Any) -> None:
    """The same twice is no change."""
    one = ogc.snapshot({"c": collection})
    assert compare("ogc", one, one, "both", Policy()).changes == ()
