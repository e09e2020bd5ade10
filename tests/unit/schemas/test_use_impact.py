"""What a change does to a unit: by the role of what it uses, by all that is known, the worst of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway import settings
from schemas.diff.model import Change, Effect
from schemas.notice import impact, words
from schemas.notice.impact import Use
from schemas.use.model import Evidence, Places

NONE, INFO, WARN, BREAKING = Effect
TABLE = "public.t"


def change(
    rule: str, column: str | None, reader: Effect, writer: Effect, *, table: str = TABLE, before: object = None
) -> Change:
    """Return a change of a column, or of the table."""
    return Change("x", f"{table}.{column}" if column else table, before, None, reader, writer, f"pg.{rule}")


def known(columns: Places, unknown: str = "") -> Evidence:
    """Return what a statement of a unit uses."""
    return Evidence("zjj", "sql", "report", columns, unknown)


READS: Places = {(TABLE, ""): frozenset({"read"}), (TABLE, "name"): frozenset({"read"})}
KEYS: Places = {(TABLE, "name"): frozenset({"read"}), (TABLE, "id"): frozenset({"key"})}
STAR: Places = {(TABLE, "*"): frozenset({"positional"}), (TABLE, "name"): frozenset({"read"})}
WRITES: Places = {(TABLE, "name"): frozenset({"write"})}
DROP = change("column.drop", "name", BREAKING, BREAKING)
ADD = change("column.add", "extra", INFO, NONE)


@pytest.mark.parametrize(
    ("columns", "changed", "effect", "used"),
    [
        # a column that is read: what it does to readers
        (READS, DROP, BREAKING, True),
        (READS, change("type.widen", "name", WARN, NONE), WARN, True),
        (READS, change("type.narrow", "name", NONE, BREAKING), NONE, True),
        # another column of the relation: possibly affected
        (READS, change("column.drop", "other", BREAKING, BREAKING), INFO, False),
        # another relation: nothing at all
        (READS, change("column.drop", "name", BREAKING, BREAKING, table="public.u"), NONE, False),
        # the relation as a whole
        (READS, change("rls.on", None, BREAKING, BREAKING), BREAKING, True),
        (READS, change("unique.drop", None, WARN, BREAKING), WARN, True),
        # what decides which rows come: the worse of both, and all that moves the column's meaning breaks
        (KEYS, change("default.change", "id", NONE, WARN), WARN, True),
        (KEYS, change("type.widen", "id", WARN, NONE), BREAKING, True),
        (KEYS, change("null.forbid", "id", NONE, BREAKING), BREAKING, True),
        (KEYS, change("collation", "id", WARN, NONE), BREAKING, True),
        (KEYS, change("comment", "id", INFO, INFO), INFO, True),
        (KEYS, change("unique.drop", None, WARN, BREAKING, before="UNIQUE (id)"), BREAKING, True),
        (KEYS, change("unique.drop", None, WARN, BREAKING, before="UNIQUE (other)"), WARN, True),
        # columns taken by their places: any that comes, goes or moves; a new name in the same place is read as before
        (STAR, ADD, BREAKING, True),
        (STAR, change("column.drop", "other", BREAKING, BREAKING), BREAKING, True),
        (STAR, change("column.move", None, WARN, WARN), BREAKING, True),
        (STAR, change("comment", "other", INFO, INFO), INFO, False),
        # who writes
        (WRITES, change("type.narrow", "name", NONE, BREAKING), BREAKING, True),
        (WRITES, change("null.allow", "name", BREAKING, NONE), NONE, True),
        # a column that a writer leaves out and now must not
        (WRITES, change("column.add.required", "extra", INFO, BREAKING), BREAKING, True),
        (WRITES, change("null.forbid", "other", NONE, BREAKING), BREAKING, True),
        (WRITES, change("column.drop", "other", BREAKING, BREAKING), INFO, False),
    ],
)  # fmt: skip
def test_the_role_of_a_column_decides(columns: Places, changed: Change, effect: Effect, used: bool) -> None:
    """As the table of changes has it."""
    assert impact.judge(known(columns), changed) == (effect, used)


@pytest.mark.parametrize(
    ("columns", "changed", "effect"),
    [
        ({}, change("column.drop", "other", BREAKING, BREAKING), BREAKING),
        ({}, change("type.widen", "other", WARN, NONE), BREAKING),
        ({}, change("column.drop", "x", BREAKING, BREAKING, table="public.u"), BREAKING),
        ({}, ADD, INFO),  # no star in its text: nothing is taken by its place
        ({("", "*"): frozenset({"positional"})}, ADD, BREAKING),
    ],
)
def test_an_unknown_use_is_a_use_of_everything(columns: Places, changed: Change, effect: Effect) -> None:
    """Never of nothing."""
    assert impact.judge(known(columns, "why"), changed) == (effect, True)


def test_of_several_sources_the_worst_counts_and_is_named() -> None:
    """With the day on which it was last used; what was not seen for 120 days is told as stale, and still counts."""
    old = settings.now() - timedelta(days=121)
    reader = Evidence("zjj", "observed", "zjj_ro 7", READS, last_used=old)
    counter = Evidence("zjj", "declared", "counts", {("", "other"): frozenset({"read"})})
    (item,) = impact.touched(Use("zjj", (), (counter, reader)), [DROP]).items
    assert (item.effect, item.used, [e.name for e in item.by]) == (BREAKING, True, ["zjj_ro 7"])
    assert item.as_dict()["by"] == [
        {"source": "observed", "name": "zjj_ro 7", "last_used": old.isoformat(), "stale": True}
    ]
    said = words.evidence([item.as_dict()])
    assert said == f"观测 zjj_ro 7（最近使用 {old.isoformat()[:10]}，已逾120天）"


def test_a_use_is_stale_after_120_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the day; one whose day nobody knows is not."""
    monkeypatch.setenv("GATEWAY_NOW", "2026-11-26T10:00:00+08:00")
    used = [datetime(2026, 11, 26, tzinfo=UTC) - timedelta(days=days) for days in (119, 121)]
    assert [Evidence("zjj", "mapping", "r", last_used=moment).stale for moment in (*used, None)] == [False, True, False]
