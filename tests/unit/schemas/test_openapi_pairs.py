"""Interfaces made up by chance, with calls and answers that JSON Schema judges: what is called compatible goes on working.

A client sends what its description names, and understands the answers that it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.diff.compare import compare
from schemas.diff.model import Policy

Json = Mapping[str, Any]
SCALAR = st.one_of(
    st.fixed_dictionaries({"type": st.just("string")}, optional={
        "maxLength": st.integers(0, 3), "minLength": st.integers(0, 2), "pattern": st.sampled_from(["^a", "^[0-9]+$", "^a|1$"]),
        "enum": st.lists(st.sampled_from(["a", "1", "ab"]), min_size=1, unique=True),
    }),
    st.fixed_dictionaries({"type": st.sampled_from(["integer", "number"])}, optional={
        "minimum": st.integers(-1, 2), "maximum": st.integers(0, 13), "multipleOf": st.sampled_from([1, 2]),
    }),
    st.just({"type": "boolean"}),
)  # fmt: skip
NULLABLE = st.one_of(SCALAR, SCALAR.map(lambda schema: schema | {"type": [schema["type"], "null"]}))
BODY = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(st.sampled_from("pqr"), NULLABLE, max_size=3)},
    optional={"required": st.lists(st.sampled_from("pqr"), unique=True, max_size=2), "additionalProperties": st.booleans()},
)  # fmt: skip
MEDIA = st.dictionaries(
    st.sampled_from(["application/json", "application/*", "text/json", "*/*"]), BODY.map(lambda schema: {"schema": schema}), min_size=1, max_size=2
)  # fmt: skip
LIST = st.fixed_dictionaries({"type": st.just("array"), "items": SCALAR}, optional={"maxItems": st.integers(1, 2)})
PARAMETER = st.one_of(
    st.fixed_dictionaries({"in": st.sampled_from(["header", "cookie"]), "required": st.booleans(), "schema": SCALAR}),
    st.fixed_dictionaries(
        {"in": st.just("query"), "required": st.booleans(), "schema": st.one_of(SCALAR, LIST)}, optional={"explode": st.booleans()}
    ),
)  # fmt: skip
PARAMETERS = st.dictionaries(st.sampled_from(["x", "y"]), PARAMETER, max_size=2)
SECURITY: Any = st.lists(st.sampled_from([{}, {"key": []}, {"token": []}, {"key": [], "token": []}]), max_size=2)
API = st.fixed_dictionaries({
    "parameters": PARAMETERS, "path": SCALAR, "security": SECURITY,
    "body": st.one_of(st.none(), st.fixed_dictionaries({"required": st.booleans(), "content": MEDIA})),
    "answers": st.dictionaries(st.sampled_from(["200", "2XX", "404", "4XX", "default"]), MEDIA, min_size=1, max_size=3),
})  # fmt: skip
TEXTS = ["", "a", "ab", "1", "12", "2", "abc", "true", "x1", "1.5"]
VALUES = [None, True, "", "a", "ab", "1", "abc", 1, 2, 12, -1, 1.5]
KINDS = ["application/json", "application/xml", "text/json"]
DOCUMENTS: list[Json] = [{}, *({n: v} for n in "pqr" for v in VALUES), *(dict.fromkeys("pqr", v) for v in VALUES)]
BODIES = [None, *((kind, document) for kind in KINDS for document in DOCUMENTS)]
HELD = [frozenset[str](), frozenset({"key"}), frozenset({"token"}), frozenset({"key", "token"})]


def calls(api: Json) -> Iterator[Json]:
    """Yield a call that the interface takes, if there is one, and others that differ from it in one part."""
    named = {
        name: next(([text] for text in TEXTS if passed(facts, [text])), [""])
        for name, facts in api["parameters"].items() if facts["required"]
    }  # fmt: skip
    body = next((one for one in BODIES if _takes(api["body"], one)), None)
    path = next((text for text in TEXTS if typed(api["path"], text)), "")
    call: Json = {"path": path, "held": frozenset({"key", "token"}), "values": named, "body": body}
    yield from ({**call, "path": text} for text in TEXTS)
    yield from ({**call, "held": held} for held in HELD)
    yield from ({**call, "body": one} for one in BODIES)
    for name in api["parameters"]:
        yield {**call, "values": {n: texts for n, texts in named.items() if n != name}}
        yield from (
            {**call, "values": {**named, name: texts}} for texts in ([*([t] for t in TEXTS), ["1", "a"], ["a,1"]])
        )


def described(api: Json) -> Json:
    """Return an interface's description."""
    parameters = [{"name": name, **facts} for name, facts in api["parameters"].items()]
    parameters.append({"name": "id", "in": "path", "required": True, "schema": api["path"]})
    operation = {
        "parameters": parameters, "security": api["security"],
        "responses": {code: {"description": "", "content": media} for code, media in api["answers"].items()},
    } | ({"requestBody": api["body"]} if api["body"] else {})  # fmt: skip
    schemes = {
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "token": {"type": "http", "scheme": "bearer"},
    }
    return {
        "openapi": "3.1.0", "info": {"title": "", "version": "1"}, "components": {"securitySchemes": schemes},
        "paths": {"/things/{id}": {"post": operation}},
    }  # fmt: skip


