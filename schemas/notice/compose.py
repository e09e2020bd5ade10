"""A notice as one unit reads it: text, page, calendar entry and the short form, all from the same facts."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from gateway import settings
from gateway.model import Catalog
from gateway.notify.message import Message
from schemas.diff.model import Change
from schemas.notice import impact, terms, words
from schemas.notice.store import Notice, Recipient, Revision

STYLE = (Path(__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")
_FOLDED = 73  # octets of a line of an iCalendar object, less the break


def message(
    catalog: Catalog, notice: Notice, revision: Revision, own: Recipient, link: str | None, asks: str = ""
) -> Message:
    """Return the message that tells a unit of a revision; `asks` names what it is reminded of."""
    facts = facts_of(catalog, notice, revision, own, link)
    what, day = facts["dataset"], revision.effective_on
    due = f"（请于{_day(revision.answers_due)}前确认）" if revision.answers_due and not facts["withdrawn"] else ""
    head = "撤回 · " if facts["withdrawn"] else f"{asks} · " if asks else ""
    subject = f"[结构变更通知] {head}{facts['platform']}.{what} {_day(day)}起变更{due}"
    short = f"{subject}。{facts['impact']}。{notice.number} {notice.dataset} {day}"
    return Message(
        topic=f"{notice.number} r{revision.revision}",
        subject=subject,
        text=template("notice.txt.j2").render(facts),
        short=short,
        html=template("notice.html.j2").render(facts),
        link=link,
        ics=_calendar(notice, revision, subject, withdrawn=facts["withdrawn"]),
    )


def facts_of(catalog: Catalog, notice: Notice, revision: Revision, own: Recipient, link: str | None) -> dict[str, Any]:
    """Return what the templates and the page show of a notice to one unit."""
    units, dataset = catalog.units, catalog.datasets[notice.dataset]
    titles = {f.name: f.chinese for f in dataset.fields}
    uses = impact.uses(catalog.routes, dataset, notice.platform)
    routes = next((use.routes for use in uses if use.unit == own.unit), ())
    return {
        "style": STYLE, "body": defaultdict(str, revision.body), "link": link,
        "notice": notice, "revision": revision, "withdrawn": notice.state == "withdrawn",
        "unit": units[own.unit].name if own.unit in units else own.unit,
        "publisher": units[notice.publisher].name if notice.publisher in units else notice.publisher,
        "platform": catalog.platforms[notice.platform].name, "dataset": dataset.chinese,
        "class_name": terms.CHINESE[revision.class_], "provisional": revision.basis == "provisional",
        "level": own.impact, "impact": words.IMPACT[own.impact], "impact_english": words.IMPACT_ENGLISH[own.impact],
        "measures": revision.body.get("measures") or words.MEASURES[own.impact], "routes": "、".join(routes) or "—",
        "answers": "、".join(words.ANSWERS.values()),
        "items": [_item(item, titles) for item in own.uses],
    }  # fmt: skip


def _item(item: dict[str, Any], titles: dict[str, str]) -> dict[str, str]:
    column = impact.column_of(Change.of(item))
    title = titles.get(column or "", "")
    return {
        "name": f"{title}（{column}）" if title else column or item["path"] or "整体",
        "kind": words.kind(item["rule"]), "before": words.value(item["before"]), "after": words.value(item["after"]),
        "level": item["effect"], "impact": words.IMPACT[item["effect"]], "rule": item["rule"],
    }  # fmt: skip


def _day(day: Any) -> str:
    return f"{day.month}月{day.day}日"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html.j2"]), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def template(name: str) -> Template:
    """Return one of the notice's templates; what stands in pages is escaped."""
    return _environment().get_template(name)


def _calendar(notice: Notice, revision: Revision, subject: str, *, withdrawn: bool) -> bytes:
    """Return the day of effect as an iCalendar object (RFC 5545); a revision replaces the entry, a withdrawal cancels it."""
    day = revision.effective_on
    stamp = (revision.announced_at or settings.now()).astimezone(UTC)
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//exchange-gateway//notices//ZH",
        f"METHOD:{'CANCEL' if withdrawn else 'PUBLISH'}", "BEGIN:VEVENT",
        f"UID:{notice.number}@exchange-gateway", f"SEQUENCE:{revision.revision}", f"DTSTAMP:{stamp:%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}", f"DTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{_escaped(subject)}", f"STATUS:{'CANCELLED' if withdrawn else 'CONFIRMED'}",
        "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-P2D", f"DESCRIPTION:{_escaped(subject)}", "END:VALARM",
        "END:VEVENT", "END:VCALENDAR",
    ]  # fmt: skip
    return "".join(f"{_fold(line)}\r\n" for line in lines).encode()


def _escaped(text: str) -> str:
    for sign in ("\\", ";", ","):
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", "\\n")


def _fold(line: str) -> str:
    """Break a line after 75 octets at a character's border, as RFC 5545 asks."""
    parts, length = [""], 0
    for sign in line:
        size = len(sign.encode())
        if length + size > _FOLDED:
            parts.append("")
            length = 0
        parts[-1] += sign
        length += size
    return "\r\n ".join(parts)


def sent_at(revision: Revision) -> datetime:
    """Return when a revision was announced; a draft was not."""
    assert revision.announced_at is not None
    return revision.announced_at
