"""The notices of a unit as its programs fetch them: no login, a token; Atom and a calendar."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from icalendar import Calendar
from lxml import etree
from psycopg2 import OperationalError
from starlette.testclient import TestClient

from gateway.security import tokens
from schemas.notice import feeds, lifecycle
from tests.conftest import ROOT
from tests.integration.notice.conftest import DAY, Noticing

ATOM = {"a": feeds.NAMESPACE}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# RFC 4287, 4.1: how often an element stands below another.
BELOW = {
    "feed": {"id": (1, 1), "title": (1, 1), "updated": (1, 1), "author": (1, 1), "generator": (0, 1), "entry": (0, 100)},
    "entry": {"id": (1, 1), "title": (1, 1), "updated": (1, 1), "published": (0, 1), "author": (1, 1), "category": (1, 1), "summary": (0, 1), "content": (1, 1)},
    "author": {"name": (1, 1)},
}  # fmt: skip


@dataclass
class Reader:
    """A feed reader of one unit."""

    client: TestClient
    raw: str

    def get(self, name: str, **more: Any) -> Any:
        """Fetch a feed."""
        return self.client.get(f"/{self.raw}/notices.{name}", **more)

    def atom(self) -> Any:
        """Return the Atom feed, held against the rules of its standard."""
        found = self.get("atom")
        assert (found.status_code, found.headers["content-type"]) == (200, "application/atom+xml; charset=utf-8")
        root = etree.fromstring(found.content)
        check(root)
        return root

    def titles(self) -> list[str]:
        """Return the titles of the entries, in order."""
        return [str(t) for t in self.atom().xpath("a:entry/a:title/text()", namespaces=ATOM)]

    def days(self) -> dict[str, tuple[date, str]]:
        """Return day and state of each entry of the calendar, by its UID."""
        found = self.get("ics")
        assert (found.status_code, found.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
        events = Calendar.from_ical(found.content).walk("VEVENT")
        return {str(e["UID"]): (e.decoded("DTSTART"), str(e["STATUS"])) for e in events}


def check(element: Any) -> None:
    """Hold an element of Atom and what is below it against the standard's rules."""
    name = etree.QName(element)
    assert name.namespace == feeds.NAMESPACE
    allowed = BELOW.get(name.localname, {})
    below = [etree.QName(child).localname for child in element]
    assert set(below) <= set(allowed), name
    assert [n for n, (least, most) in allowed.items() if not least <= below.count(n) <= most] == [], name
    if name.localname in {"updated", "published"}:
        assert RFC3339.fullmatch(element.text)
    if name.localname == "id":
        assert element.text.startswith("urn:uuid:")
    if name.localname == "content":
        assert element.get("type") == "html"
    for child in element:
        check(child)