def valid(schema: Json, value: Any) -> bool:
    """Tell whether a value is one of a schema's."""
    return Draft202012Validator(schema).is_valid(value)


def typed(schema: Json, text: str) -> bool:
    """Tell whether a text of an address or a header is a value of a schema."""
    readers: dict[str, Any] = {
        "integer": int,
        "number": float,
        "boolean": {"true": True, "false": False}.__getitem__,
        "string": str,
    }
    try:
        return valid(schema, readers[schema["type"]](text))
    except (ValueError, KeyError):
        return False


def passed(parameter: Json, texts: list[str]) -> bool:
    """Tell whether what came under a parameter's name is a value of it."""
    schema = parameter["schema"]
    if schema["type"] != "array":
        return len(texts) == 1 and typed(schema, texts[0])
    if parameter.get("explode", True) is False:
        if len(texts) != 1:
            return False
        texts = texts[0].split(",")
    return len(texts) <= schema.get("maxItems", 9) and all(typed(schema["items"], text) for text in texts)


def of_media(content: Json, kind: str) -> Json | None:
    """Return the schema of a body by its most specific media type."""
    return next((content[k]["schema"] for k in (kind, f"{kind.partition('/')[0]}/*", "*/*") if k in content), None)


def accepts(api: Json, call: Json, sent: frozenset[tuple[str, str]]) -> bool:
    """Tell whether an interface takes a call; `sent` names the parameters that its client knows, others it does not send."""
    mine = {(facts["in"], name): facts for name, facts in api["parameters"].items()}
    held = any(way.keys() <= call["held"] for way in api["security"] or [{}])
    for (kind, name), facts in mine.items():
        there = name in call["values"] and (kind, name) in sent
        if there and not passed(facts, call["values"][name]):
            return False
        if not there and facts["required"]:
            return False
    return held and typed(api["path"], call["path"]) and _takes(api["body"], call["body"])


def _takes(declared: Json | None, body: tuple[str, Json] | None) -> bool:
    if body is None:
        return declared is None or not declared["required"]
    schema = None if declared is None else of_media(declared["content"], body[0])
    return schema is not None and valid(schema, body[1])


def known_alone(api: Json, call: Json) -> bool:
    """Tell whether a client sends no property but those that its description names."""
    if call["body"] is None or api["body"] is None:
        return True
    schema = of_media(api["body"]["content"], call["body"][0])
    return schema is not None and call["body"][1].keys() <= schema["properties"].keys()


def of_answer(api: Json, code: str, kind: str) -> Json | None:
    """Return the schema under which a client looks at an answer; None where its description tells of none."""
    answers = api["answers"]
    for known in (code, f"{code[0]}XX", "default"):
        if known in answers and (known != "default" or not code.startswith("2") or list(answers) == ["default"]):
            return of_media(answers[known], kind)
    return None


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Json, Json]:
    """Return an interface and another one that differs from it in one part or some."""
    old, other = draw(API), draw(API)
    if draw(st.booleans()):  # a call that only its body can fail
        old = {**old, "parameters": {}, "security": [], "path": {"type": "string"}}
    taken = draw(st.sets(st.sampled_from(sorted(old)), min_size=1, max_size=2))
    if draw(st.booleans()):  # what was there stays beside what comes
        other = {
            **other,
            "answers": {**old["answers"], **other["answers"]},
            "body": _beside(old["body"], other["body"]),
        }
    return old, old | {part: other[part] for part in taken}


def _beside(old: Json | None, other: Json | None) -> Json | None:
    if old is None or other is None:
        return other
    return {**old, "content": {**other["content"], **old["content"]}}


@settings(max_examples=60, deadline=None)
@given(pairs())
def test_a_call_that_worked_works_or_was_told_of(pair: tuple[Json, Json]) -> None:
    """A call that the old interface took and the new one refuses contradicts what writers were told."""
    old, new = pair
    verdict = compare("openapi", described(old), described(new), "writer", Policy()).compatible
    sent = frozenset((facts["in"], name) for name, facts in old["parameters"].items())
    for call in calls(old):
        if known_alone(old, call) and accepts(old, call, sent) and not accepts(new, call, sent):
            assert not verdict, call


@settings(max_examples=60, deadline=None)
@given(pairs())
def test_an_answer_is_understood_or_was_told_of(pair: tuple[Json, Json]) -> None:
    """An answer that the new interface may give, and that the old description refuses, contradicts what readers were told."""
    old, new = pair
    verdict = compare("openapi", described(old), described(new), "reader", Policy()).compatible
    for code, kind in product(("200", "201", "404", "500"), KINDS):
        before, after = of_answer(old, code, kind), of_answer(new, code, kind)
        if before is not None and after is not None and before != after:
            refuted = (one for one in DOCUMENTS if valid(after, one) and not valid(before, one))
            assert not verdict or next(refuted, None) is None, (code, kind)


@settings(max_examples=60, deadline=None)
@given(API)
def test_an_interface_is_compatible_with_itself(api: Json) -> None:
    """The same twice, in components and in place, is no change."""
    one = described(api)
    assert compare("openapi", one, dict(reversed(list(one.items()))), "both", Policy()).changes == ()
