"""The stand-in portal: signed, busy now and then, and its editors judge what was taken a moment ago."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from sandbox import sources
from sandbox.messages import POST
from sandbox.portal import BASE, LETTERS, Portal

COLUMNS = [column.name for column in sources.table("message.reply").columns]


@pytest.fixture
def portal() -> Iterator[Portal]:
    """Yield a portal in no hurry whose editors object to every second row."""
    with Portal(per_second=10_000, one_in=2) as portal:
        yield portal


def ask(portal: Portal, path: str, body: Any = None, query: str = "", key: str = "k" * 40) -> requests.Response:
    """Send a signed request, and again when the portal is busy."""
    parts, octets = urlsplit(portal.dsn), b"" if body is None else json.dumps(body).encode()
    method = "GET" if body is None else "POST"
    digest = hashes.Hash(hashes.SM3())
    digest.update(octets)
    while True:
        stamp, nonce = str(int(time.time())), secrets.token_hex(16)
        keyed = HMAC(str(parts.password).encode(), hashes.SM3())
        keyed.update("\n".join([method, f"{BASE}{path}", query, digest.copy().finalize().hex(), stamp, nonce]).encode())
        headers = {
            "X-Gateway-Key": str(parts.username), "X-Gateway-Timestamp": stamp, "X-Gateway-Nonce": nonce,
            "X-Gateway-Signature": keyed.finalize().hex(), "Idempotency-Key": key,
        }  # fmt: skip
        url = f"http://127.0.0.1:{parts.port}{BASE}{path}{f'?{query}' if query else ''}"
        answer = requests.request(method, url, data=octets, headers=headers, timeout=10)
        if answer.status_code != 503:
            return answer


def test_letters_come_page_by_page(portal: Portal) -> None:
    """The head of each page but the last names the next."""
    found: list[str] = []
    query, answer = "", ask(portal, "/letters")
    while True:
        found += [row["message_id"] for row in answer.json()["rows"]]
        if "next" not in answer.links:
            break
        query = urlsplit(answer.links["next"]["url"]).query
        answer = ask(portal, "/letters", query=query)
    assert sorted(found) == sorted(row["message_id"] for row in portal.rows(POST))
    assert len(found) == len(set(found)) == LETTERS + 1


def test_answers_are_taken_at_once_and_judged_later(portal: Portal) -> None:
    """Every row is kept, and those that an editor sends back are told after a moment, with the batch they came in."""
    items = [{"op": "put", **dict.fromkeys(COLUMNS), "message_id": f"m{n}", "reply_no": 1} for n in range(20)]
    answer = ask(portal, "/answers", {"batch": 7, "items": items})
    assert (answer.status_code, answer.json()["counts"]["inserted"], answer.json()["refused"]) == (202, 20, [])
    assert ask(portal, "/answers/verdicts").json()["rows"] == []
    deadline = time.monotonic() + 10
    while not (told := ask(portal, "/answers/verdicts").json()["rows"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert 0 < len(told) < 20
    assert {(one["batch"], one["reply_no"], one["error"]) for one in told} == {(7, 1, "E201")}
    assert ask(portal, "/letters/verdicts").json()["rows"] == []


def test_one_request_in_nine_finds_it_busy(portal: Portal) -> None:
    """Whoever asks: come back in a second."""
    for _ in range(18):
        ask(portal, "/answers/verdicts")
    assert portal.answers[503] == 2


def test_an_unsigned_request_is_nobodys(portal: Portal) -> None:
    """Nothing is told to it."""
    assert requests.get(f"{portal.url}/letters", timeout=10).status_code == 401


def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    """The third request of a second waits."""
    with Portal(per_second=2) as portal:
        answers = [ask(portal, "/answers/verdicts") for _ in range(3)]
        assert [a.status_code for a in answers] == [200, 200, 429]
        assert answers[2].headers["Retry-After"] == "1"
