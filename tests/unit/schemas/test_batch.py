"""Many comparisons in one process: an answer a line, in order, whatever the cases are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.diff.batch import answers
from schemas.diff.compare import compare
from schemas.diff.model import Answer, BadDocument, Change, Effect, Policy

GONE: dict[str, Any] = {"id": 1, "kind": "pg", "role": "reader", "old": {}, "new": None}


def judged(*lines: Any, seconds: float = 5) -> list[Any]:
    """Return the answers to cases, or to lines that are none."""
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return [json.loads(answer) for answer in answers(raw, seconds=seconds)]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"{", "unreadable"),  # not JSON
        (b"[]", "bad_document"),  # JSON, but no case
        ({"id": 7, "kind": "pg", "role": "reader"}, "bad_document"),  # no documents
        (GONE | {"kind": "paper"}, "bad_document"),
        (GONE | {"role": "owner"}, "bad_document"),
        (GONE | {"policy": {"enum": "ajar"}}, "bad_document"),
        (GONE | {"policy": {"colour": "red"}}, "bad_document"),
        (GONE | {"policy": ["x"]}, "bad_document"),
        (b'{"id": 1, "old": ' + b"[" * 100_000, "unreadable"),  # nested beyond reading
        (GONE | {"new": json.loads("[" * 600 + "]" * 600)}, "bad_document"),  # nested beyond sense
        (GONE | {"kind": ["pg"]}, "bad_document"),
        (
            GONE | {"kind": "openapi", "old": {"openapi": "3.0.0", "paths": {"/x": None}}, "new": {"openapi": "3.0.0"}},
            "bad_document",
        ),
    ],
)
def test_a_line_that_is_no_case_is_answered_with_an_error_and_the_next_one_is_judged(line: Any, kind: str) -> None:
    """No `compatible` is said of it."""
    bad, good = judged(line, GONE)
    assert bad["error"]["type"] == kind
    assert "compatible" not in bad
    assert (good["id"], good["level"], good["compatible"]) == (1, "breaking", False)


def test_a_case_that_takes_too_long_is_given_up_and_the_next_one_is_judged() -> None:
    """The worker that hangs is replaced."""
    slow, good = judged(GONE, GONE, seconds=0.001), judged(GONE)
    assert [answer["error"]["type"] for answer in slow] == ["timeout", "timeout"]
    assert slow[0]["id"] == 1
    assert good[0]["level"] == "breaking"


MULTIPLYING: dict[str, Any] = {
    "allOf": [{"anyOf": [{"required": [f"a{i}"]}, {"required": [f"b{i}"]}]} for i in range(40)]
}
HARD = GONE | {
    "kind": "jsonschema", "role": "writer", "old": MULTIPLYING,
    "new": {"oneOf": [{"required": [f"a{i}", f"b{i + 1}"]} for i in range(39)], "minProperties": 40},
}  # fmt: skip


def test_the_time_a_case_may_take_is_that_of_a_processor() -> None:
    """A busy machine does not make an error of what an idle one answers."""
    _, slow, good = judged(GONE, HARD, GONE, seconds=0.4)
    assert slow["error"] == {"type": "timeout", "message": "no answer within 0.4 s of a processor"}
    assert good["level"] == "breaking"


def test_half_a_character_is_written_as_it_may_be() -> None:
    """What JSON can spell and UTF-8 cannot ends nothing: not in a name, nor in a value."""
    one, two = judged(
        GONE | {"id": "\ud800", "kind": "jsonschema", "role": "writer", "old": True, "new": {"const": "\udfff"}}, GONE
    )
    assert (one["id"], one["level"], one["changes"][0]["after"]) == ("\ud800", "breaking", {"const": "\udfff"})
    assert two["id"] == 1


def test_a_case_larger_than_a_pipe_passes() -> None:
    """Lines of megabytes neither hang nor break the stream."""
    (answer,) = judged(GONE | {"old": {"x": "y" * 3_000_000}})
    assert answer["level"] == "breaking"


@pytest.mark.parametrize(
    ("old", "new", "level", "compatible"),
    [
        (None, None, "none", True),  # nothing was and nothing is
        (None, {}, "info", True),  # a new endpoint harms nobody
        ({}, None, "breaking", False),  # one that is gone harms all
    ],
)
def test_an_absent_endpoint_is_judged_like_any_change(old: Any, new: Any, level: str, compatible: bool) -> None:
    """`null` is an endpoint that does not exist."""
    found = compare("codelist", old, new, "both", Policy())
    assert (found.level.name, found.compatible) == (level, compatible)


def change(reader: Effect, writer: Effect, rule: str = "x.y") -> Change:
    """Return a change with effects."""
    return Change("kind", "path", None, None, reader, writer, rule)


@pytest.mark.parametrize(
    ("found", "role", "level", "compatible"),
    [
        # a loosening harms readers only: FORWARD of the schema registries
        (change(Effect.breaking, Effect.none), "reader", Effect.breaking, False),
        (change(Effect.breaking, Effect.none), "writer", Effect.none, True),
        # a tightening harms writers only: BACKWARD
        (change(Effect.none, Effect.breaking), "writer", Effect.breaking, False),
        (change(Effect.none, Effect.breaking), "both", Effect.breaking, False),
        # a decided warning stays compatible, an undecided change is at least a warning and never compatible
        (change(Effect.warn, Effect.none), "reader", Effect.warn, True),
        (change(Effect.info, Effect.none, "x.undecided"), "reader", Effect.warn, False),
        (change(Effect.info, Effect.none, "x.undecided"), "writer", Effect.none, True),
    ],
)
def test_a_change_is_judged_for_the_role_that_asks(found: Change, role: Any, level: Effect, compatible: bool) -> None:
    """Effects belong to the change, the verdict to the role."""
    answer = Answer.of([found], role)
    assert (answer.level, answer.compatible) == (level, compatible)


def test_an_answer_has_a_fixed_order_of_keys_and_changes() -> None:
    """The same changes in any order give the same bytes."""
    two = [change(Effect.info, Effect.none, "x.b"), change(Effect.info, Effect.none, "x.a")]
    one, other = Answer.of(two, "both").as_dict(), Answer.of(two[::-1], "both").as_dict()
    assert json.dumps(one) == json.dumps(other)
    assert list(one) == ["level", "compatible", "changes"]
    assert list(one["changes"][0]) == ["kind", "path", "before", "after", "effect_reader", "effect_writer", "rule"]


def test_a_policy_names_the_word_that_does_not_exist() -> None:
    """And what there is instead."""
    with pytest.raises(BadDocument, match="as-declared or open or closed"):
        Policy.of({"content-model": "ajar"})
