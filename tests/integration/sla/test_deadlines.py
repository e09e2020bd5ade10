"""Messages and cases: what was due in working days less pauses, what was answered in time, and what waits."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import openpyxl
from docx import Document

from gateway.model import Catalog, Deadline, Moments
from gateway.sla import circular, paper, printed
from tests.integration.sla.conftest import AS_OF, Ground, at, catalog

MESSAGES = Deadline(
    "message_reply", "网民留言办结", "第五条", Moments("test.post", "id", "sent", unit="unit"), Moments("test.reply", "id", "at"), workdays=5
)  # fmt: skip
CASES = Deadline(
    "case_result", "办件办结", "第十一条", Moments("test.post", "id", "sent", unit="unit", due="promised"),
    Moments("test.reply", "id", "at"), Moments("test.pause", "id", "at", until="ends"),
)  # fmt: skip
TABLES = """
create table hub.test_post (id text, sent timestamptz, promised timestamptz, unit text);
create table hub.test_reply (id text, at timestamptz);
create table hub.test_pause (id text, at timestamptz, ends timestamptz);
grant select on hub.test_post, hub.test_reply, hub.test_pause to gateway_load
"""


def _ground(lay: Callable[[Catalog], Ground], deadline: Deadline) -> Ground:
    ground = lay(replace(catalog(), deadlines={deadline.deadline: deadline}))
    ground.ask(TABLES)
    return ground


def _lacking(doc: dict[str, Any]) -> list[str]:
    """Return what the DOCX lacks of the words and cells that the PDF is printed from."""
    file = Document(io.BytesIO(paper.docx(doc)))
    there = {p.text for p in file.paragraphs} | {c.text for t in file.tables for row in t.rows for c in row.cells}
    blocks = [block for section in doc["sections"] for block in section["blocks"]]
    words = [block["text"] for block in blocks if block["kind"] in ("text", "level2", "note")]
    cells = [cell for block in blocks if block["kind"] == "table" for row in block["rows"] for cell in row]
    return [one for one in (doc["lead"], doc["evidence"], *words, *cells) if one not in there]


def test_a_message_is_due_on_the_fifth_working_day_after_it(lay: Callable[[Catalog], Ground]) -> None:
    """Answered on that day is in time, a day later is late, and what waits is named with its working days."""
    ground = _ground(lay, MESSAGES)
    rows = [
        ("kept", at(2, 23)),
        ("late", at(2, 1)),
        ("waits", at(3, 12)),
        ("asked later", at(12, 12)),
    ]  # 2026-11-02 is a Monday
    for name, sent in rows:
        ground.ask("insert into hub.test_post values (%s, %s, null, 'u1')", (name, sent))
    ground.ask(
        "insert into hub.test_reply values ('kept', %s), ('late', %s), ('late', %s)", (at(9, 23), at(10, 1), at(11))
    )
    made = ground.report()
    line = made["deadlines"][0]
    assert (line["due"], line["kept"], line["late"], line["waiting"], line["kept_bp"]) == (3, 1, 2, 1, 3333)
    assert line["overdue"] == [{"no": "waits", "unit": "u1", "due": "2026-11-10", "workdays_over": 7}]
    issue = {
        "figures": made, "state": "draft", "issue_no": None, "evidence_root": None, "drafted_at": AS_OF, "frozen_at": None,
    }  # fmt: skip
    doc = circular.document(ground.deployment.catalog, issue)
    said = str(doc["sections"])
    assert "网民留言办结（第五条）本期应办结3件，按期1件，逾期2件" in said
    assert "['waits', 'u1', '2026-11-10', '7']" in said
    assert _lacking(doc) == []
    book = openpyxl.load_workbook(io.BytesIO(printed.workbook(made, [])))
    assert [c.value for c in book["逾期未办结"][2]] == ["网民留言办结", "waits", "u1", "2026-11-10", 7]


def test_a_pause_moves_the_promised_day_by_its_working_days(lay: Callable[[Catalog], Ground]) -> None:
    """An expert review from Monday to Wednesday takes two working days; one under way takes those until now."""
    ground = _ground(lay, CASES)
    for name in ("paused", "not paused", "under way"):
        ground.ask("insert into hub.test_post values (%s, %s, %s, 'u1')", (name, at(2, 9), at(6, 17)))
    ground.ask(
        "insert into hub.test_pause values ('paused', %s, %s), ('under way', %s, null)",
        (at(2, 10), at(4, 10), at(4, 10)),
    )
    ground.ask("insert into hub.test_reply values ('paused', %s), ('not paused', %s)", (at(10, 16), at(10, 16)))
    line = ground.report()["deadlines"][0]
    assert (line["due"], line["kept"], line["late"], line["waiting"]) == (2, 1, 1, 0)


def test_a_deadline_whose_rows_are_not_in_the_hub_yet_has_no_line(lay: Callable[[Catalog], Ground]) -> None:
    """Nothing is said of what nobody brings."""
    ground = lay(replace(catalog(), deadlines={"message_reply": MESSAGES}))
    assert ground.report()["deadlines"] == []
