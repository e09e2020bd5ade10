"""The stand-in guide app: strict about who asks and what is sent, and it takes a page once."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.app import GuideApp

ITEM = {
    "code": "130802000000", "validFrom": "2020-01-01", "validTo": None, "replacedBy": None, "name": "双桥区", "level": "3",
    "kind": "A", "parent": "130800000000", "source": "民政部", "action": "save",
}  # fmt: skip
BODY = {"batchNo": 7, "sentAt": "2026-11-24T12:00:00+08:00", "sender": "130800"}
KEY = "k" * 40


@pytest.fixture
def app() -> Iterator[GuideApp]:
    """Yield an app that refuses nothing by lot and is in no hurry."""
    with GuideApp(share=10**9, per_second=10_000) as started:
        yield started


def ask(
    app: GuideApp, body: Any = None, key: str = KEY, path: str = "/v1/divisions", query: str = "", **signed: str
) -> requests.Response:
    """Send a signed request; `signed` replaces parts of the signature's headers."""
    parts = urlsplit(app.dsn)
    octets = b"" if body is None else json.dumps(body).encode()
    method, target = ("GET" if body is None else "POST"), f"{parts.path}{path}"
    stamp, nonce = signed.get("stamp", str(int(time.time()))), signed.get("nonce", secrets.token_hex(16))
    text = "\n".join([method, target, query, hashlib.sha256(octets).hexdigest(), stamp, nonce])
    found = hmac.new((parts.password or "").encode(), text.encode(), "sha256").hexdigest()
    headers = {
        "X-Gateway-Key": parts.username or "", "X-Gateway-Timestamp": stamp, "X-Gateway-Nonce": nonce,
        "X-Gateway-Signature": signed.get("signature", found), "Idempotency-Key": key,
    }  # fmt: skip
    url = f"http://127.0.0.1:{parts.port}{target}{f'?{query}' if query else ''}"
    sent = signed.get("sent", octets.decode()).encode()
    return requests.request(method, url, data=sent, headers=headers, timeout=10)


def page(*items: Any) -> dict[str, Any]:
    """Return the body of a page."""
    return {**BODY, "data": {"items": list(items)}}


def test_a_page_is_taken_once(app: GuideApp) -> None:
    """Under its key it is answered as before, whatever comes with it; under another it is an update."""
    first = ask(app, page(ITEM)).json()
    assert first == {
        "code": 0,
        "message": "ok",
        "repeated": False,
        "result": {"inserted": 1, "updated": 0, "deleted": 0, "failed": []},
    }
    assert ask(app, page({**ITEM, "name": "另一个"})).json() == {**first, "repeated": True}
    assert [row["name"] for row in app.held()] == ["双桥区"]
    assert ask(app, page(ITEM), key="x" * 40).json()["result"]["updated"] == 1
    gone = {"code": ITEM["code"], "validFrom": ITEM["validFrom"], "action": "remove"}
    assert ask(app, page(gone), key="y" * 40).json()["result"]["deleted"] == 1
    assert app.held() == []


@pytest.mark.parametrize(
    "signed",
    [
        {"signature": "0" * 64},
        {"sent": json.dumps(page({**ITEM, "name": "换过的"}))},  # a body other than was signed
        {"stamp": str(int(time.time()) - 4000)},
        {"nonce": "short"},
    ],
)
def test_a_request_that_is_not_proven_is_refused(app: GuideApp, signed: dict[str, str]) -> None:
    """Nothing of it is taken."""
    assert ask(app, page(ITEM), **signed).status_code == 401
    assert app.held() == []


def test_a_nonce_is_used_once(app: GuideApp) -> None:
    """A request that somebody recorded is worth nothing."""
    assert [ask(app, page(ITEM), nonce="n" * 32).status_code for _ in range(2)] == [200, 401]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        page(),
        page({**ITEM, "surprise": 1}),
        page({k: v for k, v in ITEM.items() if k != "name"}),
        page({**ITEM, "name": None}),
        page({**ITEM, "action": "think"}),
        page({**ITEM, "validFrom": "30 February"}),
        {**page(ITEM), "batchNo": "x"},
        page(*[ITEM] * 301),
    ],
)
def test_a_body_of_another_form_is_refused(app: GuideApp, body: Any) -> None:
    """As a whole, and nothing of it is taken."""
    assert ask(app, body).status_code == 400
    assert app.held() == []


def test_a_page_needs_a_key(app: GuideApp) -> None:
    """Without one nobody could tell a repetition."""
    assert ask(app, page(ITEM), key="short").status_code == 400


def test_rows_are_refused_at_once_and_later() -> None:
    """By lot, always the same ones; what the editor finds is asked for from a moment on."""
    items = [{**ITEM, "code": f"1308020{n:05}"} for n in range(200)]
    with GuideApp(share=20, per_second=10_000) as app:
        result = ask(app, page(*items)).json()["result"]
        failed = {one["code"] for one in result["failed"]}
        told = ask(app, path="/v1/verdicts", query="page=1&since=0&size=100").json()["result"]
        assert 0 < len(failed) < 40
        assert result["inserted"] == 200 - len(failed) == len(app.held())
        assert told
        assert not failed & {one["code"] for one in told}
        assert ask(app, path="/v1/verdicts", query="since=99999999999999").json()["result"] == []
        assert ask(app, path="/v1/verdicts", query="since=soon").status_code == 400


def test_too_many_requests_have_to_wait() -> None:
    """The app says how long."""
    with GuideApp(per_second=2) as app:
        answers = [ask(app, path="/v1/verdicts") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert answers[-1].headers["Retry-After"] == "1"


def test_a_stopped_app_comes_back_as_it_was(tmp_path: Path) -> None:
    """Address, account, divisions and known pages outlive it."""
    with GuideApp(tmp_path / "app.sqlite", share=10**9) as app:
        dsn, first = app.dsn, ask(app, page(ITEM)).json()
    with GuideApp(tmp_path / "app.sqlite", share=10**9) as app:
        assert app.dsn == dsn
        assert ask(app, page(ITEM)).json() == {**first, "repeated": True}
        assert len(app.held()) == 1
