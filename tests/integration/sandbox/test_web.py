"""The stand-in official site is a strict peer: tokens, pace, parameters, pages that stand still."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox import messages
from sandbox.messages import POST, REPLY
from sandbox.web import PAGE, WebSite


@pytest.fixture(scope="module")
def shared() -> Iterator[WebSite]:
    """Yield a filled site that no test changes."""
    with WebSite(per_second=10_000) as site:
        yield site


@pytest.fixture
def small() -> Iterator[WebSite]:
    """Yield a small site to write to."""
    with WebSite(posts=450, replies=60, per_second=10_000) as site:
        yield site


def token(site: WebSite) -> str:
    """Return a new token."""
    parts = urlsplit(site.dsn)
    form = {"grant_type": "client_credentials", "scope": "messages.read"}
    answer = requests.post(f"{site.url}/oauth/token", form, auth=(str(parts.username), str(parts.password)), timeout=5)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def get(site: WebSite, path: str, bearer: str | None = None, **query: Any) -> requests.Response:
    """Ask the site with a token of its own unless one is given."""
    headers = {"Authorization": f"Bearer {bearer or token(site)}"}
    return requests.get(site.url + path, query, headers=headers, timeout=5)


def by_cursor(site: WebSite, **query: Any) -> Iterator[dict[str, Any]]:
    """Yield all pages of messages."""
    bearer, following = token(site), None
    while True:
        more = {"cursor": following} if following else query
        data = get(site, "/v1/messages", bearer, **more).json()["data"]
        yield data
        if (following := data["next"]) is None:
            return


def everybody(site: WebSite, **query: Any) -> list[str]:
    """Return the numbers of all messages in the order of the pages."""
    return [item["message_id"] for data in by_cursor(site, **query) for item in data["items"]]


def test_pages_by_cursor_hold_every_message_once(shared: WebSite) -> None:
    """As many as declared, oldest change first, the contract's fields with the text inside `body`."""
    pages = list(by_cursor(shared))
    items = [item for data in pages for item in data["items"]]
    rows = {row["message_id"]: row for row in shared.rows(POST)}
    assert {data["total"] for data in pages} == {len(items)} == {len(rows)}
    assert {item["message_id"] for item in items} == set(rows)
    assert all(len(data["items"]) == PAGE for data in pages[:-1])
    assert [i["updated_at"] for i in items] == sorted(i["updated_at"] for i in items)
    first = items[0]
    assert first.pop("links")
    assert first | {"content": first.pop("body")["text"]} == rows[first["message_id"]]


def test_pages_of_replies_hold_every_reply_once(shared: WebSite) -> None:
    """Numbered pages; one past the end is empty."""
    pages = [get(shared, "/v1/replies", page=n, size=500).json()["items"] for n in (1, 2, 3)]
    found = [(i["message_id"], i["reply_no"]) for page in pages for i in page]
    assert sorted(found) == sorted((r["message_id"], r["reply_no"]) for r in shared.rows(REPLY))
    assert (len(pages[0]), pages[2]) == (500, [])


def test_what_is_bad_is_told(shared: WebSite) -> None:
    """Each bad record is there under its key; the one with a doubled name and the one with NaN are no strict JSON."""
    for dataset, keys in messages.KEYS.items():
        there = {tuple(row[k] for k in keys) for row in shared.rows(dataset)}
        assert [rule for key, rule in shared.bad[dataset] if key not in there] == []
        assert tuple(rule for _, rule in shared.bad[dataset]) == messages.breakable(dataset)
    texts = "".join(page.text for page in _raw_pages(shared))
    assert [texts.count(word) for word in ('{"title": "前一个标题"', "NaN", "\\u0000", "2026-02-30T")] == [1, 1, 1, 1]
    assert "\\ud83d" in get(shared, "/v1/replies", size=500, page=2).text


def _raw_pages(site: WebSite) -> Iterator[requests.Response]:
    bearer, following = token(site), None
    while True:
        answer = get(site, "/v1/messages", bearer, **({"cursor": following} if following else {}))
        yield answer
        if (following := answer.json()["data"]["next"]) is None:
            return


