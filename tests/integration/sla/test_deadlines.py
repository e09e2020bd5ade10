"""Messages and cases: what was due in working days less pauses, what was answered in time, and what waits."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from docx import Document

from gateway.ledger import receipts
from gateway.model import Catalog, Deadline, Moments
from gateway.sla import circular, evidence, paper, printed
from tests.integration.sla.conftest import AS_OF, PERIOD, Ground, at, catalog

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


@pytest.fixture
def proven(lay: Callable[[Catalog], Ground], tmp_path: Path) -> tuple[Ground, Path]:
    """Return a half month with messages and paused cases, and its file of evidence."""
    ground = lay(replace(catalog(), deadlines={one.deadline: one for one in (MESSAGES, CASES)}))
    ground.ask(TABLES)
    ground.ran(at(2, 9, 7))
    for name, sent in (
        ("kept", at(2, 23)),
        ("late", at(2, 1)),
        ("waits", at(3, 12)),
        ("waits long", at(1).replace(month=9)),
    ):
        ground.ask("insert into hub.test_post values (%s, %s, %s, 'u1')", (name, sent, at(6, 17)))
    ground.ask(
        "insert into hub.test_pause values ('kept', %s, %s), ('waits', %s, null)", (at(2, 10), at(4, 10), at(4, 10))
    )
    ground.ask("insert into hub.test_reply values ('kept', %s), ('late', %s)", (at(9, 23), at(10, 1)))
    path = tmp_path / "evidence.zip"
    made = evidence.export(ground.deployment, PERIOD, path, AS_OF).figures["deadlines"]
    assert [(one["deadline"], one["due"], one["kept"], one["late"], one["waiting"]) for one in made] == [
        ("case_result", 3, 1, 2, 1), ("message_reply", 3, 1, 2, 2)
    ]  # fmt: skip
    return ground, path


def test_the_evidence_finds_deadlines_again_without_the_gateway(proven: tuple[Ground, Path], tmp_path: Path) -> None:
    """Due days from the days of the matters, their pauses and the working days; what waits since long before counts, too."""
    ground, path = proven
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    command = [
        sys.executable,
        "-I",
        "-c",
        "import sys; sys.path.insert(0, '.'); import verify; sys.exit(verify.main(['.']))",
    ]
    found = subprocess.run(command, cwd=tmp_path / "unpacked", capture_output=True, text=True, check=False)
    assert (found.returncode, "0 unequal" in found.stdout) == (0, True), found.stdout
    assert evidence.verify(ground.deployment, path, PERIOD)[0] is None


def _matters(change: Callable[[list[dict[str, Any]]], None]) -> Callable[[str], str]:
    def changed(text: str) -> str:
        rows = [json.loads(line) for line in text.splitlines()]
        change(rows)
        return "".join(json.dumps(row) + "\n" for row in rows)

    return changed


def _one(rows: list[dict[str, Any]], deadline: str, no: str) -> dict[str, Any]:
    return next(row for row in rows if (row["deadline"], row["no"]) == (deadline, no))


FORGED: dict[str, tuple[str, Callable[[str], str], str]] = {
    "answered earlier": ("deadlines.jsonl", _matters(lambda rows: _one(rows, "message_reply", "late").update(answered="2026-11-09")), "deadline message_reply, kept: the file says 1"),
    "begun later": ("deadlines.jsonl", _matters(lambda rows: _one(rows, "message_reply", "late").update(day="2026-11-04")), "message_reply late .*due on 2026-11-09, its days say 2026-11-11"),
    "rested longer": ("deadlines.jsonl", _matters(lambda rows: _one(rows, "case_result", "kept").update(rested=9)), "case_result kept .*its days say"),
    "one is gone": ("deadlines.jsonl", _matters(lambda rows: rows.remove(_one(rows, "message_reply", "waits long"))), "deadline message_reply, waiting: the file says 2"),
    "of another deadline": ("deadlines.jsonl", _matters(lambda rows: rows[0].update(deadline="made_up")), "made_up"),
    "fewer working days": ("deadline_workdays.json", lambda text: json.dumps(json.loads(text)[:3]), "too few working days"),
    "another calendar": ("deadline_workdays.json", lambda text: text.replace('"2026-11-05"', '"2026-11-07"'), "its days say"),
    "a figure": ("issue.json", lambda text: text.replace('"workdays_over": 7', '"workdays_over": 1'), "message_reply, overdue"),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
def test_a_deadline_changed_by_who_holds_the_keys_is_found_all_the_same(
    proven: tuple[Ground, Path], tmp_path: Path, what: str
) -> None:
    """The file was signed anew, so that only what is recomputed tells."""
    ground, path = proven
    name, change, said = FORGED[what]
    copy = tmp_path / "copy.zip"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
        files = {entry: old.read(entry).decode() for entry in old.namelist()}
        changed = change(files[name])
        assert changed != files[name]
        manifest = json.loads(files["manifest.json"])
        manifest["files"][name] = hashlib.sha256(changed.encode()).hexdigest()
        signature, key_id = ground.deployment.keys.sign(receipts.canonical(manifest))
        files |= {
            name: changed,
            "manifest.json": json.dumps(manifest),
            "signature.json": json.dumps({"signature": signature, "key_id": key_id}),
        }
        for entry, text in files.items():
            new.writestr(entry, text)
    fault, _ = evidence.verify(ground.deployment, copy, PERIOD)
    assert re.search(said, fault or "equal"), fault
