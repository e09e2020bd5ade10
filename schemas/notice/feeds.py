"""The notices of a unit as its programs fetch them: Atom (RFC 4287) with an entry a revision, and one calendar.

A feed shows and never answers: it bears no link by which a unit answers, for the addresses of feeds get about.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lxml import etree
from psycopg2.extensions import connection as Connection

from gateway.model import Catalog
from schemas.notice import calendar, compose, facts, store
from schemas.notice.store import Notice, Recipient, Revision

NAMESPACE = "http://www.w3.org/2005/Atom"
_NEWEST = 100  # revisions; what is older is in the ledger
_NOTICE = ("notice", "number", "platform", "dataset", "publisher", "origin", "state", "revision", "created_at")
_REVISION = ("notice", "revision", "effective_on", "transition_until", "announced_at", "answers_due", "basis", "body")
_NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Told:
    """A revision that a unit was told, and when that, or the withdrawal, was."""

    notice: Notice
    revision: Revision
    own: Recipient
    updated: datetime


def told(connection: Connection, unit: str) -> list[Told]:
    """Return what a unit was told, newest first."""
    return [_told(row) for row in store.rows(connection, "of_unit", {"unit": unit, "limit": _NEWEST})]


def atom(catalog: Catalog, rows: Iterable[Told], unit: str) -> bytes:
    """Return the Atom feed of a unit; the id of an entry stays, its `updated` moves when the notice is withdrawn."""
    found = _known(catalog, rows)
    feed = etree.Element(_name("feed"), nsmap={None: NAMESPACE})
    feed.set("{http://www.w3.org/XML/1998/namespace}lang", "zh-CN")
    _text(feed, "id", _id(catalog, unit))
    _text(feed, "title", _title(catalog, unit))
    _text(feed, "updated", _moment(max((one.updated for one in found), default=_NEVER)))
    _text(etree.SubElement(feed, _name("author")), "name", catalog.city)
    _text(feed, "generator", "exchange-gateway")
    for one in found:
        _entry(catalog, feed, one)
    made: bytes = etree.tostring(feed, encoding="UTF-8", xml_declaration=True)
    return made


def calendar_of(catalog: Catalog, rows: Iterable[Told], unit: str) -> bytes:
    """Return the calendar of a unit: the day of effect of each notice, by the newest revision that it was told."""
    newest: dict[int, Told] = {}
    for one in _known(catalog, rows):  # newest first
        newest.setdefault(one.notice.notice, one)
    entries = [
        compose.entry(one.notice, one.revision, _subject(catalog, one), stamp=one.updated) for one in newest.values()
    ]
    return calendar.feed(entries, _title(catalog, unit))


def _told(row: dict[str, Any]) -> Told:
    notice = Notice(**{name: row[name] for name in _NOTICE})
    revision = Revision(class_=row["class"], **{name: row[name] for name in _REVISION})
    own = Recipient(row["unit"], row["impact"], row["uses"])
    return Told(notice, revision, own, row["withdrawn_at"] or row["announced_at"])


def _known(catalog: Catalog, rows: Iterable[Told]) -> list[Told]:
    """Leave out what is about a platform or a data set that the city has given up: nobody can say what it was."""
    return [
        one for one in rows
        if one.notice.platform in catalog.platforms and one.notice.dataset in catalog.datasets
    ]  # fmt: skip


def _entry(catalog: Catalog, feed: Any, one: Told) -> None:
    shown = compose.facts_of(catalog, one.notice, one.revision, one.own, None)
    entry = etree.SubElement(feed, _name("entry"))
    _text(entry, "id", _id(catalog, one.own.unit, str(one.notice.number), str(one.revision.revision)))
    _text(entry, "title", _subject(catalog, one))
    _text(entry, "updated", _moment(one.updated))
    _text(entry, "published", _moment(compose.sent_at(one.revision)))
    _text(etree.SubElement(entry, _name("author")), "name", shown["publisher"])
    etree.SubElement(entry, _name("category"), term=shown["class"], label=shown["class_name"])
    _text(entry, "summary", f"{shown['number']} 第{shown['revision'].revision}版：{shown['impact']}")
    _text(entry, "content", compose.template("facts.html.j2").render(shown), type="html")


def _subject(catalog: Catalog, one: Told) -> str:
    found = facts.of(catalog, one.notice, one.revision, one.own)
    return compose.subject_of(found, one.revision)


def _title(catalog: Catalog, unit: str) -> str:
    return f"结构变更通知 · {catalog.units[unit].name if unit in catalog.units else unit}"


def _id(catalog: Catalog, *parts: str) -> str:
    """Return an id of its own for a feed or an entry, whatever address it is fetched from."""
    return uuid.uuid5(uuid.NAMESPACE_URL, "/".join(("exchange-gateway", catalog.division, *parts))).urn


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(parent: Any, name: str, text: str, **attributes: str) -> None:
    etree.SubElement(parent, _name(name), attributes).text = text


def _name(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
