"""The report after an emergency (事后报告): what it was, what it did, what was done; words, a document, or both."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import settings
from gateway.deployment import Deployment
from gateway.errors import NoticeRefused
from schemas.notice import gate, store, transition
from schemas.notice.act import acting
from schemas.notice.store import Notice

_MOST = 10_000_000  # bytes of a document


def keep(deployment: Deployment, name: str, *, who: str, words: str, file: Path | None) -> Notice:
    """Keep the report of an emergency; a later one takes its place, and each is an entry of the chain.

    NoticeRefused when the notice is no emergency in effect, or there is neither word nor document.
    """
    data = _read(file)
    if not words.strip() and data is None:
        raise NoticeRefused("a report has words or a document", "Give --why, --file or both.")
    with acting(deployment) as act:
        notice = store.lock(act.hub, store.find(act.hub, name))
        revision = store.revision(act.hub, notice.notice, notice.revision)
        if revision.class_ != "emergency" or notice.state not in {*gate.IN_EFFECT, "closed"}:
            raise NoticeRefused(f"notice {notice.name} is no emergency in effect", "Only those are reported on.")
        hashed = None if data is None else hashlib.sha256(data).hexdigest()
        values: dict[str, Any] = {
            "notice": notice.notice, "at": settings.now(), "who": who, "words": words, "file_hash": hashed,
            "file_name": None if file is None else file.name,
            "sealed": None if data is None else deployment.keys.seal(data, f"report {notice.notice}".encode()),
        }  # fmt: skip
        transition.run(act.hub, "report", values)
        act.chained(notice, {"what": "report", "who": who, "words": words, "file": hashed})
        return notice


def of(connection: Connection, notice: int) -> dict[str, Any] | None:
    """Return what is known of a notice's report, without the document; None when there is none."""
    return next(iter(transition.rows(connection, "reported", {"notice": notice})), None)


def _read(file: Path | None) -> bytes | None:
    if file is None:
        return None
    data = file.read_bytes()
    if not data or len(data) > _MOST:
        raise NoticeRefused(f"{file.name} is empty or larger than {_MOST:,} bytes", "Attach the report itself.")
    return data