def test_filters_include_their_bounds(shared: WebSite) -> None:
    """`updated_after` and `updated_before` give what was changed in that time, both ends too; `since` the same."""
    stamps = sorted(datetime.fromisoformat(row["updated_at"]) for row in shared.rows(POST))
    low, high = stamps[300], stamps[700]
    found = everybody(shared, updated_after=low.isoformat(), updated_before=high.astimezone(UTC).isoformat())
    assert len(found) == sum(low <= s <= high for s in stamps)
    stamps = sorted(datetime.fromisoformat(row["updated_at"]) for row in shared.rows(REPLY))
    late = get(shared, "/v1/replies", since=int(stamps[-100].timestamp() * 1000), size=500).json()["items"]
    assert len(late) == sum(s >= stamps[-100] for s in stamps)


def test_a_read_by_cursor_stands_still(small: WebSite) -> None:
    """What is written, changed and deleted between two pages shows in the next read only."""
    before = {row["message_id"]: row["title"] for row in small.rows(POST)}
    pages = by_cursor(small)
    items = next(pages)["items"]
    unread = sorted(before.keys() - {item["message_id"] for item in items})
    new = small.add_post()["message_id"]
    small.edit(POST, (unread[0],), title="改过的标题")
    small.delete(POST, (unread[1],))
    items += [item for data in pages for item in data["items"]]
    assert {item["message_id"]: item["title"] for item in items} == before
    after = everybody(small)
    assert sorted(after) == sorted({*before, new} - {unread[1]})
    assert set(after[-2:]) == {new, unread[0]}


def test_a_deleted_record_leaves_no_trace(small: WebSite) -> None:
    """It is gone from every answer, and a second time nobody knows it."""
    gone = small.rows(REPLY)[0]
    key = (gone["message_id"], gone["reply_no"])
    small.delete(REPLY, key)
    items = get(small, "/v1/replies", size=500).json()["items"]
    assert key not in {(i["message_id"], i["reply_no"]) for i in items}
    with pytest.raises(KeyError):
        small.delete(REPLY, key)
    with pytest.raises(KeyError):
        small.edit(REPLY, key, reply="无")


def test_an_edit_may_hide_from_the_cursor(small: WebSite) -> None:
    """A change without a new stamp is what only a comparison finds."""
    row = small.rows(POST)[3]
    since = (datetime.now(UTC) - timedelta(seconds=5)).isoformat()
    small.edit(POST, (row["message_id"],), title="悄悄改了", updated_at=row["updated_at"])
    assert row["message_id"] not in everybody(small, updated_after=since)
    small.edit(POST, (row["message_id"],), title="公开改了")
    assert row["message_id"] in everybody(small, updated_after=since)


def test_a_reply_answers_its_message(small: WebSite) -> None:
    """The answer gets the next number, and its message becomes an answered one in the same moment."""
    post = small.add_post()
    answers = [small.add_reply(post["message_id"]) for _ in range(2)]
    assert [a["reply_no"] for a in answers] == [1, 2]
    (found,) = [r for r in small.rows(POST) if r["message_id"] == post["message_id"]]
    assert found["state"] == "3"
    assert found["updated_at"] >= answers[0]["updated_at"]


@pytest.mark.parametrize(
    ("auth", "form", "status", "error"),
    [
        (("gateway-x", "wrong"), {}, 401, "invalid_client"),
        (None, {}, 401, "invalid_client"),
        ("own", {"grant_type": "password"}, 400, "unsupported_grant_type"),
        ("own", {"scope": "messages.write"}, 400, "invalid_scope"),
        ("own", {"colour": "red"}, 400, "invalid_request"),
    ],
)
def test_no_token_without_the_right_credentials(
    shared: WebSite, auth: Any, form: dict[str, str], status: int, error: str
) -> None:
    """The errors of RFC 6749."""
    parts = urlsplit(shared.dsn)
    own = (str(parts.username), str(parts.password)) if auth == "own" else auth
    answer = requests.post(
        f"{shared.url}/oauth/token", {"grant_type": "client_credentials"} | form, auth=own, timeout=5
    )
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_credentials_may_stand_in_the_form(shared: WebSite) -> None:
    """The other way of RFC 6749."""
    parts = urlsplit(shared.dsn)
    form = {"grant_type": "client_credentials", "client_id": parts.username, "client_secret": parts.password}
    answer = requests.post(f"{shared.url}/oauth/token", form, timeout=5)
    assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic d3Jvbmc="}])
def test_a_wrong_token_is_refused(shared: WebSite, header: dict[str, str]) -> None:
    """401 with the scheme that would help."""
    for path in ("/v1/messages", "/v1/replies"):
        answer = requests.get(shared.url + path, headers=header, timeout=5)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')


