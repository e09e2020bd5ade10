"""OpenAPI, part by part: what is said in another way is no change, what is meant otherwise is judged for whom it touches."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.diff.compare import compare
from schemas.diff.model import Policy

HARM, NONE, WARN, INFO = "breaking", "none", "warn", "info"
TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
OK = {"200": {"description": "ok"}}
KEY = {"type": "apiKey", "in": "header", "name": "K"}
FLOWS = {"clientCredentials": {"tokenUrl": "https://t", "scopes": {"r": "", "w": ""}}}


def api(operation: Any = None, version: str = "3.0.3", **more: Any) -> Any:
    """Return a description with one operation."""
    return {"openapi": version, "paths": {"/x": {"post": {"responses": OK, **(operation or {})}}}, **more}


def holding(schema: Any, kind: str = "application/json", **more: Any) -> Any:
    """Return the content of a body."""
    return {"content": {kind: {"schema": schema, **more}}}


def things(required: tuple[str, ...] = (), **properties: Any) -> Any:
    """Return the schema of an object."""
    return {"type": "object", "required": list(required), "properties": properties}


def asking(schema: Any, version: str = "3.0.3", **more: Any) -> Any:
    """Return a description whose call sends a body."""
    return api({"requestBody": holding(schema)}, version, **more)


def telling(schema: Any, version: str = "3.0.3", **more: Any) -> Any:
    """Return a description whose call brings a body back."""
    return api({"responses": {"200": holding(schema)}}, version, **more)


def given(place: str = "query", **words: Any) -> Any:
    """Return a description whose call has one parameter."""
    return api(
        {"parameters": [{"in": place, "name": "q", **({} if "content" in words else {"schema": TEXT}), **words}]}
    )


def coded(**answers: Any) -> Any:
    """Return a description whose call is answered so, each code with a letter before it."""
    return api({"responses": {code.lstrip("c"): holding(schema) for code, schema in answers.items()}})


def proven(*ways: Any, **schemes: Any) -> Any:
    """Return a description whose callers prove who they are."""
    return api({"security": list(ways)}, components={"securitySchemes": schemes})


def called(schema: Any, address: str = "{$request.body#/url}", method: str = "post", **more: Any) -> Any:
    """Return a description whose caller is called back."""
    operation = {"requestBody": {"required": True, **holding(schema)}, "responses": OK, **more}
    return api({"callbacks": {"event": {address: {method: operation}}}})


def hooked(schema: Any, **more: Any) -> Any:
    """Return a description with a call that the interface makes of its own accord."""
    operation = {"requestBody": holding(schema), "responses": OK, **more}
    return api(None, "3.1.0", webhooks={"event": {"post": operation}})


def told_apart(kind: str = "k", **mapping: str) -> Any:
    """Return a schema of one kind of things, told from others by a property."""
    return {"oneOf": [things(k=TEXT, m=TEXT)], "discriminator": {"propertyName": kind, "mapping": mapping}}


LIST = {"type": "array", "items": TEXT}
LISTED: Any = {"schema": LIST}
ID = {"schemas": {"Id": {**TEXT, "readOnly": True}}}
REF = {"$ref": "#/components/schemas/Id"}


@pytest.mark.parametrize(
    ("old", "new", "reader", "writer"),
    [
        # what a parameter means where nothing is said
        (given(), given(style="form", explode=True, required=False, allowReserved=False), NONE, NONE),
        (given(), given(explode=False), NONE, NONE),  # one value is written one way
        (given(**LISTED), given(**LISTED, explode=True), NONE, NONE),
        (given(**LISTED), given(**LISTED, explode=False), NONE, HARM),
        (given(**LISTED), given(**LISTED, style="pipeDelimited", explode=False), NONE, HARM),
        (given("header"), given("header", style="simple", explode=False), NONE, NONE),
        # what may stand in a parameter, and how it is written
        (given(), given(allowReserved=True, allowEmptyValue=True), NONE, NONE),
        (given(allowReserved=True), given(), NONE, HARM),
        (given(allowEmptyValue=True), given(), NONE, HARM),
        (given(), given(**holding(TEXT)), NONE, HARM),
        (given(**holding(WHOLE)), given(**holding(TEXT)), NONE, HARM),  # within JSON a number is no text
        (given(schema=WHOLE), given(), NONE, NONE),  # in an address it is
        (given(), given(schema=WHOLE), NONE, HARM),
        (given(schema=WHOLE), given(schema={**TEXT, "maxLength": 3}), NONE, HARM),
        (given(), given(deprecated=True), INFO, INFO),
        (given(required=True), given("header", required=True), HARM, HARM),
        # media types are the same in any case; a range takes in what it covers
        (asking(TEXT), api({"requestBody": holding(TEXT, "Application/JSON; charset=UTF-8")}), NONE, NONE),
        (asking(TEXT), api({"requestBody": holding(TEXT, "application/*")}), INFO, NONE),
        # a range took in what is named apart now, and judged by itself
        (
            api({"requestBody": holding(TEXT, "application/*")}),
            api({"requestBody": {"content": {**holding(TEXT, "application/*")["content"], **holding(WHOLE)["content"]}}}),
            INFO, HARM,
        ),
        (asking(TEXT), api({"requestBody": holding(WHOLE, "*/*")}), INFO, HARM),
        (api({"requestBody": holding(TEXT, "*/*")}), asking(TEXT), INFO, HARM),
        (
            api({"requestBody": holding(things(f=TEXT), "multipart/form-data", encoding={"f": {"contentType": "text/csv"}})}),
            api({"requestBody": holding(things(f=TEXT), "multipart/form-data", encoding={"f": {"contentType": "text/xml"}})}),
            NONE,
            HARM,
        ),
        # properties that travel one way only
        (asking(things(a=TEXT)), asking(things(("id",), a=TEXT, id={**TEXT, "readOnly": True})), NONE, NONE),
        (asking(things(("id",), id={**TEXT, "readOnly": True})), asking(things(("id",), id=TEXT)), INFO, HARM),
        (asking(things(("id",), id=REF), components=ID), asking(things(("id",), id=TEXT)), INFO, HARM),
        # null, as each version spells it
        (asking(things(a={**TEXT, "nullable": True})), asking(things(a={"type": ["string", "null"]}), "3.1.0"), NONE, NONE),
        (asking(things(a={**TEXT, "nullable": True})), asking(things(a={**TEXT, "nullable": True}), "3.1.0"), NONE, HARM),
        (telling(things(a=TEXT)), telling(things(a={"anyOf": [TEXT, {"type": "null"}]}), "3.1.0"), HARM, NONE),
        # the formats that are types, and those that are words
        (telling({**WHOLE, "format": "int32"}), telling({**WHOLE, "format": "int64"}), HARM, NONE),
        (telling({**WHOLE, "format": "int64"}), telling({**WHOLE, "format": "int32"}), NONE, NONE),
        (asking({**WHOLE, "format": "int64"}), asking({**WHOLE, "format": "int32"}), NONE, HARM),
        (asking({"type": "number", "format": "float"}), asking({"type": "number", "format": "double"}), NONE, NONE),
        (telling({**TEXT, "format": "date"}), telling({**TEXT, "format": "date-time"}), HARM, NONE),
        (asking(TEXT), asking({**TEXT, "format": "date"}), NONE, HARM),
        (telling(TEXT), telling({**TEXT, "format": "email"}), WARN, NONE),
        # a value that tells kinds of things apart
        (telling(told_apart(a="#/components/schemas/A")), telling(told_apart(a="A")), INFO, INFO),
        (telling(told_apart(a="A")), telling(told_apart(a="B")), HARM, NONE),
        (telling(told_apart(a="A")), telling(told_apart(a="A", b="B")), WARN, NONE),
        (asking(told_apart(a="A", b="B")), asking(told_apart(a="A")), NONE, HARM),
        (asking(told_apart()), asking(told_apart("m")), NONE, HARM),
        # values that were said to grow
        (
            telling({"enum": ["a"], "x-extensible-enum": True}), telling({"enum": ["a", "b"], "x-extensible-enum": True}),
            WARN, WARN,
        ),
        # status codes: a range or a default foresaw the one that is named now
        (coded(c2XX=TEXT), coded(c200=TEXT), INFO, INFO),
        (coded(c2XX=TEXT), coded(c200=WHOLE), HARM, INFO),
        (coded(c200=TEXT), coded(c2XX=TEXT), HARM, HARM),
        (coded(default=TEXT), coded(c200=WHOLE, default=TEXT), HARM, NONE),
        (coded(c200=TEXT, default=TEXT), coded(c200=TEXT, c404=WHOLE, default=TEXT), HARM, NONE),
        (coded(c200=TEXT, c404=TEXT, c4XX=WHOLE), coded(c200=TEXT, c4XX=WHOLE), HARM, NONE),
        (coded(c200=TEXT, c404=TEXT, default=TEXT), coded(c200=TEXT, default=TEXT), NONE, NONE),
        (coded(c200=TEXT, default=WHOLE), coded(c200=TEXT, c201=TEXT, default=WHOLE), INFO, INFO),
        # what a caller must prove
        (proven({"k": []}, k=KEY), proven({"other": []}, other={**KEY, "name": "k", "description": "new"}), NONE, NONE),
        (proven({"k": []}, k=KEY), proven({"k": []}, k={**KEY, "in": "query"}), HARM, HARM),
        (proven({"k": []}, k=KEY), proven({"k": []}, k={"type": "http", "scheme": "bearer"}), HARM, HARM),
        (
            proven({"o": ["r"]}, o={"type": "oauth2", "flows": FLOWS}),
            proven({"o": ["r"]}, o={"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://u"}}}),
            WARN, WARN,
        ),
        (
            proven({"o": ["r"]}, o={"type": "oauth2", "flows": FLOWS}),
            proven({"o": ["r"]}, o={"type": "oauth2", "flows": {"password": {"tokenUrl": "https://t"}}}),
            HARM, HARM,
        ),
        (
            proven({"o": ["r"]}, o={"type": "oauth2", "flows": FLOWS}),
            proven({"o": ["r", "w"]}, o={"type": "oauth2", "flows": FLOWS}),
            HARM, HARM,
        ),
        (proven({"k": []}, k=KEY), proven({"k": []}, {}, k=KEY), INFO, INFO),
        # calls that go the other way: who is called reads what is sent, and writes the answer
        (called(things(a=TEXT, b=TEXT)), called(things(a=TEXT)), HARM, NONE),
        (called(things(a=TEXT)), called(things(a=TEXT, b=TEXT)), NONE, NONE),
        (called(TEXT), called(TEXT, "{$request.body#/other}"), HARM, NONE),
        (called(TEXT), called(TEXT, method="put"), HARM, NONE),
        (called(TEXT), api(), HARM, NONE),
        (api(), called(TEXT), INFO, NONE),
        (called(TEXT), called(TEXT, requestBody=holding(TEXT)), HARM, NONE),  # it may come without one
        (called(TEXT), called(TEXT, requestBody=None), HARM, NONE),
        (called(TEXT, requestBody=None), called(TEXT), INFO, NONE),
        (called(TEXT), called(TEXT, responses={"204": {}}), NONE, HARM),  # the answer that is sent is taken no more
        (called(TEXT), called(TEXT, responses={"200": holding(TEXT)}), NONE, HARM),
        (called(TEXT, responses={"200": holding(WHOLE)}), called(TEXT, responses={"200": holding(TEXT)}), NONE, HARM),
        (
            called(TEXT, parameters=[{"in": "header", "name": "h", "required": True}]),
            called(TEXT, parameters=[{"in": "header", "name": "H"}, {"in": "header", "name": "more"}]),
            HARM, NONE,
        ),
        (
            called(TEXT, parameters=[{"in": "header", "name": "h", "schema": WHOLE}]),
            called(TEXT, parameters=[{"in": "header", "name": "h", "schema": TEXT}]),
            HARM, NONE,
        ),
        (hooked(things(a=TEXT)), hooked(things()), HARM, NONE),
        (hooked(TEXT), api(None, "3.1.0"), HARM, NONE),
        (api(None, "3.1.0"), hooked(TEXT), INFO, NONE),
        # an operation that is found somewhere else
        (api(), api({"servers": [{"url": "https://b"}]}), WARN, WARN),
        (api(servers=[{"url": "https://b"}]), api({"servers": [{"url": "https://b"}]}, servers=[{"url": "https://b"}]), NONE, NONE),
    ],
)  # fmt: skip
def test_a_part_is_judged_by_what_it_means(old: Any, new: Any, reader: str, writer: str) -> None:
    """Nothing that harms passes as the same, and nothing that only looks otherwise is told as a harm."""
    answers = [compare("openapi", old, new, role, Policy()) for role in ("reader", "writer")]
    assert [a.level.name for a in answers] == [reader, writer]
    assert not [c for a in answers for c in a.changes if c.rule.endswith(".undecided")]


def test_a_call_the_other_way_says_where_it_is() -> None:
    """The path names the operation that asks for it, the callback, where it goes and by which method."""
    (change,) = compare("openapi", called(things(a=TEXT)), called(things()), "reader", Policy()).changes
    body = "requestBody/content/application/json/schema > /properties/a"
    assert change.path == f"POST /x > callbacks/event/{{$request.body#/url}}/post > {body}"
    (change,) = compare("openapi", hooked(TEXT), api(None, "3.1.0"), "reader", Policy()).changes
    assert change.path == "POST webhooks/event"