@pytest.fixture
def client(noticing: Noticing, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Yield a program without a login before the app that Airflow mounts."""
    monkeypatch.syspath_prepend(str(ROOT / "plugins"))
    module: Any = importlib.import_module("exchange_app.feeds")
    monkeypatch.setattr(module, "_deployment", lambda _: noticing.deployment)
    with TestClient(module.app, raise_server_exceptions=False) as found:
        yield found


def reader(noticing: Noticing, client: TestClient, unit: str = "zjj") -> Reader:
    """Return a reader with a token of a unit."""
    return Reader(client, tokens.make(noticing.deployment, unit, "feed", who="tester").raw)


def test_a_feed_without_notices_is_a_feed(noticing: Noticing, client: TestClient) -> None:
    """With a date of its own that does not move, so that nobody fetches it twice."""
    zjj = reader(noticing, client)
    assert zjj.titles() == []
    assert zjj.days() == {}
    assert zjj.get("atom").headers["etag"] == zjj.get("atom").headers["etag"]


def test_a_unit_sees_what_it_was_told_and_no_others(noticing: Noticing, client: TestClient) -> None:
    """Its own impact, by its own token; the publisher, who was not told, sees nothing."""
    noticing.announce()
    zjj, mzj, gaj = (reader(noticing, client, unit) for unit in ("zjj", "mzj", "gaj"))
    assert zjj.titles() == ["[结构变更通知] 人口库.测试人员 12月15日起变更（请于12月8日前确认）"]
    (mine,), (other,) = (r.atom().xpath("a:entry/a:summary/text()", namespaces=ATOM) for r in (zjj, mzj))
    assert (mine, other) == ("〔2026〕第1号 第1版：须改造", "〔2026〕第1号 第1版：可能涉及")
    assert "市民政局" not in zjj.get("atom").text
    assert (gaj.titles(), gaj.days()) == ([], {})
    assert zjj.days() == {"〔2026〕第1号@exchange-gateway": (DAY("2026-12-15"), "CONFIRMED")}


def test_an_entry_a_revision_and_one_day_a_notice(noticing: Noticing, client: TestClient) -> None:
    """Ids stay, the newest stands first, and the calendar's entry moves; a withdrawal is the newest update of the last one."""
    noticing.announce()
    zjj = reader(noticing, client)
    (first,) = zjj.atom().xpath("a:entry/a:id/text()", namespaces=ATOM)
    noticing.at("2026-11-25 09:00")
    lifecycle.postpone(noticing.deployment, "〔2026〕第1号", who="tester", why="延期", effective_on=DAY("2026-12-25"))
    ids = zjj.atom().xpath("a:entry/a:id/text()", namespaces=ATOM)
    assert (len(set(ids)), ids[1]) == (2, first)
    assert zjj.days() == {"〔2026〕第1号@exchange-gateway": (DAY("2026-12-25"), "CONFIRMED")}
    noticing.at("2026-11-26 09:00")
    lifecycle.withdraw(noticing.deployment, "〔2026〕第1号", who="tester", why="取消改造")
    atom = zjj.atom()
    assert atom.xpath("a:entry/a:id/text()", namespaces=ATOM) == ids
    moments = ["2026-11-26T01:00:00Z", "2026-11-24T01:00:00Z"]
    assert atom.xpath("a:entry/a:updated/text()", namespaces=ATOM) == moments
    assert atom.xpath("a:updated/text()", namespaces=ATOM) == moments[:1]
    assert ["撤回" in title for title in zjj.titles()] == [True, False]
    assert zjj.days() == {"〔2026〕第1号@exchange-gateway": (DAY("2026-12-25"), "CANCELLED")}


def test_what_a_reader_has_is_not_sent_again(noticing: Noticing, client: TestClient) -> None:
    """By the ETag, also among others or marked weak; a new notice changes it."""
    zjj = reader(noticing, client)
    for name in ("atom", "ics"):
        tag = zjj.get(name).headers["etag"]
        for asked in (tag, f'"x", W/{tag}', "*"):
            again = zjj.get(name, headers={"If-None-Match": asked})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert zjj.get(name, headers={"If-None-Match": '"x"'}).status_code == 200
        head = client.head(f"/{zjj.raw}/notices.{name}")
        assert (head.status_code, head.headers["etag"]) == (200, tag)
    noticing.announce()
    assert zjj.get("ics", headers={"If-None-Match": tag}).status_code == 200


def test_tokens_that_open_nothing_look_alike(noticing: Noticing, client: TestClient) -> None:
    """Unknown, for another purpose, revoked, expired, and none at all."""
    noticing.announce()
    unknown = Reader(client, "gw-feed-" + "x" * 43).get("atom")
    assert unknown.status_code == 404
    api = Reader(client, tokens.make(noticing.deployment, "zjj", "api", who="tester").raw)
    revoked, late = reader(noticing, client), reader(noticing, client)
    tokens.revoke(noticing.deployment, 2, who="tester", why="泄露")
    noticing.at("2027-11-25 09:00")
    for one in (api, revoked, late):
        for name in ("atom", "ics"):
            found = one.get(name)
            assert (found.status_code, found.text) == (404, unknown.text)
    assert client.post(f"/{late.raw}/notices.atom").status_code == 405


def test_a_feed_takes_no_answer_and_tells_no_way_to_give_one(noticing: Noticing, client: TestClient) -> None:
    """Addresses of feeds get about: neither the link of the answer nor the token stands in one, and nothing caches it."""
    noticing.announce()
    zjj = reader(noticing, client)
    for name in ("atom", "ics"):
        found = zjj.get(name)
        assert "exchange/notices/" not in found.text
        assert zjj.raw not in found.text
        assert "private" in found.headers["cache-control"]
        assert found.headers["referrer-policy"] == "no-referrer"


def test_what_people_wrote_is_escaped(noticing: Noticing, client: TestClient) -> None:
    """For the XML and for the HTML in it; characters that XML forbids are shown by number."""
    lifecycle.announce(
        noticing.deployment, str(noticing.draft(reason="<script>alert(1)</script>\ufffe;,\\")), who="tester"
    )
    content = reader(noticing, client).atom().xpath("a:entry/a:content/text()", namespaces=ATOM)[0]
    assert "<script>" not in content
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\ufffe;,\\" in content


def test_a_notice_of_what_the_city_gave_up_is_left_out(noticing: Noticing) -> None:
    """The others are told still."""
    noticing.announce()
    with closing(noticing.deployment.hub()) as hub:
        rows = feeds.told(hub, "zjj")
    gone = replace(noticing.deployment.catalog, platforms={})
    assert feeds.atom(gone, rows, "zjj").count(b"<entry>") == 0
    assert feeds.calendar_of(gone, rows, "zjj").count(b"BEGIN:VEVENT") == 0


def test_a_hub_that_is_away_is_told_and_nothing_else(
    noticing: Noticing, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a time to come again; no address, no token."""
    zjj = reader(noticing, client)

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("connection to server at 10.0.0.1 failed")

    monkeypatch.setattr(feeds, "told", away)
    found = zjj.get("atom")
    assert (found.status_code, found.headers["retry-after"]) == (503, "30")
    assert "10.0.0.1" not in found.text