def test_a_token_expires(small: WebSite) -> None:
    """By itself after its time, and at once when the site wants."""
    small.token_seconds = 0.3
    short = token(small)
    assert get(small, "/v1/replies", short).status_code == 200
    time.sleep(0.35)
    assert get(small, "/v1/replies", short).status_code == 401
    small.token_seconds = 60
    longer = token(small)
    small.expire_tokens()
    assert get(small, "/v1/replies", longer).status_code == 401


def test_too_many_requests_are_told_when_to_come_back(small: WebSite) -> None:
    """The seventh request of a second waits; after Retry-After it is served."""
    small.pace.per_second = 6
    bearer = token(small)
    answers = [get(small, "/v1/replies", bearer, size=1) for _ in range(8)]
    assert [a.status_code for a in answers] == [200] * 6 + [429] * 2
    time.sleep(int(answers[-1].headers["Retry-After"]))
    assert get(small, "/v1/replies", bearer, size=1).status_code == 200
    assert small.answers[429] == 2


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/messages", {"limit": 5}),
        ("/v1/messages", {"updated_after": "2026-09-30"}),  # no offset
        ("/v1/messages", {"updated_after": "yesterday"}),
        ("/v1/messages", {"updated_after": ["2026-09-30T00:00:00Z", "2026-10-01T00:00:00Z"]}),
        ("/v1/messages", {"cursor": "nonsense"}),
        ("/v1/replies", {"until": 5}),
        ("/v1/replies", {"size": 501}),
        ("/v1/replies", {"page": 0}),
        ("/v1/replies", {"since": "2026-09-30T00:00:00Z"}),
        ("/v1/replies", {"since": "１"}),  # a full-width digit
    ],
)
def test_what_the_site_does_not_know_is_refused(shared: WebSite, path: str, query: dict[str, Any]) -> None:
    """A misspelt filter must never mean everything."""
    answer = get(shared, path, **query)
    assert (answer.status_code, answer.json()["error"][:8]) == (400, "invalid_")


def test_a_cursor_belongs_to_its_filters(shared: WebSite) -> None:
    """The filters may come along or not, but not be changed."""
    since, bearer = "2026-01-01T00:00:00+08:00", token(shared)
    cursor = get(shared, "/v1/messages", bearer, updated_after=since).json()["data"]["next"]
    assert get(shared, "/v1/messages", bearer, cursor=cursor, updated_after=since).status_code == 200
    other = get(shared, "/v1/messages", bearer, cursor=cursor, updated_after="2026-02-01T00:00:00+08:00")
    assert (other.status_code, other.json()["error"]) == (400, "invalid_cursor")


def test_the_site_tells_its_time_and_nothing_else_is_served(shared: WebSite) -> None:
    """A Date header on errors too; no other path, no other method."""
    answer = requests.get(f"{shared.url}/v1/secrets", timeout=5)
    assert answer.status_code == 404
    assert abs(parsedate_to_datetime(answer.headers["Date"]) - datetime.now(UTC)) < timedelta(seconds=5)
    assert requests.delete(f"{shared.url}/v1/messages", timeout=5).status_code == 405


def test_a_stopped_site_comes_back_as_it_was(tmp_path: Path) -> None:
    """Same address, client, records, and a new process of the same file too; a stopped one refuses connections."""
    path, before = tmp_path / "web.sqlite", _threads()
    with WebSite(path, posts=30, replies=10) as site:
        dsn, new = site.dsn, site.add_post()
        site.stop()
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{site.url}/v1/replies", timeout=5)
        site.start()
        assert new["message_id"] in everybody(site)
        assert path.stat().st_mode & 0o777 == 0o600
    with WebSite(path, posts=1, replies=1) as again:
        assert (again.dsn, len(again.rows(REPLY))) == (dsn, 10 + len(messages.breakable(REPLY)))
        assert json.dumps(new) in map(json.dumps, again.rows(POST))
    assert _threads() == before


def _threads() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if t.name == "official site"}


def test_two_fills_have_different_clients() -> None:
    """A secret is made, never written down."""
    with WebSite(posts=10, replies=0) as one, WebSite(posts=10, replies=0) as other:
        first, second = urlsplit(one.dsn), urlsplit(other.dsn)
    assert first.username != second.username
    assert first.password != second.password
