"""The notice on paper and as a file: what goes along with the mail, is printed, and is proven."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from gateway import fonts
from gateway.errors import DocumentRefused
from gateway.notify import outbox
from schemas.diff.model import Change, Effect
from schemas.notice import enclosures, lifecycle, paper, reminders, signed
from tests.command_line import invoke
from tests.conftest import ROOT
from tests.integration.notice.conftest import Noticing

NASTY = ("#panic()", '=HYPERLINK("https://x","y")', "+cmd|x!A1", "@SUM(1)", "$x^2$", '\\#read("x")', "*b* _i_ `c` <l> @ref", "] [", "{", "// /* = - + ~ '\"", "'a' = \"b\"", "<b>粗</b>")  # fmt: skip


@pytest.fixture(scope="module")
def font() -> None:
    """Skip where nothing can be printed."""
    if not fonts.find().files:
        pytest.skip("there is no Chinese font: install fonts-noto-cjk")


def parts(mail: EmailMessage) -> dict[str, EmailMessage]:
    """Return the parts of a mail that are no containers, by type."""
    return {part.get_content_type(): part for part in mail.walk() if not part.is_multipart()}


def mail_of(noticing: Noticing, unit: str = "zjj") -> EmailMessage:
    """Return the newest mail to a unit."""
    return [m for m in noticing.mails() if str(m["To"]).startswith(f"{unit}@")][-1]


def text_of(pdf: bytes, folder: Path) -> str:
    """Return the text of a document, read by another program."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is missing: install poppler-utils")
    (folder / "read.pdf").write_bytes(pdf)
    done = subprocess.run(["pdftotext", str(folder / "read.pdf"), "-"], capture_output=True, text=True, check=True)
    return done.stdout


def flat(text: str) -> str:
    """Return a text without blanks: lines of a document break where they must."""
    return "".join(c for c in text if not c.isspace() and c != "\u200b")


@pytest.mark.usefixtures("font")
def test_a_mail_has_text_page_calendar_document_and_file(noticing: Noticing) -> None:
    """In this order, the files under their Chinese names; all of them bear one check code."""
    noticing.announce()
    mail = mail_of(noticing)
    found = parts(mail)
    assert list(found) == ["text/plain", "text/html", "text/calendar", "application/pdf", "application/json"]
    names = [part.get_filename() for part in list(found.values())[3:]]
    assert names == ["变更通知单〔2026〕第1号第1版.pdf", "变更通知单〔2026〕第1号第1版.json"]
    assert b"filename*0*=utf-8''" in mail.as_bytes()  # RFC 2231
    said = signed.verified(found["application/json"].get_content(), noticing.deployment.keys.public_keys())
    assert (said["unit"], said["effective_on"], said["items"][0]["after"]) == (
        "市住房和城乡建设局",
        "2026-12-15",
        "full_name",
    )
    for kind in ("text/plain", "text/html"):
        assert signed.code(said) in found[kind].get_content()


@pytest.mark.usefixtures("font")
def test_page_and_document_say_the_same_facts(noticing: Noticing, tmp_path: Path) -> None:
    """Every fact that a unit is told stands in the text, on the page and on the paper."""
    lifecycle.announce(
        noticing.deployment,
        str(noticing.draft(basis="承数字〔2026〕3号", fallback="恢复旧字段", rehearsal="12月1日演练库", measures="改用新字段", contact="信息中心 0314-1")),
        who="张主任",
    )  # fmt: skip
    found = parts(mail_of(noticing))
    said = json.loads(found["application/json"].get_content())["facts"]
    printed = flat(text_of(found["application/pdf"].get_content(), tmp_path))
    shown = [flat(found[kind].get_content()).replace("</strong>", "") for kind in ("text/plain", "text/html")]
    alike = [said[n] for n in ("number", "publisher", "unit", "secrecy", "reason", "basis", "measures", "fallback", "rehearsal", "contact", "impact", "class_name", "dataset", "dataset_code")]  # fmt: skip
    alike += [said["routes"][0], *said["objects"], said["pressing"], *said["answers"], signed.code(said)]
    alike += [one[n] for one in said["items"] for n in ("kind", "before", "after", "impact", "why")]
    assert [(n, fact) for n, text in enumerate((printed, *shown)) for fact in alike if flat(fact) not in text] == []
    for words in ("2026年12月15日（发出后第15个工作日）", "2026年12月8日（发出后第10个工作日）"):
        assert all(words in text for text in (printed, *shown)), words
    for words in ("签发：张主任2026年11月24日9时", "varchar", "姓名"):
        assert words in printed


