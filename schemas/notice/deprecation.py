"""What an HTTP interface of the gateway says of itself when a notice is about it: Deprecation, Sunset and Link headers.

Deprecation is RFC 9745, Sunset RFC 8594. Both are days of the notice in China: deprecated from the beginning of the day of effect,
gone at the end of the last day of the transition.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

from psycopg2.extensions import connection as Connection

from gateway import settings
from gateway.errors import NoticeRefused
from schemas.notice import store
from schemas.notice.store import Notice, Revision

_URL = re.compile(r"https?://[!#-;=?-Z\[\]_a-z~%]+|/[!#-;=?-Z\[\]_a-z~%]*")  # no quote, bracket, blank or line break
_TOLD = frozenset({"announced", "effective", "transition"})


def of(connection: Connection, platform: str, dataset: str) -> dict[str, str]:
    """Return the headers of an interface that serves a platform and a data set: of the newest notice about them, if any."""
    found = store.rows(connection, "told_about", {"platform": platform, "dataset": dataset})
    if not found:
        return {}
    notice = store.get(connection, found[0]["notice"])
    base = settings.public_url()
    about = f"{base}/exchange/notice/{notice.notice}" if base else None
    return headers(notice, store.revision(connection, notice.notice, notice.revision), about=about)


def headers(
    notice: Notice, revision: Revision, *, about: str | None = None, successor: str | None = None
) -> dict[str, str]:
    """Return the headers of a response whose interface a notice is about; none while it is a draft, withdrawn or closed.

    `about` is the address of a page about the change, `successor` that of the interface that takes its place; NoticeRefused
    when one is no web address.
    """
    if notice.state not in _TOLD:
        return {}
    begins = _midnight(revision.effective_on)
    found = {"Deprecation": f"@{int(begins.timestamp())}"}
    links = {"deprecation": about, "successor-version": successor}
    if revision.transition_until is not None:
        ends = max(_midnight(revision.transition_until) + timedelta(days=1), begins)
        found["Sunset"] = format_datetime(ends.astimezone(UTC), usegmt=True)
        links["sunset"] = about
    if link := ", ".join(_link(address, rel) for rel, address in links.items() if address):
        found["Link"] = link
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), settings.CHINA)


def _link(address: str, relation: str) -> str:
    if not _URL.fullmatch(address):
        raise NoticeRefused("a link of a header is no web address", "Write https://host/path, percent-encoded.")
    kind = '; type="text/html"' if relation != "successor-version" else ""
    return f'<{address}>; rel="{relation}"{kind}'
