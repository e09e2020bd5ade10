"""Callbacks: what a platform tells by itself is proven first, counts once, and is entered by the next delivery."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg2
import pytest
import requests
import uvicorn
from fastapi import FastAPI
from requests import Response

from gateway.exchange import quarantine
from gateway.security.signing import HEADERS, Signer
from sandbox.running import ROOT
from tests.integration.conftest import PERSON
from tests.integration.exchange import test_rest_delivery
from tests.integration.exchange.test_rest_delivery import ONE, OUT, App

sys.path.insert(0, str(ROOT / "plugins"))
from exchange_app import callbacks

delivered = test_rest_delivery.app
PATH = f"/exchange/callbacks/app/{PERSON.name}"
OLD, NEW = Signer("portal-1", "first secret", "sm3"), Signer("portal-2", "second secret", "sm3")
JUDGED = "2026-11-24T13:00:00+08:00"


def verdict(number: str, **changes: Any) -> dict[str, Any]:
    """Return a verdict as the platform tells it, asked or not."""
    return {"no": number, "id": ONE, "error": "E9", "message": "审核不通过", "judged": JUDGED, **changes}


@dataclass
class Portal:
    """A platform that calls; what a test changes in a call is changed after it was signed."""

    app: App
    url: str

    def call(
        self, *verdicts: Any, body: bytes | None = None, sent: bytes | None = None, method: str = "POST",
        path: str = PATH, called: str | None = None, stamp: float | None = None, nonce: str | None = None,
        key: Signer = OLD, **headers: str,
    ) -> Response:  # fmt: skip
        """Sign method, path and body, and send them, or others in their place."""
        body = json.dumps({"items": list(verdicts)}).encode() if body is None else body
        moment, once = str(int(time.time() if stamp is None else stamp)), nonce or secrets.token_hex(16)
        signed = key.signature(method, path, "", body, moment, once)
        proof = dict(zip(HEADERS, (key.user, moment, once, signed), strict=True)) | headers
        return requests.post(
            self.url + (called or path), data=body if sent is None else sent, headers=proof, timeout=20
        )

    def waiting(self) -> list[Any]:
        """Return the names of what no run has entered yet."""
        return [row[0] for row in self.app.city.ask("select verdict from gateway.callback order by 1")]

    def nonces(self) -> int:
        """Return how many nonces are known."""
        return int(self.app.city.ask("select count(*) from gateway.callback_nonce")[0][0])


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Yield the address of a server that mounts the callbacks as Airflow does."""
    outer = FastAPI()
    outer.mount(callbacks.PREFIX, callbacks.app)
    listener = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(outer, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=running.run, args=([listener],))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    running.should_exit = True
    thread.join(20)


@pytest.fixture
def portal(delivered: App, server: str, monkeypatch: pytest.MonkeyPatch) -> Portal:
    """Return a platform that has taken everything and may call."""
    delivered.deliver()
    city = delivered.city
    catalog = city.deployment.catalog
    options = {
        **catalog.platforms["app"].options,
        "callbacks": {"connections": ["CALLS", "CALLS_NEXT"], "digest": "sm3"},
    }
    platform = replace(catalog.platforms["app"], options=options)
    routes = {**catalog.routes, OUT: replace(catalog.routes[OUT], peer=platform)}
    city.deployment = replace(
        city.deployment, catalog=replace(catalog, platforms={**catalog.platforms, "app": platform}, routes=routes)
    )
    monkeypatch.setenv("GATEWAY_CONN_CALLS", "https://portal-1:first%20secret@portal.example")
    monkeypatch.setattr(callbacks, "_deployment", lambda _: city.deployment)
    return Portal(delivered, server)


def test_verdict_that_is_told_enters_with_the_next_delivery(portal: Portal) -> None:
    """It is kept at once; the next run puts the row into quarantine in the platform's words, and forgets the call."""
    answer = portal.call(verdict("v1"))
    assert (answer.status_code, answer.json(), portal.waiting()) == (200, {"kept": 1}, ["v1"])
    assert portal.app.deliver().rejects == {"peer.E9": 1}
    assert (portal.app.entries(), portal.waiting()) == ([("peer.E9", "open")], [])
    assert portal.app.city.ask("select words from gateway.quarantine") == [("审核不通过",)]
    assert portal.app.deliver().rejected == 0
    portal.app.assert_whole()


def test_verdict_counts_once_however_often_it_is_told(portal: Portal) -> None:
    """Called twice, asked for as well, and called once more when it was entered long ago: one entry."""
    assert [portal.call(verdict("v1")).json() for _ in range(2)] == [{"kept": 1}, {"kept": 0}]
    portal.app.judge("v1")
    assert portal.app.deliver().rejects == {"peer.E9": 1}
    assert portal.call(verdict("v1")).json() == {"kept": 0}
    assert (portal.app.deliver().rejected, portal.waiting()) == (0, [])
    assert portal.app.city.ask("select verdict, state from gateway.verdict") == [("v1", "entered")]


