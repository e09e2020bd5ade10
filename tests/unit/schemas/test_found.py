"""What a platform publishes on the day of effect, against the two documents that a notice compared."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.notice import found
from schemas.snapshot import marks


def shape(*required: str, **more: Any) -> dict[str, Any]:
    """Return a JSON Schema with some required texts."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {r: {"type": "string"} for r in required},
        **more,
    }


def told(document: Any) -> dict[str, Any]:
    """Return it as a look at a platform keeps it."""
    kept = {"format": "gateway.snapshot/1", "kind": "jsonschema", "document": document}
    return {**kept, "fingerprint": marks.fingerprint(kept)}


OLD, NEW = shape("id", "name"), shape("id", "full_name")


@pytest.mark.parametrize(
    ("there", "state"),
    [
        (NEW, "announced"),
        (OLD, "old"),
        ({**NEW, "title": "words for people"}, "announced"),  # for information
        ({**OLD, "description": "words for people"}, "old"),
        (shape("id"), "other"),  # half of it
        (shape("id", "whole_name"), "other"),  # another one
    ],
)
def test_a_document_is_what_was_announced_or_still_the_old_one_or_another(there: Any, state: str) -> None:
    """And only the last has a difference to tell."""
    seen = found.of_document({"kind": "jsonschema", "old": OLD, "new": NEW}, told(there))
    assert (seen.state, bool(seen.diff)) == (state, state == "other")
