"""What a notice says to one unit: one set of facts, of which text, page, document, calendar and feed are made.

They are plain values, so that they can be written as JSON, signed, and compared. What peers named is text: characters
that nobody sees or that turn the reading direction are shown by their number.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Any

from gateway.model import Catalog, Dataset, Field
from gateway.settings import CHINA
from gateway.sla.calendar import Calendar
from schemas.diff.model import Change
from schemas.notice import impact, terms, words
from schemas.notice.store import Notice, Recipient, Revision

_TYPE = re.compile(r"(.*?)\(([\d, ]+)\)(.*)")
_HIDDEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
_SAID = ("reason", "basis", "remark", "emergency", "fallback", "rehearsal")


def of(catalog: Catalog, notice: Notice, revision: Revision, own: Recipient) -> dict[str, Any]:
    """Return the facts of a revision for one of its recipients."""
    dataset = catalog.datasets[notice.dataset]
    publisher = _unit(catalog, notice.publisher)
    found = {
        "number": notice.number, "revision": revision.revision, "withdrawn": notice.state == "withdrawn",
        "secrecy": words.SECRECY, "publisher": publisher, "contact": revision.body.get("contact") or publisher,
        "unit": _unit(catalog, own.unit), "unit_code": own.unit, "bureau": _unit(catalog, catalog.bureau),
        "platform": catalog.platforms[notice.platform].name, "platform_code": notice.platform,
        "dataset": dataset.chinese, "dataset_code": dataset.name, "objects": _objects(dataset, own),
        **{name: revision.body.get(name) or "" for name in _SAID},
        "level": own.impact, "impact": words.IMPACT[own.impact], "impact_english": words.IMPACT_ENGLISH[own.impact],
        "measures": (own.harmed and revision.body.get("measures")) or words.MEASURES[own.impact],
        "issued_by": revision.body.get("issued_by") or "", "answers": list(words.ANSWERS.values()),
        "evidence": words.evidence(own.uses), "rehearsed": words.rehearsal(own.rehearsal),
        "harmed": own.harmed, "pressing": words.PRESSING.format(bureau=_unit(catalog, catalog.bureau)),
        **_uses(catalog, notice, own, dataset), **_terms(catalog, revision),
    }  # fmt: skip
    shown: dict[str, Any] = visible(found)
    return shown


def visible(value: Any) -> Any:
    """Return a value in which every character of its texts is one that a reader sees; line breaks stay."""
    if isinstance(value, str):
        return "".join(c if c == "\n" or unicodedata.category(c) not in _HIDDEN else f"\\u{ord(c):04x}" for c in value)
    if isinstance(value, dict):
        return {name: visible(part) for name, part in value.items()}
    return [visible(part) for part in value] if isinstance(value, list) else value


def _unit(catalog: Catalog, unit: str) -> str:
    return catalog.units[unit].name if unit in catalog.units else unit


def _objects(dataset: Dataset, own: Recipient) -> list[str]:
    """Return the tables, interfaces or files that the changes name; the contract's table when they name none."""
    named = {item["path"].rpartition(".")[0] for item in own.uses if impact.column_of(Change.of(item))}
    return sorted(named) or [dataset.table]


def _uses(catalog: Catalog, notice: Notice, own: Recipient, dataset: Dataset) -> dict[str, Any]:
    """Return by which routes the unit uses the data set, whether it reads or writes, and what each change does to that."""
    used = impact.uses(catalog.routes, dataset, notice.platform)
    routes = next((list(use.routes) for use in used if use.unit == own.unit), [])
    at = [r for r in catalog.routes.values() if r.dataset.name == dataset.name and r.peer.platform == notice.platform]
    how = "读取" if any(not route.outbound for route in at) else "写入"
    fields = {f.name: f for f in dataset.fields}
    items = [_item(item, fields, dataset.key, how) for item in own.uses]
    return {"routes": routes, "how": how, "items": items}


def _item(item: dict[str, Any], fields: dict[str, Field], key: tuple[str, ...], how: str) -> dict[str, Any]:
    column = impact.column_of(Change.of(item))
    known = fields.get(column or "")
    title = known.chinese if known else ""
    parts = _TYPE.fullmatch(known.type) if known else None
    reason = f"贵单位的链路{how}它" if item["used"] else "贵单位的链路未携带它"
    return {
        "name": f"{title}（{column}）" if title else column or item["path"] or "整体",
        "title": title, "code": column or item["path"], "path": item["path"],
        "type": parts[1] + parts[3] if parts else known.type if known else "", "length": parts[2] if parts else "",
        "required": known.required if known else None, "key": column in key if known else None,
        "kind": words.kind(item["rule"], item["kind"]), "before": words.value(item["before"]), "after": words.value(item["after"]),
        "level": item["effect"], "impact": words.IMPACT[item["effect"]], "used": item["used"],
        "why": f"{reason}；规则 {item['rule']}", "rule": item["rule"],
    }  # fmt: skip


def _terms(catalog: Catalog, revision: Revision) -> dict[str, Any]:
    """Return class and dates, with the working days from the sending to each of them."""
    calendar = Calendar.from_files(catalog.calendar_files)
    zero = terms.day_zero(revision.announced_at, calendar) if revision.announced_at else None
    sent = revision.announced_at.astimezone(CHINA) if revision.announced_at else None
    return {
        "class": revision.class_, "class_name": terms.CHINESE[revision.class_],
        "announced_at": f"{sent:%Y-%m-%d %H:%M:%S}" if sent else None,
        "effective_on": revision.effective_on.isoformat(), "provisional": revision.basis == "provisional",
        "effective_workdays": _between(calendar, zero, revision.effective_on),
        "transition_until": _iso(revision.transition_until), "transition_workdays": terms.TRANSITION,
        "answers_due": _iso(revision.answers_due), "answer_workdays": _between(calendar, zero, revision.answers_due),
    }  # fmt: skip


def _between(calendar: Calendar, zero: date | None, day: date | None) -> int | None:
    return calendar.workdays_between(zero, day) if zero and day else None


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