def test_caller_is_told_when_its_interface_is_about_to_change(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a notice about the platform's data set stands, each answer says from when and until when, and where to read on."""
    monkeypatch.setenv("GATEWAY_PUBLIC_URL", "https://data.example.gov.cn")
    assert "Deprecation" not in portal.call(verdict("v1")).headers
    portal.app.city.ask(
        "insert into gateway.notice (number, platform, dataset, publisher, origin, state, revision) "
        "values ('〔2026〕第1号', 'app', %s, 'gxj', 'test', 'announced', 1)",
        (PERSON.name,),
    )
    portal.app.city.ask(
        "insert into gateway.notice_revision (notice, revision, class, effective_on, transition_until, announced_at, basis, body) "
        "select notice, 1, 'major', '2026-12-15', '2027-01-13', now(), 'official', '{}' from gateway.notice"
    )
    answer = portal.call(verdict("v2"))
    assert (answer.json(), answer.headers["Deprecation"]) == ({"kept": 1}, "@1797264000")
    assert answer.headers["Sunset"] == "Wed, 13 Jan 2027 16:00:00 GMT"
    assert "https://data.example.gov.cn/exchange/notice/" in answer.headers["Link"]


def test_verdict_on_a_row_that_nobody_knows_stops_nothing(portal: Portal) -> None:
    """It is counted as unknown beside the one that is entered; its text is stored as far as a database can hold it."""
    portal.call(verdict("v1", id="nobody"), verdict("v2", message="a\0b\ud83d"))
    assert portal.app.deliver().rejects == {"peer.E9": 1}
    assert portal.app.city.ask("select verdict, state from gateway.verdict order by 1") == [
        ("v1", "unknown"), ("v2", "entered"),
    ]  # fmt: skip
    assert portal.waiting() == []


def other(secret: str) -> Signer:
    """Return the platform's key with another secret."""
    return replace(OLD, secret=secret)


NOT_PROVEN: dict[str, Callable[[Portal], Response]] = {
    "another body": lambda p: p.call(verdict("v1"), sent=b'{"items": []}'),
    "another method": lambda p: p.call(verdict("v1"), method="PUT"),
    "another platform": lambda p: p.call(verdict("v1"), called=f"/exchange/callbacks/pop/{PERSON.name}"),
    "another data set": lambda p: p.call(verdict("v1"), called="/exchange/callbacks/app/other.person"),
    "a query that was not signed": lambda p: p.call(verdict("v1"), called=f"{PATH}?all=1"),
    "no such platform": lambda p: p.call(verdict("v1"), path="/exchange/callbacks/nobody/test.person"),
    "another secret": lambda p: p.call(verdict("v1"), key=other("guessed")),
    "an unknown key": lambda p: p.call(verdict("v1"), key=replace(OLD, user="portal-9")),
    "a key that is not valid yet": lambda p: p.call(verdict("v1"), key=NEW),
    "another digest": lambda p: p.call(verdict("v1"), key=replace(OLD, digest="sha256")),
    "too old": lambda p: p.call(verdict("v1"), stamp=time.time() - 302),
    "too early": lambda p: p.call(verdict("v1"), stamp=time.time() + 302),
    "another moment": lambda p: p.call(verdict("v1"), **{HEADERS[1]: str(int(time.time()) + 9)}),
    "no moment": lambda p: p.call(verdict("v1"), **{HEADERS[1]: "now"}),
    "digits that are none": lambda p: p.call(verdict("v1"), **{HEADERS[1]: "\xb2"}),
    "another nonce": lambda p: p.call(verdict("v1"), **{HEADERS[2]: "n" * 32}),
    "a short nonce": lambda p: p.call(verdict("v1"), nonce="short"),
    "no signature": lambda p: p.call(verdict("v1"), **{HEADERS[3]: ""}),
}


def test_call_that_is_not_proven_does_nothing(portal: Portal) -> None:
    """The answer is the same whatever was wrong, nothing is kept, and no nonce is used up."""
    answers = {case: call(portal) for case, call in NOT_PROVEN.items()}
    assert {case: (a.status_code, a.text) for case, a in answers.items()} == dict.fromkeys(
        NOT_PROVEN, (401, '{"detail":"not proven"}')
    )
    assert (portal.waiting(), portal.nonces()) == ([], 0)
    assert portal.call(verdict("v1")).status_code == 200


def test_call_that_is_repeated_is_refused(portal: Portal) -> None:
    """A nonce is good once, also for a call that held nothing of use; it is forgotten when its call is too old."""
    once = "n" * 32
    assert portal.call(verdict("v1"), nonce=once).status_code == 200
    assert portal.call(verdict("v2"), nonce=once).status_code == 401
    assert (portal.waiting(), portal.nonces()) == (["v1"], 1)
    portal.app.city.ask("update gateway.callback_nonce set expires_at = now() - interval '1 second'")
    assert (portal.call(verdict("v3")).status_code, portal.nonces()) == (200, 1)


GARBAGE: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"<verdicts/>",
    "cut off": b'{"items": [{"no": "v1"',
    "no array": b'{"items": {}}',
    "a repeated key": b'{"items": [{"no": "v1", "no": "v2", "id": "x", "judged": "2026-11-24T13:00:00+08:00"}]}',
    "no object": b'{"items": ["v1"]}',
    "one good and one bad": json.dumps({"items": [verdict("v1"), {}]}).encode(),
    "no name": b'{"items": [{"id": "x", "error": "E9", "judged": "2026-11-24T13:00:00+08:00"}]}',
    "no time": b'{"items": [{"no": "v1", "id": "x", "error": "E9", "judged": "yesterday"}]}',
    "a long name": json.dumps({"items": [verdict("v" * 201)]}).encode(),
    "nested": b"[" * 200,
    "not UTF-8": b'{"items": [{"no": "\xff"}]}',
}


