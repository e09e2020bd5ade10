"""OpenAPI: requests must go on being accepted, answers understood, and calls possible."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from schemas.diff.compare import compare
from schemas.diff.model import BadDocument, Policy

HARM, NONE, WARN, INFO = "breaking", "none", "warn", "info"
PERSON: Any = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "kind": {"type": "string", "enum": ["x", "y"]},
    },
}
API: Any = {
    "openapi": "3.0.3",
    "paths": {
        "/people/{id}": {
            "get": {
                "parameters": [
                    {"in": "path", "name": "id", "required": True, "schema": {"type": "string"}},
                    {"in": "query", "name": "q", "schema": {"type": "integer", "maximum": 100}},
                ],
                "responses": {
                    "200": {
                        "headers": {
                            "X-Total": {"required": True, "schema": {"type": "integer"}},
                            "X-Page": {"schema": {"type": "integer"}},
                        },
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Out"}},
                            "text/csv": {},
                        },
                    },
                    "404": {"description": "gone"},
                },
                "x-sunset": "2999-01-31",
            },
            "post": {
                "security": [{"key": []}],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/In"}}, "text/csv": {}}
                },
                "responses": {"201": {"description": "made"}},
            },
        }
    },
    "components": {"schemas": {"In": PERSON, "Out": copy.deepcopy(PERSON)}},
}


def get(api: Any) -> Any:
    """Return the operation that reads."""
    return api["paths"]["/people/{id}"]["get"]


def post(api: Any) -> Any:
    """Return the operation that writes."""
    return api["paths"]["/people/{id}"]["post"]


def sent(api: Any) -> Any:
    """Return the schema of what is sent."""
    return api["components"]["schemas"]["In"]


def got(api: Any) -> Any:
    """Return the schema of what is answered."""
    return api["components"]["schemas"]["Out"]


def levels(old: Any, new: Any, policy: Policy | None = None) -> tuple[str, str]:
    """Return the level for the reader and for the writer."""
    reader, writer = (compare("openapi", old, new, role, policy or Policy()) for role in ("reader", "writer"))
    assert not [c for c in (*reader.changes, *writer.changes) if c.rule.endswith(".undecided")]
    return reader.level.name, writer.level.name


@pytest.mark.parametrize(
    ("change", "reader", "writer"),
    [
        # what stops a call
        (lambda a: a["paths"].clear(), HARM, HARM),
        (lambda a: a["paths"]["/people/{id}"].pop("post"), HARM, HARM),
        (lambda a: get(a)["responses"].pop("200"), HARM, HARM),
        (lambda a: get(a)["responses"]["200"]["content"].pop("text/csv"), HARM, HARM),
        (lambda a: get(a)["parameters"].append({"in": "query", "name": "z", "required": True, "schema": {}}), HARM, HARM),
        (lambda a: get(a)["parameters"][1].update(required=True), HARM, HARM),
        (lambda a: get(a).update(security=[{"key": []}]), HARM, HARM),
        (lambda a: a.update(security=[{"key": []}]), HARM, HARM),
        (lambda a: post(a)["security"].append({"token": []}), INFO, INFO),  # another way in
        # a parameter of the path by another name is the same parameter
        (
            lambda a: (
                get(a)["parameters"][0].update(name="no"),
                a["paths"].update({"/people/{no}": a["paths"].pop("/people/{id}")}),
            ),
            NONE,
            NONE,
        ),
        # what is sent
        (lambda a: get(a)["parameters"].pop(), NONE, WARN),
        (lambda a: get(a)["parameters"].append({"in": "query", "name": "z", "schema": {}}), INFO, INFO),
        (lambda a: get(a)["parameters"][1]["schema"].update(maximum=9), NONE, HARM),
        (lambda a: get(a)["parameters"][1]["schema"].update(maximum=900), NONE, NONE),
        (lambda a: post(a).pop("requestBody"), NONE, HARM),
        (lambda a: post(a)["requestBody"].update(required=True), NONE, HARM),
        (lambda a: post(a)["requestBody"]["content"].pop("text/csv"), NONE, HARM),
        (lambda a: sent(a)["properties"].update(new={"type": "string"}), NONE, NONE),
        (lambda a: (sent(a)["properties"].update(new={"default": 1}), sent(a)["required"].append("new")), NONE, HARM),
        (lambda a: sent(a)["properties"].pop("age"), NONE, WARN),
        (lambda a: (sent(a)["properties"].pop("age"), sent(a).update(additionalProperties=False)), NONE, HARM),
        (lambda a: sent(a)["properties"]["kind"]["enum"].pop(), NONE, HARM),
        (lambda a: sent(a)["properties"]["kind"]["enum"].append("z"), NONE, NONE),
        (lambda a: sent(a)["properties"]["name"].update(maxLength=9), NONE, HARM),
        (lambda a: sent(a)["properties"]["age"].update(readOnly=True), NONE, WARN),  # nobody reads it from a request now
        # what is answered
        (lambda a: got(a)["properties"].pop("age"), HARM, NONE),
        (lambda a: got(a)["required"].clear(), HARM, NONE),
        (lambda a: got(a)["properties"]["age"].update(nullable=True), HARM, NONE),
        (lambda a: got(a)["properties"]["age"].update(type="number"), HARM, NONE),
        (lambda a: got(a)["properties"]["kind"]["enum"].append("z"), HARM, NONE),
        (lambda a: got(a)["properties"]["kind"]["enum"].pop(), NONE, NONE),
        (lambda a: got(a)["properties"].update(new={"type": "string"}), NONE, NONE),
        (lambda a: got(a)["properties"]["age"].update(writeOnly=True), HARM, NONE),
        (lambda a: get(a)["responses"]["200"]["headers"].pop("X-Total"), HARM, NONE),
        (lambda a: get(a)["responses"]["200"]["headers"].pop("X-Page"), WARN, NONE),
        # what is only told
        (lambda a: get(a)["responses"].pop("404"), INFO, INFO),
        (lambda a: get(a).update(operationId="other"), INFO, INFO),
        (lambda a: get(a).update(deprecated=True), INFO, INFO),
        (lambda a: a["paths"].update({"/x": {"get": {"responses": {}}}}), INFO, NONE),
        # an end that was announced may come later, not sooner
        (lambda a: get(a).update({"x-sunset": "2999-03-31"}), INFO, INFO),
        (lambda a: get(a).update({"x-sunset": "2998-12-31"}), HARM, HARM),
        (lambda a: get(a).pop("x-sunset"), HARM, HARM),
        (lambda a: a.update(servers=[]), NONE, NONE),
    ],
)  # fmt: skip
def test_a_change_harms_the_side_it_touches(change: Callable[[Any], Any], reader: str, writer: str) -> None:
    """Requests touch writers, answers touch readers, calls both."""
    new = copy.deepcopy(API)
    change(new)
    assert levels(API, new) == (reader, writer)


def test_an_operation_gone_after_its_announced_end_harms_nobody() -> None:
    """It was told in time."""
    old, new = copy.deepcopy(API), copy.deepcopy(API)
    get(old)["x-sunset"] = "2020-01-01"
    new["paths"]["/people/{id}"].pop("get")
    assert levels(old, new) == (INFO, INFO)


def test_new_values_of_an_extensible_enum_are_worth_a_look() -> None:
    """Peers that agreed on it expect them."""
    old, new = ({**API, "paths": copy.deepcopy(API["paths"])} for _ in range(2))
    for api, values in ((old, ["a"]), (new, ["a", "b"])):
        get(api)["responses"]["200"]["content"]["application/json"]["schema"] = {"enum": values}
    assert levels(old, new, Policy(enum="extensible")) == (WARN, WARN)
    assert levels(old, new) == (HARM, NONE)


def test_a_change_says_where_it_is() -> None:
    """The path names the operation, the part and the place in the schema."""
    new = copy.deepcopy(API)
    got(new)["properties"].pop("age")
    (change,) = compare("openapi", API, new, "reader", Policy()).changes
    assert change.path == "GET /people/{id} > responses/200/content/application/json/schema > /properties/age"
    assert change.rule == "openapi.response.property.change"


def test_the_same_document_is_no_change() -> None:
    """Nothing is said of it."""
    assert compare("openapi", API, copy.deepcopy(API), "both", Policy()).changes == ()


@pytest.mark.parametrize(
    "bad",
    [
        [],
        {"swagger": "2.0"},
        {},
        {"openapi": "3.0.0", "paths": {"/x": {"get": 1}}},
        {"openapi": "3.0.0", "paths": {"/x": {"$ref": "#/no"}}},
    ],
)
def test_what_is_no_openapi_document_is_refused(bad: Any) -> None:
    """Swagger 2 is another language; a broken document is not judged."""
    with pytest.raises(BadDocument):
        compare("openapi", API, bad, "both", Policy())


@pytest.mark.parametrize(
    "operation",
    [
        {"parameters": [{"$ref": "#/components/parameters/a"}]},
        {"responses": {"200": {"$ref": "#/components/responses/r"}}},
        {"requestBody": {"$ref": "#/components/requestBodies/q"}},
    ],
)
def test_a_part_that_refers_to_itself_is_no_description(operation: Any) -> None:
    """Nobody knows what it holds: it is refused, not taken for nothing."""
    components = {
        "parameters": {name: {"$ref": f"#/components/parameters/{other}"} for name, other in ("ab", "ba")},
        "responses": {"r": {"$ref": "#/components/responses/r"}}, "requestBodies": {"q": {"$ref": "#/components/requestBodies/q"}},
    }  # fmt: skip
    plain, ringed = (
        {"openapi": "3.0.3", "info": {}, "components": components, "paths": {"/x": {"post": one}}}
        for one in (
            {"responses": {"200": {"description": ""}}},
            {"responses": {"200": {"description": ""}}, **operation},
        )
    )
    for old, new in ((plain, ringed), (ringed, {**ringed, "info": {"title": "x"}})):
        with pytest.raises(BadDocument, match="leads to itself"):
            compare("openapi", old, new, "both", Policy())


def test_schemas_in_a_ring_are_compared_to_their_end() -> None:
    """A field that changes within a ring of types is found; the same ring is no change."""

    def api(kind: str) -> Any:
        ring = {
            f"T{n}": {"type": "object", "properties": {"next": {"$ref": f"#/components/schemas/T{(n + 1) % 5}"}, "v": {"type": kind if n == 3 else "string"}}}
            for n in range(5)
        }  # fmt: skip
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/T0"}}}
        paths = {"/x": {"get": {"responses": {"200": {"description": "", "content": content}}}}}
        return {"openapi": "3.0.3", "info": {}, "components": {"schemas": ring}, "paths": paths}

    assert compare("openapi", api("string"), api("string"), "both", Policy()).changes == ()
    assert not compare("openapi", api("string"), api("integer"), "reader", Policy()).compatible
    assert compare("openapi", api("string"), api("integer"), "writer", Policy()).compatible
