"""`gateway sla`, `evidence`, `docket` and `circular` as people and machines use them."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
from docx import Document

from gateway import fonts
from gateway.settings import CHINA
from gateway.sla.periods import Period
from tests.command_line import invoke
from tests.integration.cli.conftest import Desk

COMMANDS = [
    # command, what its help shows besides its options
    ("sla report", "gateway sla report --period"),
    ("sla verify", "gateway sla verify evidence-"),
    ("evidence export", "gateway evidence export 2026"),
    ("evidence verify", "gateway evidence verify evidence-"),
    ("docket file", "gateway docket file pop_person_in"),
    ("docket rule", "gateway docket rule MK-"),
    ("docket withdraw", "gateway docket withdraw MK-"),
    ("docket list", "gateway docket list"),
    ("circular draft", "gateway circular draft 2026"),
    ("circular freeze", "gateway circular freeze 2026"),
    ("circular print", "gateway circular print 2026"),
]


@pytest.mark.parametrize(("command", "example"), COMMANDS, ids=[c for c, _ in COMMANDS])
def test_help_teaches_by_an_example(command: str, example: str) -> None:
    """Who asks for help sees a line to copy."""
    said = invoke(*command.split(), "--help")
    assert said.exit_code == 0
    assert example in " ".join(said.stdout.replace("│", " ").split())


def test_a_half_month_from_its_figures_to_its_proof(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reported in each form with the same numbers, exported, verified, refused when one receipt was changed."""
    now = datetime.now(UTC).astimezone(CHINA)
    period = Period.around(now.date())
    desk.change("catalog/routes/person_in.yaml", '"0 2 * * *"', f'"{now.minute} * * * *"')
    desk.run("sla", "report")  # what is promised begins with the first look
    desk.fill(3)
    desk.run("sync", "person_in")
    monkeypatch.setenv("GATEWAY_NOW", (period.ends + timedelta(days=5)).isoformat())
    made = desk.read("sla", "report", "--period", period.name)
    total = made["totals"]["all"]
    assert total["read"] == 3
    assert total["expected"] == total["on_time"] + total["late"] + total["unmeasured"]
    assert made["units"][0]["name"] in desk.run("sla", "report", "--period", period.name).stdout
    csv = desk.run("sla", "report", "--period", period.name, "--format", "csv").stdout
    assert f",{total['expected']}," in csv
    book = tmp_path / "report.xlsx"
    desk.run("sla", "report", "--period", period.name, "--format", "xlsx", "--to", str(book))
    assert openpyxl.load_workbook(book).worksheets[0]["E2"].value == total["expected"]
    draft = tmp_path / "draft.docx"
    desk.run("sla", "report", "--period", period.name, "--format", "docx", "--to", str(draft))
    text = "".join(p.text for p in Document(str(draft)).paragraphs)
    assert f"本期应交换{total['expected']}次" in text

    proof = tmp_path / "evidence.zip"
    desk.run("evidence", "export", period.name, str(proof))
    assert "0 unequal" in desk.run("evidence", "verify", str(proof)).stdout
    assert desk.read("sla", "verify", str(proof))["equal"] is True
    copy = tmp_path / "copy.zip"
    with zipfile.ZipFile(proof) as old, zipfile.ZipFile(copy, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(b'"read": 3', b'"read": 4', 1) if name == "receipts.jsonl" else data)
    assert "was changed" in desk.run("evidence", "verify", str(copy), code=1).stdout
    assert desk.read("evidence", "verify", str(copy), code=1)["equal"] is False


def test_a_docket_from_its_filing_to_its_withdrawal(desk: Desk) -> None:
    """Filed, listed, ruled on once; what does not fit ends with words and code 1."""
    desk.run("sla", "report")
    day = datetime.now(UTC).astimezone(CHINA).date() + timedelta(days=1)
    if Period.around(day) != Period.around(day - timedelta(days=1)):
        pytest.skip("tomorrow lies in another half month")
    words = (
        "docket",
        "file",
        "person_in",
        "--from",
        str(day),
        "--to",
        str(day + timedelta(days=1)),
        "--why",
        "机房割接",
    )
    said = desk.run(*words, "--reason", "maintenance").stdout
    no = said.split()[1]
    assert [row["no"] for row in desk.read("docket", "list", "--unit", "gxj")] == [no]
    desk.run("docket", "rule", no, "--why", "公告在先")
    assert "ruled on already" in desk.run("docket", "rule", no, "--why", "再议", code=1).stderr
    desk.run("docket", "withdraw", no, "--why", "割接取消")
    assert desk.read("docket", "list")[0]["withdrawn_why"] == "割接取消"
    assert "no reason of this kind" in desk.run(*words, "--reason", "weather", code=1).stderr


def test_a_circular_from_its_draft_to_its_files(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drafted, reviewed, frozen once, published and printed; before its period is over it is refused."""
    if not fonts.find().files:
        pytest.skip("no Chinese font is installed (fonts-noto-cjk)")
    period = Period.around(datetime.now(UTC).astimezone(CHINA).date())
    desk.run("sla", "report")
    assert "is not over" in desk.run("circular", "draft", period.name, code=1).stderr
    monkeypatch.setenv("GATEWAY_NOW", (period.ends + timedelta(days=5)).isoformat())
    assert "draft" in desk.run("circular", "draft", period.name).stdout
    desk.run("circular", "review", period.name)
    assert "frozen as issue 1" in desk.run("circular", "freeze", period.name).stdout
    assert "is frozen" in desk.run("circular", "freeze", period.name, code=1).stderr
    desk.run("circular", "publish", period.name)
    assert [(row["period"], row["state"]) for row in desk.read("circular", "list")] == [(period.name, "published")]
    desk.run("circular", "print", period.name, "--to", str(tmp_path / "out"))
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".pdf", ".docx", ".xlsx", ".csv", ".json"}


def test_what_is_no_period_or_form_is_refused(desk: Desk) -> None:
    """A period by code 1 with how it is written, a form by code 2."""
    assert "2026-11A" in desk.run("sla", "report", "--period", "november", code=1).stderr
    desk.run("sla", "report", "--format", "odt", code=2)
    desk.run("sla", "report", "--format", "xlsx", code=2)  # needs a file
