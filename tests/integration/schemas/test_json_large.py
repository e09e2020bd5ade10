"""Large JSON documents, and references that lead round: answered in seconds, and never called safe for want of time."""

from __future__ import annotations

import copy
import time
from typing import Any

from schemas.diff.compare import compare
from schemas.diff.model import Policy

WORDS = {f"q{j}": {"type": "string", "maxLength": j + 1} for j in range(12)}


def test_one_change_among_many_properties_is_found() -> None:
    """In a schema of hundreds of kilobytes, both ways."""
    old: Any = {"type": "object", "properties": {f"p{i}": {"properties": dict(WORDS)} for i in range(600)}}
    new = copy.deepcopy(old)
    new["properties"]["p77"]["properties"]["q3"] = {"type": "string", "maxLength": 2}
    begun = time.monotonic()
    assert compare("jsonschema", old, new, "reader", Policy()).compatible
    answer = compare("jsonschema", old, new, "writer", Policy())
    assert (answer.level.name, answer.compatible) == ("breaking", False)
    assert "/properties/p77/properties/q3/maxLength" in [change.path for change in answer.changes]
    assert time.monotonic() - begun < 20


def test_references_in_a_long_ring_are_followed_to_their_end() -> None:
    """What differs behind hundreds of references is never called compatible, and no depth is too deep."""
    names = [f"S{i}" for i in range(400)]
    ring = {
        name: {"type": "object", "properties": {**WORDS, "next": {"$ref": f"#/components/schemas/{after}"}}}
        for name, after in zip(names, [*names[1:], names[0]], strict=True)
    }
    answer: Any = {
        "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S9"}}}}}
    }
    old: Any = {"openapi": "3.1.0", "paths": {"/x": {"get": answer}}, "components": {"schemas": ring}}
    new = copy.deepcopy(old)
    new["components"]["schemas"]["S8"]["properties"]["q3"]["maxLength"] = 200  # the last one that S9 leads to
    begun = time.monotonic()
    assert not compare("openapi", old, new, "reader", Policy()).compatible
    assert time.monotonic() - begun < 20