def test_garbage_of_a_proven_platform_is_told_to_it(portal: Portal) -> None:
    """The call is refused as a whole, and the answer repeats no value."""
    answers = {case: portal.call(body=body) for case, body in GARBAGE.items()}
    assert {case: a.status_code for case, a in answers.items()} == dict.fromkeys(GARBAGE, 422)
    assert {a.json()["code"] for a in answers.values()} == {"GW-203", "GW-204"}
    assert not any("yesterday" in a.text for a in answers.values())
    assert portal.waiting() == []


def test_data_set_that_is_not_delivered_there_is_told_to_the_platform(portal: Portal) -> None:
    """Only who is proven learns it."""
    answer = portal.call(verdict("v1"), path="/exchange/callbacks/app/other.person")
    assert (answer.status_code, answer.json()["code"]) == (422, "GW-204")


def test_body_beyond_all_measure_is_not_read(portal: Portal) -> None:
    """Its length decides, whatever it holds."""
    answer = portal.call(body=b" " * 1_048_577)
    assert (answer.status_code, portal.nonces()) == (413, 0)


def test_two_keys_are_valid_while_one_follows_the_other(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next key is added, both prove, and the old one ends."""
    monkeypatch.setenv("GATEWAY_CONN_CALLS_NEXT", "https://portal-2:second%20secret@portal.example")
    assert [portal.call(verdict(n), key=k).status_code for n, k in (("v1", OLD), ("v2", NEW))] == [200, 200]
    monkeypatch.delenv("GATEWAY_CONN_CALLS")
    assert [portal.call(verdict(n), key=k).status_code for n, k in (("v3", OLD), ("v4", NEW))] == [401, 200]


def test_connection_that_cannot_be_used_proves_nobody(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """How the gateway is set up is no stranger's business."""
    monkeypatch.setenv("GATEWAY_CONN_CALLS", "nonsense")
    answer = portal.call(verdict("v1"))
    assert (answer.status_code, answer.json()) == (401, {"detail": "not proven"})


def test_platform_that_declares_no_calls_makes_none(portal: Portal) -> None:
    """A platform of another kind, and one of this kind that does not say so."""
    city = portal.app.city
    catalog = city.deployment.catalog
    silent = replace(catalog.platforms["app"], options=test_rest_delivery.OPTIONS)
    city.deployment = replace(city.deployment, catalog=replace(catalog, platforms={**catalog.platforms, "app": silent}))
    assert portal.call(verdict("v1")).status_code == 401
    assert portal.call(verdict("v1"), path="/exchange/callbacks/pop/test.person").status_code == 401


def test_hub_that_is_away_asks_to_come_again(portal: Portal) -> None:
    """503 without a word about the hub; nothing is lost, since the nonce was not taken."""
    city = portal.app.city
    there, city.deployment = city.deployment, replace(city.deployment, hub_dsn="postgresql://u:p@127.0.0.1:9/hub")
    answer = portal.call(verdict("v1"), nonce="n" * 32)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json() == {"code": "GW-401", "detail": "try again later"}
    city.deployment = there
    assert portal.call(verdict("v1"), nonce="n" * 32).status_code == 200


def test_private_keys_are_not_needed(portal: Portal) -> None:
    """The server that takes calls need not hold what signs receipts."""
    shutil.rmtree(portal.app.city.home / "keys")
    assert portal.call(verdict("v1")).status_code == 200


def test_what_is_told_is_kept_from_who_reports(portal: Portal) -> None:
    """A key may be a personal number: the role of the pages cannot read what waits."""
    portal.call(verdict("v1"))
    hub = portal.app.city.hub
    hub.autocommit = False
    with hub.cursor() as cursor:
        cursor.execute("set role gateway_report")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("select key from gateway.callback")
    hub.rollback()
    hub.autocommit = True


def test_run_that_breaks_off_loses_no_call(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told goes in the transaction that enters it, or stays."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    portal.call(verdict("v1"))
    with monkeypatch.context() as patch:
        patch.setattr(quarantine, "seal", broken)
        with pytest.raises(RuntimeError):
            portal.app.deliver()
    assert (portal.waiting(), portal.app.entries()) == (["v1"], [])
    assert portal.app.deliver().rejects == {"peer.E9": 1}
