"""The circular on paper: PDF by typst, which the gateway vouches for, and DOCX, which the office edits and seals."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway import printing

_TEMPLATE = Path(__file__).parent / "templates" / "circular.typ"
_LINE_PT = 28.95  # 22 lines on a page
_BODY, _TITLE, _HEADING = "仿宋_GB2312", "方正小标宋简体", "黑体"
_RED = "C8161D"


def pdf(doc: Mapping[str, Any]) -> bytes:
    """Return a document as PDF, the same bytes for the same words; DocumentRefused names characters that no font draws."""
    stamp = datetime.fromisoformat(doc["iso"]).replace(tzinfo=UTC)
    return printing.pdf(_TEMPLATE, f"the circular {doc['number']}", doc, {"doc": json.dumps(doc)}, stamp, around=True)


def docx(doc: Mapping[str, Any]) -> bytes:
    """Return the same document as DOCX: 22 lines of 28 characters by its grid, with the fonts that offices have."""
    from docx import Document  # noqa: PLC0415 - a library that only who prints loads

    file = Document()
    _page(file)
    _line(file, doc["masthead"], font=_TITLE, size=30, align=1, colour=_RED)
    _line(file, doc["number"], align=1)
    for words in doc["title"]:
        _line(file, words, font=_TITLE, size=22, align=1)
    _line(file, doc["to"])
    _line(file, doc["lead"], indent=True)
    for section in doc["sections"]:
        _line(file, section["heading"], font=_HEADING, indent=True)
        for block in section["blocks"]:
            _block(file, block)
    for words in (f"{doc['issuer']}　　　　", f"{doc['date']}　　　　"):
        _line(file, words, align=2)
    _line(file, "附件：迟到、免考核与未观测明细（XLSX）", indent=True)
    _line(file, doc["evidence"], size=10.5)
    _line(file, f"　{doc['issuer']}　　{doc['date']}印发　", size=14)
    data = io.BytesIO()
    file.save(data)
    return data.getvalue()


def _block(file: Any, block: Mapping[str, Any]) -> None:
    if block["kind"] == "table":
        _table(file, block["heads"], block["rows"])
    elif block["kind"] == "bars":
        named = "，".join(f"{day}日{bp // 100}.{bp % 100:02}" for day, bp in block["bars"])
        _line(file, f"{block['text']}：{named}", size=10.5)
    else:
        _line(file, block["text"], size=10.5 if block["kind"] == "note" else 16, indent=block["kind"] != "note")


def _page(file: Any) -> None:
    from docx.oxml.ns import qn  # noqa: PLC0415
    from docx.shared import Mm  # noqa: PLC0415

    section = file.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(37), Mm(35)
    section.left_margin, section.right_margin = Mm(28), Mm(26)
    grid = section._sectPr.find(qn("w:docGrid"))  # noqa: SLF001 - python-docx has no words for the grid
    grid.set(qn("w:type"), "linesAndChars")
    grid.set(qn("w:linePitch"), "579")
    grid.set(qn("w:charSpace"), "-843")


def _line(
    file: Any, words: str, *, font: str = _BODY, size: float = 16, align: int | None = None, indent: bool = False,
    colour: str | None = None,
) -> None:  # fmt: skip
    from docx.oxml import OxmlElement  # noqa: PLC0415
    from docx.oxml.ns import qn  # noqa: PLC0415
    from docx.shared import Pt, RGBColor  # noqa: PLC0415

    paragraph = file.add_paragraph()
    form = paragraph.paragraph_format
    form.space_before = form.space_after = Pt(0)
    form.line_spacing = Pt(_LINE_PT if size <= 16 else size * 1.6)  # noqa: PLR2004 - larger lines need more room
    form.alignment = align
    if indent:
        first = OxmlElement("w:ind")
        first.set(qn("w:firstLineChars"), "200")
        paragraph._p.get_or_add_pPr().append(first)  # noqa: SLF001 - indents in characters are its business alone
    run = paragraph.add_run(words)
    run.font.size, run.font.name = Pt(size), font
    if colour:
        run.font.color.rgb = RGBColor.from_string(colour)
    run._element.rPr.get_or_add_rFonts().set(qn("w:eastAsia"), font)  # noqa: SLF001 - the name alone is the Latin font


def _table(file: Any, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from docx.shared import Pt  # noqa: PLC0415

    table = file.add_table(rows=0, cols=len(heads))
    table.style = "Table Grid"
    for row in (heads, *rows):
        for cell, words in zip(table.add_row().cells, row, strict=True):
            cell.text = words
            cell.paragraphs[0].runs[0].font.size = Pt(10.5)
