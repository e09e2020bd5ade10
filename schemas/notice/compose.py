"""A notice as one unit reads it: text, page, calendar entry and the short form, all from the same facts."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from gateway import settings
from gateway.model import Catalog
from gateway.notify.message import Message
from schemas.notice import calendar, facts, signed, words
from schemas.notice.calendar import Entry
from schemas.notice.store import Notice, Recipient, Revision

STYLE = (Path(__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")


def message(
    catalog: Catalog, notice: Notice, revision: Revision, own: Recipient, link: str | None, asks: str = ""
) -> Message:
    """Return the message that tells a unit of a revision; `asks` names what it is reminded of."""
    shown = facts_of(catalog, notice, revision, own, link)
    shown["code"] = signed.code(facts.of(catalog, notice, revision, own))
    subject = subject_of(shown, revision, asks)
    short = f"{subject}。{shown['impact']}。{notice.number} {notice.dataset} {revision.effective_on}"
    return Message(
        topic=f"{notice.number} r{revision.revision}",
        subject=subject,
        text=template("notice.txt.j2").render(shown),
        short=short,
        html=template("notice.html.j2").render(shown),
        link=link,
        ics=calendar.message(entry(notice, revision, subject)),
    )


def subject_of(shown: dict[str, Any], revision: Revision, asks: str = "") -> str:
    """Return the subject under which a revision is told, also in a feed."""
    acts = shown["harmed"] and revision.answers_due
    due = f"（请于{_day(revision.answers_due)}前确认）" if acts else "（供知悉）"
    if shown["withdrawn"]:
        return f"[结构变更通知] 撤回 · {shown['platform']}.{shown['dataset']} {_day(revision.effective_on)}不再变更"
    head = f"{asks} · " if asks else ""
    return f"[结构变更通知] {head}{shown['platform']}.{shown['dataset']} {_day(revision.effective_on)}起变更{due}"


def entry(notice: Notice, revision: Revision, subject: str, *, stamp: datetime | None = None) -> Entry:
    """Return the day of effect as a calendar's entry, of the moment it is told unless another is given."""
    stamp = stamp or settings.now()
    withdrawn = notice.state == "withdrawn"
    return Entry(notice.number or "", revision.revision, revision.effective_on, stamp, subject, withdrawn)


def facts_of(catalog: Catalog, notice: Notice, revision: Revision, own: Recipient, link: str | None) -> dict[str, Any]:
    """Return what the templates and the page show of a notice to one unit: its facts, and what only they need."""
    found = facts.of(catalog, notice, revision, own)
    return {**found, "style": STYLE, "link": link, "notice": notice, "revision": revision, "flags": words.FLAGS}


def _day(day: Any) -> str:
    return f"{day.month}月{day.day}日"


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html.j2"]), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found.filters["day"] = words.day
    return found


def template(name: str) -> Template:
    """Return one of the notice's templates; what stands in pages is escaped."""
    return _environment().get_template(name)


def sent_at(revision: Revision) -> datetime:
    """Return when a revision was announced; a draft was not."""
    assert revision.announced_at is not None
    return revision.announced_at
