"""The page on which a unit reads a notice and answers it: whose link it is, and what it shows."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import connection as Connection

from gateway import settings
from gateway.errors import NotFound
from gateway.model import Catalog
from schemas.notice import compose, dispatch, store, words
from schemas.notice.store import Notice, Recipient, Revision

STYLE_HASH = base64.b64encode(hashlib.sha256(compose.STYLE.encode()).digest()).decode()


@dataclass(frozen=True, slots=True)
class Seen:
    """A notice as the unit of a link sees it; `newest` is the revision in force."""

    notice: Notice
    revision: Revision
    own: Recipient
    newest: int


def by_token(connection: Connection, token: str) -> Seen:
    """Return what a link shows; NotFound when there is no such link or it has expired."""
    found = store.rows(connection, "by_token", {"token_hash": dispatch.token_hash(token)})
    if not found or _over(found[0]["token_expires"]):
        raise NotFound("there is no such link", "Open the link of the newest message.")
    notice = store.get(connection, found[0]["notice"])
    revision = store.revision(connection, notice.notice, found[0]["revision"])
    told = store.recipients(connection, notice.notice, revision.revision)
    own = next(r for r in told if r.unit == found[0]["unit"])
    return Seen(notice, revision, own, found[0]["newest"])


def page(catalog: Catalog, seen: Seen, said: str = "", form: Mapping[str, str] | None = None) -> str:
    """Return the page: the notice, then the answer that was given or the form that asks for it."""
    facts = compose.facts_of(catalog, seen.notice, seen.revision, seen.own, None)
    choices = [(name, chinese, words.ANSWERS_ENGLISH[name]) for name, chinese in words.ANSWERS.items()]
    return compose.template("page.html.j2").render(
        facts, own=seen.own, choices=choices, said=said, form=defaultdict(str, form or {}), words=words,
        outdated=seen.newest != seen.revision.revision,
    )  # fmt: skip


def gone() -> str:
    """Return what is shown for a link that is not, or no longer, valid."""
    return compose.template("gone.html.j2").render(style=compose.STYLE)


def _over(expires: datetime) -> bool:
    return settings.now() > expires
