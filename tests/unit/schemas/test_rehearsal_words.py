"""What a rehearsal says: the first difference by field and masked key, and how records fit announced documents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.notice import words
from schemas.rehearsal.documents import _judged
from schemas.rehearsal.replay import Check, Rows, _numbered, difference
from schemas.rehearsal.results import Outcome

BEFORE: Rows = (("id", "name"), [("13080219800101123X", "甲"), ("13080219800101124X", "乙")])


@pytest.mark.parametrize(
    ("after", "said"),
    [
        # the same rows in another order are the same
        ((("id", "name"), [("13080219800101124X", "乙"), ("13080219800101123X", "甲")]), ""),
        # a field of a row is another; the key is masked
        ((("id", "name"), [("13080219800101123X", "甲"), ("13080219800101124X", "丙")]), "field name of row 130*************4X is another"),
        # another type is another value
        ((("id", "name"), [("13080219800101123X", b"\x01"), ("13080219800101124X", "乙")]), "field name of row 130*************3X is another"),
        ((("id", "name"), [("13080219800101123X", "甲")]), "2 rows before, 1 after; row 130*************4X is gone"),
        ((("id", "name"), [*BEFORE[1], ("x", "丁")]), "2 rows before, 3 after"),
        ((("id", "full_name"), BEFORE[1]), "column 2 was name, is full_name"),
        ((("id", "name", "remark"), [(*row, None) for row in BEFORE[1]]), "2 columns before, 3 after"),
    ],
)  # fmt: skip
def test_the_first_difference_is_named(after: Rows, said: str) -> None:
    """By field and key, whatever the order of the rows."""
    assert difference(BEFORE, after) == said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1", ("select 1", 0)),
        ("select a from t where b = %s and c = %s", ("select a from t where b = $1 and c = $2", 2)),
        ("where b = %(x)s or c = %(x)s", ("where b = $1 or c = $1", 1)),
        ("where b = $2 and c = $1", ("where b = $2 and c = $1", 2)),
        ("where b = '%s $1' and \"%s\" = 1", ("where b = '%s $1' and \"%s\" = 1", 0)),  # text is no parameter
    ],
)
def test_parameters_of_every_driver_are_numbered(text: str, expected: tuple[str, int]) -> None:
    """As the server wants them to plan a statement without values."""
    assert _numbered(text) == expected


OLD: dict[str, Any] = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}


@pytest.mark.parametrize(
    ("records", "new", "expected"),
    [
        ([{"id": "a"}], OLD, ("pass", "")),
        ([{"id": "a", "name": "x"}, {"id": "b"}], {**OLD, "required": ["id", "name"]}, ("fail", "the record breaks required")),
        ([{"id": "abc"}], {"properties": {"id": {"maxLength": 2}}}, ("fail", "id breaks maxLength")),
        ([{"name": "x"}], OLD, ("not_possible", "no record of the hub is like the documents that are announced")),
        ([], OLD, ("not_possible", "the hub holds no record")),
    ],
)  # fmt: skip
def test_records_are_judged_by_the_announced_schema(
    records: list[dict[str, Any]], new: dict[str, Any], expected: tuple[str, str]
) -> None:
    """Those that the old one fits; the words hold no value."""
    check = _judged("test.person", records, OLD, new)
    assert (check.result, check.said) == expected


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (("pass", "fail", "not_possible"), "fail"),
        (("pass", "not_possible"), "pass"),
        (("not_possible",), "not_possible"),
        ((), "not_possible"),
    ],
)
def test_a_unit_passes_when_nothing_failed_and_something_passed(results: tuple[str, ...], expected: str) -> None:
    """What could not be done proves nothing."""
    assert Outcome("zjj", tuple(Check("sql", f"n{i}", r) for i, r in enumerate(results))).result == expected


def test_a_notice_says_what_came_of_the_rehearsal() -> None:
    """With its day in China, and that there was none."""
    found = {
        "result": "fail",
        "said": "report: column e.address does not exist",
        "began_at": datetime(2026, 11, 25, 17, tzinfo=UTC),
    }
    assert words.rehearsal(found) == "未通过（2026-11-26）：report: column e.address does not exist"
    assert words.rehearsal(None) == "尚未演练"