@pytest.mark.usefixtures("font")
def test_what_peers_named_is_text_and_never_markup(noticing: Noticing, tmp_path: Path) -> None:
    """Neither the printer nor the page obeys it; a column may have any name."""
    changes = [
        Change("column", f"public.person.{name}", name, name, Effect.breaking, Effect.none, "pg.column.drop")
        for name in NASTY
        if "." not in name
    ]
    body = {"platform": "pop", "dataset": "test.person", "reason": " ".join(NASTY), "origin": "planned nasty"}
    draft = lifecycle.draft(noticing.deployment, body, changes)
    lifecycle.announce(noticing.deployment, str(draft), who="#panic()")
    found = parts(mail_of(noticing))
    printed = flat(text_of(found["application/pdf"].get_content(), tmp_path))
    assert [name for name in NASTY if flat(name) not in printed] == []
    assert "<b>粗" not in found["text/html"].get_content()


@pytest.mark.usefixtures("font")
def test_a_list_longer_than_a_page_is_printed_whole(noticing: Noticing, tmp_path: Path) -> None:
    """Its row goes over pages; nothing runs off the paper."""
    noticing.announce()
    said = json.loads(parts(mail_of(noticing))["application/json"].get_content())["facts"]
    values = [f"v{n:04d}" for n in range(900)]
    said["items"][0]["after"] = "、".join(values)
    printed = flat(text_of(paper.printed(said), tmp_path))
    assert [value for value in values if value not in printed] == []


@pytest.mark.usefixtures("font")
def test_a_character_that_no_font_draws_is_found_before_anybody_is_told(noticing: Noticing) -> None:
    """The refusal names unit and character; reworded, the change is announced."""
    draft = str(noticing.draft(reason="改名 ⏳"))
    with pytest.raises(DocumentRefused, match=r"for \w+ cannot be printed: no font draws ⏳ \(U\+23F3\)") as refused:
        lifecycle.announce(noticing.deployment, draft, who="tester")
    assert "GATEWAY_FONTS" in refused.value.hint
    assert noticing.messages() == []
    assert noticing.city.ask("select state from gateway.notice") == [("draft",)]


