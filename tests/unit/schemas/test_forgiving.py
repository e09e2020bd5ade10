"""What a policy forgives is looked for in schemas alone: names and values that look like keywords are none."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.diff.compare import compare
from schemas.diff.model import Policy

TEXT: dict[str, Any] = {"type": "string"}


def schema(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return an object's schema."""
    return {"type": "object", "properties": properties, **more}


@pytest.mark.parametrize(
    ("old", "new", "policy", "compatible"),
    [
        # an optional property more in an open object: what lenient forgives
        (schema({}), schema({"a": TEXT}), {"policy": "lenient"}, True),
        # a property named `properties` that gets another type is no list of properties
        (
            schema({"properties": schema({"a": TEXT})}),
            schema({"properties": {"type": "integer"}}),
            {"policy": "lenient"},
            False,
        ),
        (
            schema({"properties": {"type": "string"}}),
            schema({"properties": {"type": "integer"}}),
            {"policy": "lenient"},
            False,
        ),
        # a value of an enum that looks like a schema is a value
        ({"enum": [{"properties": {}}]}, {"enum": [{"properties": {"a": {}}}]}, {"policy": "lenient"}, False),
    ],
)
def test_only_schemas_are_eased(old: Any, new: Any, policy: dict[str, str], compatible: bool) -> None:
    """For those who write."""
    assert compare("jsonschema", old, new, "writer", Policy.of(policy)).compatible is compatible
