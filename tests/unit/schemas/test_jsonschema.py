"""JSON Schema: each change of the table both ways, the traps, and never "compatible" when a document shows otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from jsonschema_rs import Draft4Validator, Draft6Validator

from schemas.diff.compare import compare
from schemas.diff.model import BadDocument, Effect, Policy

TEXT: Any = {"type": "string"}
WHOLE: Any = {"type": "integer"}
HARM, NONE, WARN, INFO = "breaking", "none", "warn", "info"


def open_(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """Return an object schema that lets other properties pass."""
    return {"type": "object", "properties": properties, "required": list(required)}


def closed(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """Return an object schema that refuses other properties."""
    return {**open_(required, **properties), "additionalProperties": False}


def effects(old: Any, new: Any, policy: Policy | None = None) -> tuple[str, str]:
    """Return the level for the reader and for the writer; `undecided` where nobody knows."""
    found = []
    for role in ("reader", "writer"):
        answer = compare("jsonschema", old, new, role, policy or Policy())
        undecided = any(c.undecided(role) for c in answer.changes)
        assert answer.compatible is (answer.level < Effect.breaking and not undecided)
        found.append("undecided" if undecided else answer.level.name)
    return found[0], found[1]


CHANGES = [
    # property added to an open and to a closed object
    (open_(a=TEXT), open_(a=TEXT, b=WHOLE), NONE, HARM),
    (closed(a=TEXT), closed(a=TEXT, b=WHOLE), HARM, NONE),
    # one that may hold anything, to an open object
    (open_(a=TEXT), open_(a=TEXT, b={}), NONE, NONE),
    (open_(a=TEXT), open_(a=TEXT, b=True), NONE, NONE),
    # required property added to an open and to a closed object
    (open_(a=TEXT), open_(("b",), a=TEXT, b=WHOLE), NONE, HARM),
    (closed(a=TEXT), closed(("b",), a=TEXT, b=WHOLE), HARM, HARM),
    # `required` alone
    (open_(a=TEXT), open_(("a",), a=TEXT), NONE, HARM),
    # types: list extended, integer inside number, replaced
    (TEXT, {"type": ["string", "null"]}, HARM, NONE),
    (WHOLE, {"type": "number"}, HARM, NONE),
    (WHOLE, TEXT, HARM, HARM),
    ({"type": ["integer", "number"]}, {"type": "number"}, NONE, NONE),
    # enum and const
    ({"enum": ["a"]}, {"enum": ["a", "b"]}, HARM, NONE),
    ({"const": "a"}, {"enum": ["a", "b"]}, HARM, NONE),
    ({"const": 1}, {"enum": [1.0, 1]}, NONE, NONE),
    ({"enum": [{"a": 1}, [2]]}, {"type": ["object", "array"]}, HARM, NONE),
    # bounds of every kind, set where there was none and tightened
    ({}, {"minimum": 1}, NONE, HARM),
    ({"maximum": 9}, {"maximum": 8}, NONE, HARM),
    ({"minimum": 0}, {"exclusiveMinimum": 0}, NONE, HARM),
    ({"minimum": 0}, {"minimum": 0, "exclusiveMinimum": True}, NONE, HARM),  # as draft 4 has it
    ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 1}, NONE, NONE),
    ({"multipleOf": 2}, {"multipleOf": 6}, NONE, HARM),
    ({"multipleOf": 0.01}, {"multipleOf": 0.1}, NONE, HARM),
    ({"maxLength": 10}, {"maxLength": 5}, NONE, HARM),
    ({"minItems": 1}, {"minItems": 2}, NONE, HARM),
    ({"maxProperties": 3}, {"maxProperties": 2}, NONE, HARM),
    ({}, {"uniqueItems": True}, NONE, HARM),
    ({"items": TEXT}, {"items": {"type": "string", "maxLength": 3}}, NONE, HARM),
    ({"prefixItems": [TEXT]}, {"prefixItems": [TEXT, WHOLE]}, NONE, HARM),
    ({"items": [TEXT], "additionalItems": False}, {"prefixItems": [TEXT], "items": False}, NONE, NONE),
    # pattern
    (TEXT, {"type": "string", "pattern": "^[0-9]+$"}, NONE, HARM),
    ({"pattern": "^[0-9]{6}$"}, {"pattern": "^[0-9]{4,8}$"}, HARM, NONE),
    ({"pattern": "^(a|b)$"}, {"enum": ["a", "b"], "type": "string"}, NONE, HARM),  # numbers have no pattern
    ({"type": "string", "pattern": "^(a|b)$"}, {"enum": ["b", "a"]}, NONE, NONE),
    ({"pattern": "(?=a)b"}, {"pattern": "(?=a)c"}, "undecided", "undecided"),  # a look-ahead
    # what an object may hold besides, and under which names
    ({"additionalProperties": True}, {"additionalProperties": TEXT}, NONE, HARM),
    (open_(a=TEXT), closed(a=TEXT), NONE, HARM),
    ({}, {"propertyNames": {"pattern": "^[a-z]+$"}}, NONE, HARM),
    ({"patternProperties": {"^x": TEXT}}, {"patternProperties": {"^x": {}}}, HARM, NONE),
    ({}, {"dependentRequired": {"a": ["b"]}}, NONE, HARM),
    ({"dependencies": {"a": ["b"]}}, {"dependentRequired": {"a": ["b"]}}, NONE, NONE),
    ({}, {"dependentSchemas": {"a": open_(b=TEXT)}}, NONE, HARM),
    ({"contains": WHOLE}, {"contains": WHOLE, "minContains": 2}, NONE, HARM),
    ({"contains": WHOLE}, {"contains": WHOLE, "maxContains": 2}, NONE, HARM),
    ({"allOf": [open_(a=TEXT)], "unevaluatedProperties": False}, {"allOf": [open_(a=TEXT)]}, HARM, NONE),
    ({"allOf": [open_(a=TEXT)], "unevaluatedProperties": False}, closed(a=TEXT), NONE, NONE),
    ({"prefixItems": [TEXT], "unevaluatedItems": False}, {"prefixItems": [TEXT], "items": False}, NONE, NONE),
    # branches
    ({"anyOf": [TEXT]}, {"anyOf": [TEXT, WHOLE]}, HARM, NONE),
    ({"allOf": [{"minimum": 1}]}, {"allOf": [{"minimum": 1}, {"maximum": 9}]}, NONE, HARM),
    ({"oneOf": [TEXT]}, {"oneOf": [TEXT, WHOLE]}, HARM, NONE),
    ({"oneOf": [WHOLE]}, {"oneOf": [WHOLE, {"type": "number"}]}, HARM, HARM),  # not disjoint: integers fall out
    ({"not": WHOLE}, {"not": {"type": "number"}}, NONE, HARM),  # contravariant
    ({"if": open_(("a",)), "then": open_(("b",))}, {}, HARM, NONE),
    ({"if": TEXT, "then": {"minLength": 1}, "else": WHOLE}, {"anyOf": [{**TEXT, "minLength": 1}, WHOLE]}, NONE, NONE),
    # what only people read, and defaults
    ({"title": "x", **TEXT}, {"title": "y", **TEXT}, INFO, INFO),
    ({**TEXT, "deprecated": True}, TEXT, INFO, INFO),
    ({**TEXT, "default": "x"}, {**TEXT, "default": "y"}, WARN, WARN),
    ({**TEXT, "format": "date"}, {**TEXT, "format": "email"}, NONE, NONE),  # an annotation unless it is asserted
]


@pytest.mark.parametrize(("old", "new", "reader", "writer"), CHANGES)
def test_a_change_harms_whom_it_harms(old: Any, new: Any, reader: str, writer: str) -> None:
    """A loosening harms the reader, a tightening the writer."""
    assert effects(old, new) == (reader, writer)


@pytest.mark.parametrize(("new", "old", "reader", "writer"), CHANGES)
def test_the_change_back_harms_the_other(old: Any, new: Any, reader: str, writer: str) -> None:
    """The reverse of a change has the reverse effects."""
    assert effects(old, new) == (writer, reader)


TREE: Any = {"$defs": {"n": open_(v=WHOLE, next={"$ref": "#/$defs/n"})}, "$ref": "#/$defs/n"}
WIDER: Any = {"$defs": {"n": open_(v={"type": "number"}, next={"$ref": "#/$defs/n"})}, "$ref": "#/$defs/n"}


@pytest.mark.parametrize(
    ("old", "new", "reader", "writer"),
    [
        # boolean schemas
        (True, {}, NONE, NONE),
        (False, TEXT, HARM, NONE),
        (True, False, NONE, HARM),
        # nothing satisfies the old schema: no writer can be harmed
        ({"type": "string", "minLength": 3, "maxLength": 2}, WHOLE, HARM, NONE),
        ({"enum": []}, False, NONE, NONE),
        ({"enum": [1, 1, 2]}, {"enum": [2, 1]}, NONE, NONE),
        ({"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True, "minItems": 3}, False, NONE, NONE),
        ({"type": "integer", "minimum": 1, "maximum": 2, "not": {"enum": [1, 2]}}, False, NONE, NONE),
        # recursion, once straight, once through the other schema's own names
        (TREE, WIDER, HARM, NONE),
        (TREE, open_(v=WHOLE, next={"$ref": "#"}), NONE, NONE),
        # a schema that only infinite documents would satisfy
        ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, False, NONE, NONE),
        # numbers written differently, ranges that together cover another
        ({"anyOf": [{**WHOLE, "minimum": 0}, {**WHOLE, "maximum": 0}]}, WHOLE, NONE, NONE),
        # references out of the document are never fetched: equal ones are equal, others undecided
        ({"$ref": "https://example.org/a"}, {"$ref": "https://example.org/a"}, NONE, NONE),
        ({"$ref": "https://example.org/a"}, {"$ref": "https://example.org/b"}, "undecided", "undecided"),
        # an $id within an enum is a value, a property named like a keyword is a property
        ({"enum": [{"$id": "x"}]}, {"const": {"$id": "x"}}, NONE, NONE),
        (open_(title=TEXT), open_(title=WHOLE), HARM, HARM),
        # anchors and ids
        ({"$defs": {"a": {"$anchor": "t", **TEXT}}, "$ref": "#t"}, TEXT, NONE, NONE),
        ({"$id": "http://example.org/r", "$defs": {"a": {"$id": "x", **TEXT}}, "$ref": "x"}, TEXT, INFO, INFO),
        # a draft that lets $ref hide its neighbours
        (
            {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": TEXT}, "$ref": "#/definitions/a", "maxLength": 1},
            TEXT, NONE, NONE,
        ),
    ],
)  # fmt: skip
def test_a_trap_is_not_fallen_into(old: Any, new: Any, reader: str, writer: str) -> None:
    """Legal but odd documents are judged by what they accept."""
    assert effects(old, new) == (reader, writer)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"allOf": [open_(a=TEXT), {"minProperties": 1}]}, {**open_(a=TEXT), "minProperties": 1}),  # allOf merged
        ({"anyOf": [TEXT]}, TEXT),  # one branch
        ({"$defs": {"t": TEXT}, "properties": {"a": {"$ref": "#/$defs/t"}}}, {"properties": {"a": TEXT}}),  # inlined
        ({"anyOf": [TEXT, WHOLE]}, {"anyOf": [WHOLE, TEXT]}),  # reordered
        ({"anyOf": [TEXT, {"type": "null"}]}, {"type": ["null", "string"]}),  # two spellings of nullable
        ({"oneOf": [TEXT, WHOLE]}, {"anyOf": [TEXT, WHOLE]}),  # disjoint branches
        ({"not": {"not": TEXT}}, TEXT),
        ({"not": {"anyOf": [TEXT, WHOLE]}}, {"allOf": [{"not": TEXT}, {"not": WHOLE}]}),  # De Morgan
        ({"definitions": {"x": WHOLE}, **TEXT}, TEXT),  # a definition nobody uses
    ],
)
def test_equivalent_schemas_are_compatible_both_ways(one: Any, two: Any) -> None:
    """How a schema is written does not matter."""
    for old, new in ((one, two), (two, one)):
        assert compare("jsonschema", old, new, "both", Policy()).compatible


@pytest.mark.parametrize(
    ("old", "new", "policy", "reader", "writer"),
    [
        # lenient: nobody sends what an open object did not name, and what a closed one dropped is ignored
        (open_(a=TEXT), open_(a=TEXT, b=WHOLE), Policy(mode="lenient"), NONE, NONE),
        (closed(a=TEXT, b=WHOLE), closed(a=TEXT), Policy(mode="lenient"), NONE, NONE),
        (open_(a=TEXT), open_(a=WHOLE), Policy(mode="lenient"), HARM, HARM),
        (open_(a=TEXT), open_(("b",), a=TEXT, b=WHOLE), Policy(mode="lenient"), NONE, HARM),
        # an object that says nothing of other properties is closed by agreement
        (open_(a=TEXT), open_(a=TEXT, b=WHOLE), Policy(content_model="closed"), HARM, NONE),
        # new values are expected, lost ones are not
        ({"enum": [1]}, {"enum": [1, 2]}, Policy(enum="extensible"), WARN, NONE),
        ({"enum": [1, 2]}, {"enum": [1]}, Policy(enum="extensible"), NONE, HARM),
        # a default stands in for what is not sent
        (open_(), open_(("b",), b={"default": 1}), Policy(default_rescues="yes"), NONE, WARN),
        (open_(), open_(("b",), b={"default": 1}), Policy(), NONE, HARM),
        # asserted formats
        (TEXT, {**TEXT, "format": "date"}, Policy(format="assert"), NONE, HARM),
        ({**TEXT, "format": "ipv4"}, {**TEXT, "format": "date"}, Policy(format="assert"), HARM, HARM),
    ],
)
def test_a_policy_changes_the_verdict(old: Any, new: Any, policy: Policy, reader: str, writer: str) -> None:
    """Peers disagree on these, so the same pair can rightly differ."""
    assert effects(old, new, policy) == (reader, writer)


@pytest.mark.parametrize("bad", [1, [], {"properties": {"a": 1}}, {"allOf": [None]}, {"enum": 3}, {"minimum": "x"}])
def test_what_is_no_schema_is_refused(bad: Any) -> None:
    """The differ says so; it neither crashes nor judges."""
    with pytest.raises(BadDocument):
        compare("jsonschema", bad, {"type": "string"}, "both", Policy())


FOUR: Any = {"$schema": "http://json-schema.org/draft-04/schema#"}
SIX: Any = {"$schema": "http://json-schema.org/draft-06/schema#"}
INTEGERS: list[Any] = [
    WHOLE, {"type": "number"}, {"type": "number", "multipleOf": 1}, {"enum": [1.0]}, {"not": WHOLE}, {"items": WHOLE},
    {"anyOf": [WHOLE, {"multipleOf": 0.5}]}, {"enum": [{"a": 1}]}, {"properties": {"a": WHOLE}},
]  # fmt: skip
NUMBERS: list[Any] = [0, 1, 1.0, 1.5, -2.0, 1e3, 10**20]
VALUES = [*NUMBERS, "a", None, *([n] for n in NUMBERS), *({"a": n} for n in NUMBERS)]
SPOKEN = [(FOUR | s, Draft4Validator(FOUR | s)) for s in INTEGERS] + [
    (SIX | s, Draft6Validator(SIX | s)) for s in INTEGERS
]


@pytest.mark.parametrize(("old", "before"), SPOKEN)
def test_an_integer_of_draft_4_is_written_without_a_fraction(old: Any, before: Any) -> None:
    """Nothing is called compatible that a validator of either draft shows not to be, and 1.0 is what shows it."""
    for new, after in SPOKEN:
        harmed = [v for v in VALUES if before.is_valid(v) and not after.is_valid(v)]
        assert not (harmed and compare("jsonschema", old, new, "writer", Policy()).compatible), (new, harmed)


def test_the_document_that_draft_4_refuses_is_shown_as_it_is_written() -> None:
    """Its value alone would show nothing."""
    found = compare("jsonschema", SIX | WHOLE, FOUR | WHOLE, "writer", Policy())
    assert [repr(c.before) for c in found.changes if not c.path] == ["0.0"]


def test_a_search_that_takes_too_long_is_undecided() -> None:
    """Branches multiply; what cannot be settled is never called compatible."""
    old = {"allOf": [{"anyOf": [{"required": [f"a{i}"]}, {"required": [f"b{i}"]}]} for i in range(40)]}
    new = {"oneOf": [{"required": [f"a{i}", f"b{i + 1}"]} for i in range(39)], "minProperties": 40}
    assert not compare("jsonschema", old, new, "writer", Policy()).compatible


COUNTED = """
from schemas.diff.inclusion.document import Document
from schemas.diff.inclusion.proof import Pair
branches = lambda n: {"anyOf": [{"required": [f"a{i}"]} for i in range(n)]}
old, new = {"items": branches(12), "uniqueItems": True, "minItems": 8}, {"contains": branches(11), "minContains": 4}
pair = Pair(Document(old, "old"), Document(new, "new"))
print(pair.included(pair.node(pair.old, old), pair.node(pair.new, new)).said, pair.search.steps)
"""


def test_a_search_takes_the_same_steps_in_every_process() -> None:
    """How far it gets must not hang on where things lie in memory, nor on how text is hashed."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", COUNTED], env=os.environ | {"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in "123"
    ]
    assert len(set(runs)) == 1, runs