def test_without_a_font_the_mail_goes_out_without_its_document(
    noticing: Noticing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The facts go along still; to print one by hand is refused with what to install."""
    monkeypatch.setattr(fonts, "find", lambda: replace(_none(), files=()))
    noticing.announce()
    found = parts(mail_of(noticing))
    assert list(found) == ["text/plain", "text/html", "text/calendar", "application/json"]
    with pytest.raises(DocumentRefused, match="no Chinese font"):
        paper.printed(json.loads(found["application/json"].get_content())["facts"])


def _none() -> fonts.Fonts:
    return fonts.Fonts(None, {}, ())  # type: ignore[arg-type]  # nothing is drawn with it


def test_a_font_that_went_away_keeps_nobody_from_being_reminded(
    noticing: Noticing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was announced whole is reminded of, if need be without its document."""
    noticing.announce()

    def refused(_: Any) -> bytes:
        raise DocumentRefused("no font draws 甲", "")

    monkeypatch.setattr(paper, "printed", refused)
    monkeypatch.setattr(fonts, "find", lambda: replace(_none(), files=(("x", 0),)))
    noticing.at("2026-12-04 10:00")
    assert dict(reminders.remind(noticing.deployment)) == {"soon": 1}
    assert "application/pdf" not in parts(mail_of(noticing))


def test_what_everybody_has_is_not_printed_again(noticing: Noticing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock asks every few minutes; a document is made when somebody is told, and not otherwise."""
    noticing.announce()
    made: list[str] = []
    monkeypatch.setattr(enclosures, "made", lambda _, said, **__: made.append(said["unit_code"]) or ())
    noticing.at("2026-12-04 10:00")
    assert [dict(reminders.remind(noticing.deployment)) for _ in range(3)] == [{"soon": 1}, {}, {}]
    assert made == ["zjj"]


@pytest.mark.usefixtures("font")
def test_the_same_facts_are_printed_to_the_same_bytes(noticing: Noticing) -> None:
    """Also by another process: a document tells when it was sent, not when it was printed."""
    noticing.announce()
    attached = parts(mail_of(noticing))["application/pdf"].get_content()
    said = json.loads(parts(mail_of(noticing))["application/json"].get_content())["facts"]
    program = "import json, sys; from schemas.notice import paper; sys.stdout.buffer.write(paper.printed(json.load(sys.stdin)))"
    elsewhere = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, input=json.dumps(said).encode(), capture_output=True, check=True
    )
    assert elsewhere.stdout == attached
    assert attached.startswith(b"%PDF-")


@pytest.mark.usefixtures("font")
def test_a_withdrawal_is_a_document_too(noticing: Noticing, tmp_path: Path) -> None:
    """It says that nothing happens, and asks for no answer."""
    noticing.announce()
    lifecycle.withdraw(noticing.deployment, "〔2026〕第1号", who="tester", why="取消改造")
    printed = flat(text_of(parts(mail_of(noticing))["application/pdf"].get_content(), tmp_path))
    assert "结构变更撤回通知单" in printed
    assert "取消改造" in printed
    assert "签收回执" not in printed


@pytest.mark.usefixtures("font")
def test_who_has_nothing_to_do_is_not_asked_to_do_it(noticing: Noticing, tmp_path: Path) -> None:
    """A unit that is not harmed is told for information; a withdrawal asks nobody for anything."""
    lifecycle.announce(noticing.deployment, str(noticing.draft(measures="改用新字段")), who="tester")
    for unit, told in (("mzj", False), ("zjj", True)):
        found = parts(mail_of(noticing, unit))
        printed = flat(text_of(found["application/pdf"].get_content(), tmp_path))
        for text in (printed, *(flat(found[kind].get_content()) for kind in ("text/plain", "text/html"))):
            assert ("改用新字段" in text, "可不回执" in text) == (told, not told), text
    assert "供知悉" in str(mail_of(noticing, "mzj")["Subject"])
    lifecycle.withdraw(noticing.deployment, "〔2026〕第1号", who="tester", why="取消改造")
    mail = mail_of(noticing)
    for kind in ("text/plain", "text/html"):
        text = flat(parts(mail)[kind].get_content())
        assert "无需处理" in text
        for words in ("改用新字段", "回执截止", "催办", "Pleaseanswer", "mustadapt"):
            assert words not in text
    assert "撤回" in str(mail["Subject"])


@pytest.mark.usefixtures("font")
def test_a_copy_is_printed_and_its_file_proven_at_the_desk(
    noticing: Noticing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that is written is the mail's; changed by one letter it is refused."""
    noticing.announce()
    monkeypatch.setattr("gateway.deployment.Deployment.open", lambda: noticing.deployment)
    done = invoke("notice", "print", "〔2026〕第1号", "--unit", "zjj", "--to", str(tmp_path))
    assert done.exit_code == 0, done.output
    file = tmp_path / "变更通知单〔2026〕第1号第1版.json"
    mailed = parts(mail_of(noticing))
    assert (tmp_path / "变更通知单〔2026〕第1号第1版.pdf").read_bytes() == mailed["application/pdf"].get_content()
    proven = invoke("notice", "verify", str(file))
    assert proven.exit_code == 0
    assert signed.code(json.loads(file.read_text(encoding="utf-8"))["facts"]) in proven.output
    file.write_text(file.read_text(encoding="utf-8").replace("2026-12-15", "2026-12-16"), encoding="utf-8")
    refused = invoke("notice", "verify", str(file))
    assert (refused.exit_code, "GW-713" in refused.output) == (1, True)
    stranger = invoke("notice", "print", "〔2026〕第1号", "--unit", "gaj", "--to", str(tmp_path))
    assert (stranger.exit_code, "no recipient" in stranger.output) == (1, True)


def test_what_waits_keeps_its_files(noticing: Noticing) -> None:
    """A message that is sent later bears them still."""
    noticing.announce()
    ((_, _, message), *_) = noticing.messages()
    assert [file.name.rpartition(".")[2] for file in message.attachments][-1] == "json"
    assert outbox.deliver(noticing.deployment).dead == 0
