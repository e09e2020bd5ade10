"""Notices in the ledger: rows in and out, inside the caller's transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from gateway import pg
from gateway.errors import NotFound
from gateway.sql import queries
from schemas.notice.terms import Class
from schemas.snapshot.document import canonical

_SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as it stands; `number` is empty and `revision` 0 while it is a draft."""

    notice: int
    number: str | None
    platform: str
    dataset: str
    publisher: str
    origin: str
    state: str
    revision: int
    created_at: datetime

    @property
    def name(self) -> str:
        """Return its number, or that it is a draft."""
        return self.number or f"draft {self.notice}"


@dataclass(frozen=True, slots=True)
class Revision:
    """What was announced under one number of revision."""

    notice: int
    revision: int
    class_: Class
    effective_on: date
    transition_until: date | None
    announced_at: datetime | None
    answers_due: date | None
    basis: str
    body: Mapping[str, Any]


def kept(body: Mapping[str, Any]) -> Any:
    """Return what a revision says as the ledger keeps it, to be compared."""
    return json.loads(canonical(dict(body)))


@dataclass(frozen=True, slots=True)
class Recipient:
    """A unit that is told, what the change does to it, and what it answered."""

    unit: str
    impact: str
    uses: list[dict[str, Any]]
    answer: str | None = None
    answer_until: date | None = None
    remark: str | None = None
    answered_by: str | None = None
    answered_title: str | None = None
    answered_at: datetime | None = None
    escalated_at: datetime | None = None
    rehearsal: Mapping[str, Any] | None = None

    @property
    def harmed(self) -> bool:
        """Tell whether it has to do something before the change may take effect."""
        return self.impact == "breaking"

    @property
    def blocks(self) -> bool:
        """Tell whether the change has to wait for it: harmed, and silent, or asking for time, or objecting."""
        return self.harmed and self.answer not in {"no_impact", "adapted"}


def rows(connection: Connection, statement: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a named statement."""
    return pg.dicts(connection, _SQL[statement], values)


def run(connection: Connection, statement: str, values: Mapping[str, Any]) -> int:
    """Run a named statement; mappings and lists become JSON. Returns how many rows it touched."""
    made = {name: Json(value) if isinstance(value, dict | list) else value for name, value in values.items()}
    return pg.run(connection, _SQL[statement], made)


def draft(connection: Connection, *, platform: str, dataset: str, publisher: str, origin: str) -> int:
    """Open a draft and return its id."""
    values = {"platform": platform, "dataset": dataset, "publisher": publisher, "origin": origin}
    return int(rows(connection, "draft", values)[0]["notice"])


def of_origin(connection: Connection, origin: str) -> int | None:
    """Return the notice that an origin already has."""
    found = rows(connection, "of_origin", {"origin": origin})
    return int(found[0]["notice"]) if found else None


def find(connection: Connection, name: str) -> int:
    """Return a notice's id by its number, or by its id while it is a draft; NotFound when there is none."""
    found = rows(connection, "find", {"name": name})
    if not found:
        raise NotFound(f"there is no notice {name}", "Run `gateway notice list`.")
    return int(found[0]["notice"])


def get(connection: Connection, notice: int) -> Notice:
    """Return a notice."""
    return Notice(**rows(connection, "get", {"notice": notice})[0])


def lock(connection: Connection, notice: int) -> Notice:
    """Return a notice and hold it until the transaction ends."""
    return Notice(**rows(connection, "lock", {"notice": notice})[0])


def revision(connection: Connection, notice: int, number: int) -> Revision:
    """Return a revision; revision 0 is the draft's."""
    found = rows(connection, "revision", {"notice": notice, "revision": number})[0]
    return Revision(class_=found.pop("class"), **found)


def recipients(connection: Connection, notice: int, number: int) -> list[Recipient]:
    """Return whom a revision was told to."""
    found = rows(connection, "recipients", {"notice": notice, "revision": number})
    done = rehearsed(connection, revision(connection, notice, number)) if found else {}
    return [Recipient(**row, rehearsal=done.get(row["unit"])) for row in found]


def plan_of(revision: Revision) -> str:
    """Return the hash of what a revision changes: a rehearsal stands for every revision that changes the same."""
    kept = {name: revision.body.get(name) for name in ("script", "kind", "old", "new", "changes")}
    return hashlib.sha256(canonical(kept)).hexdigest()


def rehearsed(connection: Connection, revision: Revision) -> dict[str, dict[str, Any]]:
    """Return the last rehearsal of what a revision changes, by unit; none when there was none."""
    values = {"notice": revision.notice, "revision": revision.revision, "plan": plan_of(revision)}
    return {row["unit"]: row for row in rows(connection, "rehearsed", values)}


def next_number(connection: Connection, year: int) -> str:
    """Return the next number of a year, 〔2026〕第1号; announcements wait for each other."""
    rows(connection, "serialise_numbers", {})
    count = rows(connection, "next_number", {"year": f"〔{year}〕第%"})[0]
    return f"〔{year}〕第{next(iter(count.values()))}号"
